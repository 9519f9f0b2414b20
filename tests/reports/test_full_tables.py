"""The terminal's full tables: all numbers, in the width of the terminal."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from benchbench.reports.leaderboard.board import Board
from benchbench.reports.leaderboard.marks import Marked
from benchbench.reports.terminal.full_tables import FullTables
from benchbench.results.record import Record

from .fake import CAM_REASON, Fake, fake_record


def printed(record: Record, color: bool = False, width: int = 80) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=color, color_system="standard" if color else None)
    console.print(FullTables(Marked.of(record)))
    return out.getvalue()


def test_every_number_is_there_whole(plain: Record) -> None:
    text = printed(plain)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 80
    assert "…" not in text
    for block in Board(plain).blocks:
        for row in block.rows:
            for cell in row.cells:
                assert cell.text in text
                assert cell.interval[1:-1].replace(", ", " ") in text
    assert "del ↓" in text
    assert "ins ↑" in text


def test_why_there_is_no_number_is_said_once_per_block(plain: Record) -> None:
    text = " ".join(printed(plain).split())
    assert text.count(f"(1) cam: not applicable: {CAM_REASON}") == 2
    assert "n/a (1)" in text


def test_the_best_is_bold(single: Record) -> None:
    board = Board(single)
    (contest,) = [c for c in board.contests if c.key[3] == "deletion"]
    (row,) = [row for row in board.blocks[0].rows if row.method == board.tidy.loc[contest.best[0], "method"]]
    assert f"\x1b[1m{row.cells[0].text}\x1b[0m" in printed(single, color=True)


def test_ranks_letters_and_daggers(plain: Record) -> None:
    text, marked = printed(plain), Marked.of(plain)
    ranked = [shown.mark for shown in marked.cells.values() if shown.mark.letters]
    assert ranked
    assert all(f"#{mark.rank:.1f} {mark.letters}" in text for mark in ranked)
    daggers = sum(shown.mark.worse for shown in marked.cells.values())
    assert daggers > 0
    assert text.count("†") == daggers + len(marked.board.blocks), "and once in each legend"
    assert "two methods share a letter if they do not differ significantly" in " ".join(text.split())


def test_long_names_fold(tmp_path: Path) -> None:
    name = "scorecam(" + "variant=torchcam, " * 6 + ")"
    text = printed(fake_record(tmp_path, Fake(methods=["gradcam", name], samples=["s", "t", "u"])))
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 80
    assert "…" not in text


def test_names_are_not_markup(hostile: Record, tmp_path: Path) -> None:
    text = printed(
        fake_record(tmp_path, Fake(models=["[bold]net[/]"], methods=["[link=x]a", "[/]"], samples=["s", "t"]))
    )
    assert "[bold]net[/]" in text
    assert "[link=x]a" in text
    assert "\u202e" not in printed(hostile)


def test_a_wide_terminal_is_used(single: Record) -> None:
    texts = [printed(single, width=width) for width in (60, 160)]
    narrow, wide = (sum(set(line.strip()) == {"─"} for line in text.splitlines()) for text in texts)
    assert narrow > wide == 2, "a table of quality and one of cost"
