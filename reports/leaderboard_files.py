"""The leaderboard as files: CSV for programs, Markdown for a README, LaTeX for a paper."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

from ..errors import BenchError, nearest
from ..files import publish
from .escape import csv
from .latex import leaderboard as latex
from .leaderboard.display_names import with_ids
from .leaderboard.marks import Marked
from .markdown import markdown_table

Format: TypeAlias = Literal["latex", "markdown", "csv"]
SUFFIXES: dict[Format, str] = {"csv": "csv", "markdown": "md", "latex": "tex"}


def render_table(marked: Marked, format: str, style: str = "full", spread: str = "interval") -> str:
    """The run's leaderboard as text.

    ``csv`` is the tidy table of ``Run.leaderboard`` at full precision, with its marks and the names of study files; the
    others hold methods x metrics under their display names, rounded by the size of the intervals.

    Args:
        style, spread: of ``latex``, see ``latex.render``; ``spread`` of ``markdown`` too.

    Raises:
        BenchError: an unknown format, style or spread.
    """
    if style != "full" and format in ("csv", "markdown"):
        raise BenchError(
            f"{format} has no style {style!r}", where="--style", hint="Leave it out, or say --format latex"
        )
    if format == "csv":
        return csv(with_ids(marked.table(), marked.board.record.info))
    if format == "markdown":
        return markdown_table(marked, spread)
    if format == "latex":
        return latex.render(marked, style, spread)
    raise BenchError(f"unknown format {format!r}", where="--format", hint=nearest(format, ["html", "pdf", *SUFFIXES]))


def write_tables(marked: Marked, folder: Path) -> list[Path]:
    """Write leaderboard.csv, .md and .tex, compact.tex and supplementary.tex into the folder; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {f"leaderboard.{suffix}": render_table(marked, format) for format, suffix in SUFFIXES.items()}
    texts |= {f"{style}.tex": render_table(marked, "latex", style) for style in ("compact", "supplementary")}
    return [publish(folder / name, text) for name, text in texts.items()]
