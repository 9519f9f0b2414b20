"""A run in a notebook: the answer and one compact table as plain HTML, escaped, without script or style sheet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from ...formatting import plural
from ...results.unfinished import caution_of
from ..escape import one_line
from ..leaderboard.family_legend import MOST_METHODS, PARTIAL, SANITY, hidden, legend, title
from ..leaderboard.family_tables import FamilyCell, FamilyColumn, FamilyRow, FamilyTable, family_tables
from ..leaderboard.marks import DAGGER, Marked
from ..leaderboard.short_answer import accuracy, answer, first_failure, missing
from ..leaderboard.suite_report import LEGEND, PASSES, SuiteReport, VerdictCell, VerdictLine, VerdictTable, short_titles
from ..leaderboard.summary import loud

MOST_WARNINGS = 3
MOST_VERDICTS = 3  # settings of a suite


def notebook(marked: Marked) -> str:
    """The answer, one table of the methods under all metrics, and what a reader of the table must know.

    Of a run of a suite, its sentence and its verdicts stand first.
    """
    tables = family_tables(marked)
    first, *others = answer(marked)
    answered = [f"<p><b>{_text(first)}</b></p>", *(f"<p>{_text(sentence)}</p>" for sentence in others)]
    notes = [f"<small>{_text(text)}</small>" for text in _notes(marked, tables)]
    suite = list(_suite(marked.board.suite)) if marked.board.suite else []
    caution = caution_of(marked.board.record.info)
    part = [f"<p><b>{_text(caution)}</b></p>"] if caution else []
    last = f"<p>{'<br>'.join(notes)}</p>"
    return "\n".join(["<div>", *part, *suite, *answered, _table(marked, tables), last, "</div>"])


def _suite(report: SuiteReport) -> Iterator[str]:
    """The sentence, and the verdicts of the first settings."""
    yield f"<p><b>{_text(report.answer.sentence)}</b></p>"
    yield from map(_verdicts, report.tables[:MOST_VERDICTS])
    left = len(report.tables) - MOST_VERDICTS
    remarks = [f"({number}) {note.text}" for number, note in enumerate(report.footnotes, start=1)]
    notes = [LEGEND, *remarks, f"{plural(left, 'more setting')}: see the report" if left > 0 else ""]
    yield "".join(f"<p><small>{_text(text)}</small></p>" for text in notes if text)


def _verdicts(table: VerdictTable) -> str:
    heads = "".join(f"<th>{_text(title)}</th>" for title in short_titles(table.questions))
    left = len(table.methods) - MOST_METHODS
    lines = [*table.methods[:MOST_METHODS], *table.controls]
    rows = "\n".join(map(_verdict_row, lines))
    more = f"; {plural(left, 'more method')}: see the report" if left > 0 else ""
    return (
        f"<table><caption>{_text(f'Verdicts of the suite {table.title}{more}')}</caption>\n"
        f"<thead><tr><th>method</th>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody></table>"
    )


def _verdict_row(line: VerdictLine) -> str:
    name = (f"<i>{_text(line.method)}</i>" if line.control else _text(line.method)) + _numbers(line.notes)
    return f"<tr><td>{name}</td>{''.join(f'<td>{_verdict(cell)}</td>' for cell in line.cells)}</tr>"


def _verdict(cell: VerdictCell) -> str:
    text = f"<b>{_text(cell.short)}</b>" if cell.verdict == PASSES else _text(cell.short)
    return f"{text} <small>{_text(cell.interval)}</small>" if cell.interval else text


def _table(marked: Marked, tables: Sequence[FamilyTable]) -> str:
    families = "".join(f'<th colspan="{_wide(table)}">{_text(table.family)}</th>' for table in tables)
    heads = "".join(head for table in tables for head in _heads(table))
    rows = "\n".join(_row(rows) for rows in _rows(tables))
    return (
        f"<table><caption>{_text(title(marked, tables))}</caption>\n<thead><tr><th></th>{families}</tr>\n"
        f"<tr><th>method</th>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody></table>"
    )


def _wide(table: FamilyTable) -> int:
    return len(table.columns) + table.ranked


def _heads(table: FamilyTable) -> Iterator[str]:
    if table.ranked:
        yield "<th>mean rank</th>"
    yield from (f"<th>{_head(column)}</th>" for column in table.columns)


def _head(column: FamilyColumn) -> str:
    metric = column.metric
    unit = f", {metric.unit}" if metric.is_cost and metric.unit else ""
    mark = SANITY if column.gamed else ""
    return f"{_text(metric.title + unit)} {metric.arrow}{mark}<br><small>{_text(metric.protocol)}</small>"


def _rows(tables: Sequence[FamilyTable]) -> Iterator[list[tuple[FamilyTable, FamilyRow]]]:
    """For each method, its row of every table; the controls last."""
    aligned = list(zip(*(table.rows for table in tables), strict=True))
    methods = [rows for rows in aligned if not rows[0].control]
    for rows in (*methods[:MOST_METHODS], *(rows for rows in aligned if rows[0].control)):
        yield list(zip(tables, rows, strict=True))


def _row(parts: Sequence[tuple[FamilyTable, FamilyRow]]) -> str:
    row = parts[0][1]
    name = (f"<i>{_text(row.method)}</i>" if row.control else _text(row.method)) + _numbers(row.notes)
    cells = [cell for table, each in parts for cell in ([each.rank] if table.ranked else []) + list(each.cells)]
    return f"<tr><td>{name}</td>{''.join(f'<td>{_cell(cell)}</td>' for cell in cells)}</tr>"


def _cell(cell: FamilyCell) -> str:
    text = _text(cell.text)
    number = f"<b>{text}</b>" if cell.best else f"<u>{text}</u>" if cell.second else text
    if cell.worse:
        number += f" {DAGGER}{cell.worse}" if cell.counts else DAGGER
    number += PARTIAL if cell.partial and cell.counts else ""
    number += _numbers(cell.notes)
    return f"{number} <small>{_text(cell.interval)}</small>" if cell.interval else number


def _numbers(notes: Sequence[int]) -> str:
    """The numbers of footnotes behind a name or a number."""
    return "".join(f"<sup>{note}</sup>" for note in notes)


def _notes(marked: Marked, tables: Sequence[FamilyTable]) -> Iterator[str]:
    warnings = loud(marked.board, marked.board.footnoted)
    texts = [legend(marked, tables), hidden(tables), *missing(marked)]
    texts += accuracy(marked.board.record.info)
    texts += [f"Warning: {text}" for text in warnings[:MOST_WARNINGS]]
    left = len(warnings) - MOST_WARNINGS
    texts.append(f"{plural(left, 'more warning')}: see the report" if left > 0 else "")
    yield from filter(None, [*texts, first_failure(marked), f"Folder: {marked.board.record.folder}"])


def _text(text: str) -> str:
    return escape(one_line(text))
