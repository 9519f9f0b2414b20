"""The leaderboard as files: CSV for programs, Markdown for a README, LaTeX for a paper."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

from ..errors import BenchError, nearest
from ..table import Record
from . import latex
from .board import Block, Board, Cell, Metric, Row
from .text import markdown

Format: TypeAlias = Literal["latex", "markdown", "csv"]
SUFFIXES: dict[Format, str] = {"csv": "csv", "markdown": "md", "latex": "tex"}


def render_table(record: Record, format: str) -> str:
    """The run's leaderboard as text.

    ``csv`` is the tidy table of ``benchbench.stats.leaderboard`` at full precision; the others hold one table per
    model, dataset and layer, methods x metrics, rounded by the size of the intervals.

    Raises:
        BenchError: an unknown format.
    """
    board = Board(record)
    if format == "csv":
        return board.plain.to_csv(index=False, lineterminator="\n")
    if format == "markdown":
        return "\n".join(_markdown(block) for block in board.blocks)
    if format == "latex":
        return latex.render(board)
    raise BenchError(f"unknown format {format!r}", where="--format", hint=nearest(format, ["html", *SUFFIXES]))


def write_tables(record: Record, folder: Path) -> list[Path]:
    """Write leaderboard.csv, leaderboard.md and leaderboard.tex into the folder; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for format, suffix in SUFFIXES.items():
        path = folder / f"leaderboard.{suffix}"
        path.write_text(render_table(record, format), encoding="utf-8")
        written.append(path)
    return written


def _markdown(block: Block) -> str:
    title = " · ".join(markdown(part) for part in (block.model, block.dataset, block.layer))
    lines = [
        f"### {title}",
        "",
        _caption(block),
        "",
        _line(["Method", *(_heading(metric) for metric in block.metrics)]),
        _line([":--", *("--:" for _ in block.metrics)]),
        *(_row(row) for row in block.methods),
    ]
    if block.controls:
        lines += [_line(["*Controls*", *("" for _ in block.metrics)]), *(_row(row) for row in block.controls)]
    lines.append("")
    lines += [f"{number}. {markdown(text)}" for number, text in enumerate(block.footnotes, start=1)]
    return "\n".join(lines) + ("\n" if block.footnotes else "")


def _caption(block: Block) -> str:
    protocols = "; ".join(f"{markdown(m.title)} {markdown(m.protocol)}, {m.direction}" for m in block.metrics)
    quartiles = " (quartiles for measured costs)" if block.costs else ""
    return (
        f"Mean over images ({block.images} at most) with 95 % bootstrap interval{quartiles}; best mean in bold, "
        f"controls apart; no significance test. Protocols: {protocols}."
    )


def _heading(metric: Metric) -> str:
    unit = f" ({markdown(metric.unit)})" if metric.is_cost and metric.unit else ""
    return f"{markdown(metric.title)}{unit} {metric.arrow}"


def _row(row: Row) -> str:
    return _line([markdown(row.method), *(_cell(cell) for cell in row.cells)])


def _cell(cell: Cell) -> str:
    marks = "".join(f"<sup>{note}</sup>" for note in cell.notes)
    number = f"**{cell.text}**" if cell.best else cell.text
    return " ".join(part for part in (number + marks, cell.interval) if part)


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
