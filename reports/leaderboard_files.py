"""The leaderboard as files: CSV for programs, Markdown for a README, LaTeX for a paper."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal, TypeAlias

from ..errors import BenchError, nearest
from ..files import publish
from .escape import csv
from .latex import leaderboard as latex
from .latex.bibliography import bibliography
from .leaderboard.display_names import with_ids
from .leaderboard.marks import Marked
from .leaderboard.selected import selected
from .markdown import markdown_table
from .table_options import TableOptions

Format: TypeAlias = Literal["latex", "markdown", "csv"]
SUFFIXES: dict[Format, str] = {"csv": "csv", "markdown": "md", "latex": "tex"}


def render_table(marked: Marked, format: str, options: TableOptions | None = None) -> str:
    """The run's leaderboard as text.

    ``csv`` is the tidy table of ``Run.leaderboard`` at full precision, with its marks and the names of study files; the
    others show display names, and numbers rounded by the size of the intervals.

    Args:
        options: what the table shows, and where; all in the default layout, if not given.

    Raises:
        BenchError: an unknown format, an option that the format does not take, or a name that the run does not have.
    """
    options = options or TableOptions()
    if format not in SUFFIXES:
        raise BenchError(
            f"unknown format {format!r}", where="--format", hint=nearest(format, ["html", "pdf", *SUFFIXES])
        )
    options.refuse_for(format)
    shown = selected(marked, options.selection) if options.selection.options else marked
    if format == "csv":
        return csv(with_ids(shown.table(), shown.board.record.info))
    rows, columns, rank = options.rows, options.columns, options.rank
    if format == "markdown":
        return markdown_table(shown, options.spread, rows, columns, rank)
    return latex.render(shown, options.style, options.spread, rows=rows, columns=columns, rank=rank, cite=options.cite)


def references(marked: Marked, options: TableOptions | None = None) -> str:
    """BibTeX of the methods and metrics that a table shows."""
    options = options or TableOptions()
    shown = selected(marked, options.selection) if options.selection.options else marked
    return bibliography(shown.board.record.info)


TABLES = ("leaderboard.csv", "leaderboard.md", "leaderboard.tex", "compact.tex", "supplementary.tex", "references.bib")


def tables_digest(folder: Path) -> str:
    """Of the tables of a run as they are in the folder; empty where one of them is absent or a link."""
    paths = [folder / name for name in TABLES]
    if not all(path.is_file() and not path.is_symlink() for path in paths):
        return ""
    return hashlib.sha256(b"".join(hashlib.sha256(path.read_bytes()).digest() for path in paths)).hexdigest()


def write_tables(marked: Marked, folder: Path) -> list[Path]:
    """Write the tables of a run into the folder; returns their paths.

    leaderboard.csv, .md and .tex, compact.tex, supplementary.tex, and references.bib with the papers of all methods
    and metrics.
    """
    folder.mkdir(parents=True, exist_ok=True)
    even = selected(marked)
    texts = (
        render_table(marked, "csv"),
        render_table(marked, "markdown"),
        render_table(even, "latex"),
        render_table(even, "latex", TableOptions("compact")),
        render_table(marked, "latex", TableOptions("supplementary")),
        references(marked),
    )
    return [publish(folder / name, text) for name, text in zip(TABLES, texts, strict=True)]
