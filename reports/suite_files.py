"""A suite's answer as files: verdicts and tables as CSV for programs, the verdicts as Markdown and LaTeX for people."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from ..files import publish
from .escape import csv, markdown
from .latex.suite_table import suite_latex
from .leaderboard.footnotes import REMARK_KINDS
from .leaderboard.suite_report import (
    ABSENT,
    FAILED,
    PASSES,
    RULE,
    SuiteReport,
    VerdictCell,
    VerdictLine,
    VerdictTable,
    short_titles,
)
from .markdown_sheet import joined

PREFIX = "suite-"  # of the names of these files
_OURS = re.compile(r"suite-[a-z0-9-]+\.(csv|md|tex)")
KIND = "suite"  # of the rows of verdicts in the tidy leaderboard


def file_of(name: str) -> str:
    """A part of a file's name: lower case, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:80] or "table"


def suite_files(folder: Path) -> list[Path]:
    """The files of a suite's answer that the folder has."""
    return sorted(path for path in folder.glob(f"{PREFIX}*") if _OURS.fullmatch(path.name) and path.is_file())


def write_suite_files(report: SuiteReport | None, folder: Path) -> list[Path]:
    """Write suite-verdicts.csv, .md and .tex, and each table as suite-NAME.csv; returns their paths.

    Files of another answer, which an earlier run wrote into the folder, are removed.
    """
    texts = dict(_texts(report)) if report else {}
    for path in suite_files(folder):
        if path.name not in texts:
            path.unlink()
    return [publish(folder / name, text) for name, text in texts.items()]


def _texts(report: SuiteReport) -> Iterator[tuple[str, str]]:
    yield f"{PREFIX}verdicts.csv", csv(report.stored.verdicts)
    yield f"{PREFIX}verdicts.md", suite_markdown(report)
    yield f"{PREFIX}verdicts.tex", suite_latex(report)
    for table in report.stored.tables:
        yield f"{PREFIX}{file_of(table.name)}.csv", csv(table.rows)


def with_verdicts(leaderboard: pd.DataFrame, report: SuiteReport | None) -> pd.DataFrame:
    """The tidy leaderboard, before it a row of the kind ``suite`` for each verdict: the question is the metric.

    The score is in ``mean``, and the column ``verdict`` has ``passes``, ``fails``, ``not clear``, ``failed`` or
    ``not applicable``.
    """
    if report is None:
        return leaderboard
    verdicts = report.labelled
    rows = verdicts.rename(columns={"question": "metric", "score": "mean"}).drop(columns=["passes", "status"])
    rows = rows.assign(protocol=report.name, kind=KIND)
    for kind in REMARK_KINDS:
        if kind in leaderboard:
            known = dict(zip(leaderboard["method"], leaderboard[kind], strict=True))
            rows = rows.assign(**{kind: [known.get(method, "") for method in rows["method"]]})
    columns = [*leaderboard.columns, "verdict"]
    return pd.concat([rows.reindex(columns=columns), leaderboard.assign(verdict="")[columns]], ignore_index=True)


def suite_markdown(report: SuiteReport) -> str:
    """The sentence, a table of verdicts for each setting, findings and limits."""
    parts = [f"## Suite: {markdown(report.title)}", f"> {markdown(report.answer.sentence)}"]
    parts += ["\n".join(_table(table)) for table in report.tables]
    if report.tables:
        parts.append(markdown(RULE))
    if report.footnotes:
        notes = enumerate(report.footnotes, start=1)
        parts.append("\n".join(f"{number}. {markdown(note.text)}" for number, note in notes))
    for heading, texts in (("Findings", report.answer.findings), ("Limits", report.answer.notes)):
        if texts:
            parts.append("\n".join([f"**{heading}**", "", *(f"- {markdown(text)}" for text in texts)]))
    return "\n\n".join(parts) + "\n"


def _table(table: VerdictTable) -> Iterator[str]:
    if table.title:
        yield from (f"### {markdown(table.title)}", "")
    yield joined(["Method", *map(markdown, short_titles(table.questions))])
    yield joined([":--", *("--:" for _ in table.questions)])
    yield from map(_row, table.methods)
    if table.controls:
        yield joined(["*Controls*", *("" for _ in table.questions)])
        yield from map(_row, table.controls)
    if table.lost:
        yield ""
    for each in table.lost:
        yield f"- {each.verdict}: {markdown(each.reason)} ({markdown(each.methods)}; {markdown(each.questions)})"


def _row(line: VerdictLine) -> str:
    numbers = "".join(f"<sup>{note}</sup>" for note in line.notes)
    return joined([markdown(line.method) + numbers, *map(_cell, line.cells)])


def _cell(cell: VerdictCell) -> str:
    if cell.verdict in (ABSENT, FAILED, ""):
        return cell.mark
    score = f"**{cell.text}**" if cell.verdict == PASSES else cell.text
    return " ".join(filter(None, [score, markdown(cell.interval), f"{cell.mark} {cell.verdict}"]))
