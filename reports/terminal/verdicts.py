"""A suite's answer in the terminal: the sentence, the verdicts of each method, the findings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table
from rich.text import Text

from ...formatting import plural
from ..escape import one_line
from ..leaderboard.family_legend import MOST_METHODS
from ..leaderboard.suite_report import (
    FAILED,
    FAILS,
    LEGEND,
    PASSES,
    SuiteReport,
    VerdictCell,
    VerdictLine,
    VerdictTable,
)

NAME = 18  # columns for the methods' names, which fold
HEADING = 13  # of a question's title, which folds
SPACE = 2
MOST_LINES = 34  # of tables, but for the first
FEWEST_METHODS = 8
MOST_FINDINGS = 3
FEWEST_LEFT_OUT = 3  # methods: a table is not cut for less
MOST_REASONS = 3
STYLES = {PASSES: "bold green", FAILS: "red", FAILED: "red"}


@dataclass(frozen=True, eq=False)
class SuiteOverview:
    """A suite's answer for rich to print, in the width of its console.

    Args:
        verbose: every setting with its intervals, every method, finding, reason and limit.
    """

    report: SuiteReport
    verbose: bool = False

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        yield Text(one_line(self.report.answer.sentence), style="bold")
        yield Text("")
        tables = list(self._shown(options.max_width))
        for table in tables:
            yield from self._table(table, options.max_width)
        if self.report.tables:
            yield Text(LEGEND, style="dim")
        for number, note in enumerate(self.report.footnotes, start=1):
            yield Text(f"({number}) {one_line(note.text)}", style="yellow")
        yield from _left(len(self.report.tables) - len(tables), "more setting")
        yield from self._listed(self.report.answer.findings, MOST_FINDINGS, "more finding")
        if self.verbose:
            yield from (Text(f"Limit: {one_line(text)}", style="dim") for text in self.report.answer.notes)

    def _shown(self, width: int) -> Iterator[VerdictTable]:
        """The tables that fit into a few lines; the first always."""
        used = 0
        for table in self.report.tables:
            used += self._pieces(table, width) * (len(self._lines(table, width)) + 1 + _height(_headings(table)))
            if used > MOST_LINES and table is not self.report.tables[0] and not self.verbose:
                return
            yield table

    def _pieces(self, table: VerdictTable, width: int) -> int:
        """How many tables below each other the questions need."""
        return len(list(_side_by_side(table, table.lines, width, self.verbose)))

    def _lines(self, table: VerdictTable, width: int) -> list[VerdictLine]:
        """The methods and controls that are shown: fewer where the questions need several tables."""
        room = MOST_LINES // max(1, self._pieces(table, width)) - 1 - _height(_headings(table)) - len(table.controls)
        most = max(FEWEST_METHODS, min(MOST_METHODS, room))
        most = len(table.methods) if len(table.methods) - most < FEWEST_LEFT_OUT else most
        return list(table.lines) if self.verbose else [*table.methods[:most], *table.controls]

    def _table(self, table: VerdictTable, width: int) -> Iterator[RenderableType]:
        if table.title:
            yield Text(one_line(table.title), style="bold")
        lines = self._lines(table, width)
        for some in _side_by_side(table, lines, width, self.verbose):
            yield _drawn(table, lines, some, self.verbose)
        yield from _left(len(table.lines) - len(lines), "more method")
        reasons = [f"{each.verdict}: {each.methods}: {each.reason}" for each in table.lost]
        yield from self._listed(reasons, MOST_REASONS, "more reason", "yellow")

    def _listed(self, texts: Sequence[str], most: int, what: str, style: str = "") -> Iterator[Text]:
        shown = texts if self.verbose else texts[:most]
        yield from (Text(f"- {one_line(text)}", style=style) for text in shown)
        yield from _left(len(texts) - len(shown), what)


def _left(count: int, what: str) -> Iterator[Text]:
    if count > 0:
        yield Text(f"{plural(count, what)}: see the report, or --verbose", style="dim")


def _side_by_side(table: VerdictTable, lines: Sequence[VerdictLine], width: int, verbose: bool) -> Iterator[list[int]]:
    """The places of the questions, as many at a time as fit beside the methods."""
    held: list[int] = []
    left = width - NAME
    for place, heading in enumerate(_headings(table)):
        texts = [heading, *(_cell(line.cells[place], verbose).plain for line in lines)]
        need = SPACE + max(cell_len(part) for text in texts for part in text.split("\n"))
        if held and need > left:
            yield held
            held, left = [], width - NAME
        held.append(place)
        left -= need
    if held:
        yield held


def _headings(table: VerdictTable) -> list[str]:
    """The questions' titles, each with its threshold on a line of its own."""
    titles = [*(wrap(one_line(question.title), HEADING) for question in table.questions)]
    return ["\n".join([*title, f"> {q.threshold:g}"]) for title, q in zip(titles, table.questions, strict=True)]


def _height(texts: Sequence[str]) -> int:
    return max((text.count("\n") + 1 for text in texts), default=0)


def _drawn(table: VerdictTable, lines: Sequence[VerdictLine], places: Sequence[int], verbose: bool) -> Table:
    shown = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, SPACE - 1, 0, 0))
    shown.add_column("method", overflow="fold", min_width=8, max_width=NAME - SPACE)
    headings = _headings(table)
    for place in places:
        shown.add_column(headings[place], justify="right", no_wrap=True)
    for line in lines:
        cells = (_cell(line.cells[place], verbose) for place in places)
        numbers = "".join(f" ({note})" for note in line.notes)
        name = Text(one_line(line.method)).append(numbers, style="yellow")
        shown.add_row(name, *cells, style="dim" if line.control else "")
    return shown


def _cell(cell: VerdictCell, verbose: bool) -> Text:
    text = Text.assemble(f"{cell.text} " if cell.text else "", (cell.mark, STYLES.get(cell.verdict, "")))
    if verbose and cell.interval:
        text.append(f"\n{cell.interval[1:-1].replace(', ', ' ')}", style="dim")
    return text
