"""The leaderboard as files: CSV for programs, Markdown for a README, LaTeX for a paper."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal, TypeAlias

import pandas as pd

from ..errors import BenchError, nearest
from ..files import publish
from .escape import csv
from .latex import leaderboard as latex
from .latex.bibliography import bibliography
from .latex.suite_table import suite_latex
from .leaderboard.display_names import with_ids
from .leaderboard.marks import Marked
from .leaderboard.selected import selected
from .markdown import markdown_table
from .suite_files import suite_files, suite_markdown, with_verdicts, write_suite_files
from .table_options import TableOptions

Format: TypeAlias = Literal["latex", "markdown", "csv"]
SUFFIXES: dict[Format, str] = {"csv": "csv", "markdown": "md", "latex": "tex"}


def render_table(marked: Marked, format: str, options: TableOptions | None = None) -> str:
    """The run's leaderboard as text; before it, of a run of a suite, the suite's verdicts.

    ``csv`` is the tidy table of ``Run.leaderboard`` at full precision, with its marks and the names of study files; the
    others show display names, and numbers rounded by the size of the intervals. In the CSV a suite's verdicts are rows
    of the kind ``suite``.

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
    suite = shown.board.suite
    if format == "csv":
        return csv(with_verdicts(_tidy(shown), suite))
    verdicts = (suite_markdown(suite) if format == "markdown" else suite_latex(suite)) if suite else ""
    return "\n".join(filter(None, [verdicts, _leaderboard(shown, format, options)]))


def _tidy(marked: Marked) -> pd.DataFrame:
    return with_ids(marked.table(), marked.board.record.info)


def _leaderboard(marked: Marked, format: str, options: TableOptions) -> str:
    """The leaderboard alone, as Markdown or LaTeX."""
    if format == "markdown":
        return markdown_table(marked, options.spread, options.rows, options.columns, options.rank, options.share)
    return latex.render(
        marked,
        options.style,
        options.spread,
        rows=options.rows,
        columns=options.columns,
        rank=options.rank,
        share=options.share,
        cite=options.cite,
    )


def references(marked: Marked, options: TableOptions | None = None) -> str:
    """BibTeX of the methods and metrics that a table shows."""
    options = options or TableOptions()
    shown = selected(marked, options.selection) if options.selection.options else marked
    return bibliography(shown.board.record.info)


TABLES = ("leaderboard.csv", "leaderboard.md", "leaderboard.tex", "compact.tex", "supplementary.tex", "references.bib")


def tables_digest(folder: Path) -> str:
    """Of the tables of a run as they are in the folder, and their names; empty where one is absent or a link."""
    paths = [*(folder / name for name in TABLES), *suite_files(folder)]
    if not all(path.is_file() and not path.is_symlink() for path in paths):
        return ""
    parts = (path.name.encode() + hashlib.sha256(path.read_bytes()).digest() for path in paths)
    return hashlib.sha256(b"".join(parts)).hexdigest()


def write_tables(marked: Marked, folder: Path) -> list[Path]:
    """Write the tables of a run into the folder; returns their paths.

    leaderboard.csv, .md and .tex, compact.tex, supplementary.tex, and references.bib with the papers of all methods
    and metrics; of a run of a suite, its verdicts and tables too.
    """
    folder.mkdir(parents=True, exist_ok=True)
    even = selected(marked)
    texts = (
        csv(_tidy(marked)),
        _leaderboard(marked, "markdown", TableOptions()),
        _leaderboard(even, "latex", TableOptions()),
        _leaderboard(even, "latex", TableOptions("compact")),
        _leaderboard(marked, "latex", TableOptions("supplementary")),
        references(marked),
    )
    written = [publish(folder / name, text) for name, text in zip(TABLES, texts, strict=True)]
    return [*written, *write_suite_files(marked.board.suite, folder)]
