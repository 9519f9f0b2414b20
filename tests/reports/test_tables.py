"""CSV, Markdown and LaTeX: the numbers of the leaderboard, and no name that breaks the file."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any, cast

import pandas as pd
import pytest

from benchbench.errors import BenchError
from benchbench.reports.escape import latex, markdown, visible
from benchbench.reports.leaderboard.marks import Marked
from benchbench.reports.leaderboard_files import render_table, write_tables
from benchbench.reports.number_format import fixed
from benchbench.reports.table_options import TableOptions
from benchbench.results.record import Record
from benchbench.stats import leaderboard


def test_csv_is_the_leaderboard_at_full_precision(plain: Record) -> None:
    read = pd.read_csv(
        io.StringIO(render_table(Marked.of(plain), "csv")), keep_default_na=False, na_values={"mean": [""]}
    )
    tidy = leaderboard(plain.results, seed=0)
    assert list(read.columns) == [*tidy.columns, "rank", "groups", "error", "best", "second", "worse", "p"]
    pd.testing.assert_series_equal(read["mean"], tidy["mean"], check_exact=True)
    assert read["reason"].tolist() == tidy["reason"].tolist()


def test_csv_keeps_hostile_names(hostile: Record) -> None:
    read = pd.read_csv(io.StringIO(render_table(Marked.of(hostile), "csv")))
    assert set(read["method"]) == set(map(visible, hostile.results["method"]))


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_markdown_has_a_row_per_method_with_its_numbers(plain: Record) -> None:
    text = render_table(Marked.of(plain), "markdown")
    marked = Marked.of(plain)
    block = marked.board.blocks[0]
    lines = [cells(line) for line in text.split("### ")[1].splitlines() if line.startswith("|")]
    assert lines[0][1:4] == ["deletion AUC ↓", "insertion AUC ↑", "average drop ↓"]
    assert len({len(line) for line in lines}) == 1
    for row in block.rows:
        (line,) = [line for line in lines if line[0] == markdown(row.method)]
        for cell, written in zip(row.cells, line[1:], strict=True):
            plain_text = re.sub(r"<sup>\d</sup>|\*\*|</?ins>|†", "", written)
            assert plain_text == " ".join(p for p in (cell.text, cell.interval) if p)
            assert written.startswith("**") == cell.best
            shown = marked.shown(block, row.method, cell.metric.name, cell.metric.protocol)
            assert shown is not None
            assert ("†" in written, written.startswith("<ins>")) == (shown.mark.worse, shown.mark.second)
    assert "average drop masked-image, lower is better" in text


def test_markdown_shows_hostile_names_as_text(hostile: Record) -> None:
    text = render_table(Marked.of(hostile), "markdown")
    assert "<script" not in text
    assert "\u202e" not in text
    widths = {len(cells(line)) for line in text.splitlines() if line.startswith("|")}
    assert widths == {9}


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("a_b & 50%", r"a\_b \& 50\%"),
        ("gradcam++", "gradcam++"),
        ("Müller", r"M\"{u}ller"),
        ("\\input{x}", r"\textbackslash{}input\{x\}"),
        ("\u05e9", r"\texttt{U+05E9}"),
        ("a\n\\end", r"a \textbackslash{}end"),
        ("--", "{-}{-}"),
    ],
)
def test_latex_escapes(text: str, safe: str) -> None:
    assert latex(text) == safe


def test_markdown_escapes() -> None:
    assert markdown("a|b\n*c* <i> [x](y)") == r"a\|b \*c\* &lt;i&gt; \[x\](y)"


def test_invisible_characters_are_made_visible() -> None:
    assert visible("a\u202eb\x00c\u2066d\te") == "a\ufffdb\ufffdc\ufffdd\te"


def test_files_are_written(plain: Record, tmp_path: Path) -> None:
    written = write_tables(Marked.of(plain), tmp_path / "tables")
    names = [
        "leaderboard.csv",
        "leaderboard.md",
        "leaderboard.tex",
        "compact.tex",
        "supplementary.tex",
        "references.bib",
    ]
    assert [path.name for path in written] == names
    assert written[1].read_text(encoding="utf-8") == render_table(Marked.of(plain), "markdown")


def test_an_unknown_format_is_an_error(plain: Record) -> None:
    with pytest.raises(BenchError, match="Did you mean 'markdown'"):
        render_table(Marked.of(plain), cast(Any, "markdwn"))


def test_what_has_no_meaning_is_refused(plain: Record) -> None:
    with pytest.raises(BenchError, match="csv has no style 'compact'"):
        render_table(Marked.of(plain), "csv", TableOptions(style="compact"))
    with pytest.raises(BenchError, match="unknown spread 'sd'"):
        render_table(Marked.of(plain), "markdown", TableOptions(spread="sd"))


def test_markdown_says_the_spread_that_was_asked(plain: Record) -> None:
    shown = next(each for each in Marked.of(plain).cells.values() if each.mark.best and not each.cell.metric.is_cost)
    assert f"**{shown.cell.text}** ± {fixed(shown.mark.error, shown.cell.metric.decimals)}" in render_table(
        Marked.of(plain), "markdown", TableOptions(spread="se")
    )
    assert "[" not in "".join(
        line
        for line in render_table(Marked.of(plain), "markdown", TableOptions(spread="none")).splitlines()
        if line.startswith("|")
    )
