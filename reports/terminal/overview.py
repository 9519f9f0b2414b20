"""What the terminal shows after a run: the answer first, then the tables, the networks' accuracy and the warnings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType
from rich.text import Text

from ...formatting import plural
from ...results.unfinished import caution_of
from ..escape import one_line
from ..leaderboard.family_legend import legend, title
from ..leaderboard.family_tables import family_tables
from ..leaderboard.marks import Marked
from ..leaderboard.score_text import score_text
from ..leaderboard.short_answer import accuracy, answer, missing, network_notes
from ..leaderboard.summary import loud
from .families import drawn
from .full_tables import FullTables
from .twins import twins_added, twins_text
from .verdicts import SuiteOverview

MOST_LINES = 4  # of warnings, and of notes on networks


@dataclass(frozen=True, eq=False)
class Overview:
    """A run for rich to print, in the width of its console.

    Of a run of a suite that answers, the answer stands in place of the leaderboard, which is its raw material: the
    report and ``verbose`` have both.

    Args:
        verbose: every number with its interval, mean rank and letters, and every warning.
    """

    marked: Marked
    verbose: bool = False

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        if caution := caution_of(self.marked.board.record.info):
            yield Text(one_line(caution), style="bold red")
        suite = self.marked.board.suite
        if suite:
            yield SuiteOverview(suite, self.verbose)
            yield Text("")
        if suite and not self.verbose:
            yield Text("Leaderboard of the run's metrics: the report, or --verbose.", style="dim")
        else:
            yield from self._leaderboard(options.max_width)
        info = self.marked.board.record.info
        yield from (Text(one_line(text)) for text in accuracy(info))
        notes, warnings = [Text(one_line(text)) for text in network_notes(info)], self._warnings()
        if not self.verbose:
            width = options.max_width
            notes = _few(notes, MOST_LINES // 2, console, width, "more note")
            left = MOST_LINES - sum(len(text.wrap(console, width)) for text in notes)
            warnings = _few(warnings, left, console, width, "more warning")
        yield from (*notes, *warnings)

    def _leaderboard(self, width: int) -> Iterator[RenderableType]:
        for place, sentence in enumerate(answer(self.marked)):
            yield Text(one_line(sentence), style="" if place else "bold")
        yield Text("")
        if self.verbose:
            yield FullTables(self.marked)
        else:
            yield from _tables(self.marked, width)
        if scores := score_text(self.marked.board):
            yield Text(one_line(scores))

    def _warnings(self) -> list[Text]:
        """The warnings, without those that the tables above have as footnotes."""
        board, suite = self.marked.board, self.marked.board.suite
        warnings = loud(board, suite.footnoted if suite and not self.verbose else board.footnoted)
        return [Text(f"Warning: {one_line(text)}", style="yellow") for text in warnings]


def _few(texts: Sequence[Text], most: int, console: Console, width: int, more: str) -> list[Text]:
    """The first, and as many others as fit in so many lines; then how many are left out.

    Args:
        more: what one of those that are left out is.
    """
    lines = 0
    for place, text in enumerate(texts):
        lines += len(text.wrap(console, width))
        if place and lines > most:
            return [*texts[:place], Text(f"{plural(len(texts) - place, more)}: see the report", style=text.style)]
    return list(texts)


def _tables(marked: Marked, width: int) -> Iterator[RenderableType]:
    twins = twins_added(marked.board.record.info)
    tables = [table.without(twins) for table in family_tables(marked)]
    yield Text(one_line(title(marked, tables)), style="bold")
    yield from drawn(tables, width)
    yield Text(
        f"{one_line(legend(marked, tables))} Intervals and letters: the report, or --verbose.".strip(), style="dim"
    )
    if twins:
        yield Text(one_line(twins_text(twins)), style="dim")
    yield from (Text(one_line(text), style="yellow") for text in missing(marked, twins))
