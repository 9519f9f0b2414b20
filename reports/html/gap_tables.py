"""Each method against its own inverted, blurred, ... map: whether the metrics see the difference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pandas as pd

from ...formatting import join_words, plural
from ...vocabulary import QUALITY_FAMILIES
from ..leaderboard.board import Board, Metric
from ..leaderboard.marks import Marked
from ..number_format import decimals_for_intervals, fixed, interval

WORDS = {"inverted": "its inverted map", "blurred": "its blurred map", "coarse": "its coarse map"}
INVERTED = WORDS["inverted"]
INCOMPARABLE = "incomparable"


@dataclass(frozen=True)
class GapCell:
    """A method against a control that is made of its map, under one metric.

    Attributes:
        text: the mean difference, more is better for the method; a dash where there is none.
        interval: its 95 % interval.
        verdict: ``better`` where the method's own map is significantly better; else what ``pairs`` says.
    """

    text: str
    interval: str
    verdict: str


@dataclass(frozen=True)
class GapLine:
    """One metric and kind of control: a cell per method."""

    metric: Metric
    against: str
    cells: tuple[GapCell, ...]


@dataclass(frozen=True)
class GapTable:
    """The gaps of one setting; ``rows`` as ``Run.gaps`` gives them."""

    model: str
    dataset: str
    layer: str
    methods: tuple[str, ...]
    lines: tuple[GapLine, ...]
    rows: pd.DataFrame = field(repr=False, compare=False)

    @property
    def title(self) -> str:
        return f"{self.model} · {self.dataset} · {self.layer}"


@dataclass(frozen=True)
class GapCount:
    """Over all settings: in how many cases (setting and method) a metric sees the difference.

    Attributes:
        counts: by what the method is compared with, in how many cases it is significantly better, significantly worse,
            and how many cases could be compared.
    """

    metric: Metric
    counts: tuple[tuple[str, int, int, int], ...]

    def text(self, against: str) -> str:
        """``in 5 of 6 cases; worse in 1``; a dash where nothing could be compared."""
        better, worse, cases = self._of(against)
        lost = f"; worse in {worse}" if worse else ""
        return f"in {better} of {plural(cases, 'case')}{lost}" if cases else "–"

    @property
    def blind(self) -> bool:
        """Whether a metric of quality is not significantly worse for the inverted map in half of the cases or more."""
        better, _, cases = self._of(INVERTED)
        return self.metric.family in QUALITY_FAMILIES and cases > 0 and 2 * better <= cases

    def _of(self, against: str) -> tuple[int, int, int]:
        known = {name: (better, worse, cases) for name, better, worse, cases in self.counts}
        return known.get(against, (0, 0, 0))


def gap_tables(marked: Marked) -> tuple[GapTable, ...]:
    """Of each setting that has controls made of a method's own map."""
    board = marked.board
    rows = marked.verdicts.gaps
    parts = dict(iter(rows.groupby(["model", "dataset", "layer"], sort=False)))
    places = ((block.model, block.dataset, block.layer) for block in board.blocks)
    return tuple(_table(*place, parts[place], board) for place in places if place in parts)


def gap_counts(tables: Sequence[GapTable], board: Board) -> tuple[GapCount, ...]:
    """A line per metric, over all settings."""
    return tuple(count for metric in board.of() if (count := _count(metric, tables)).counts)


def _count(metric: Metric, tables: Sequence[GapTable]) -> GapCount:
    seen: dict[str, Counter[str]] = {}
    for table in tables:
        for line in table.lines:
            if (line.metric.name, line.metric.protocol) == (metric.name, metric.protocol):
                verdicts = (cell.verdict for cell in line.cells if cell.verdict not in ("", INCOMPARABLE))
                seen.setdefault(line.against, Counter()).update(verdicts)
    counts = ((kind, each["better"], each["worse"], each.total()) for kind, each in seen.items())
    return GapCount(metric, tuple(each for each in counts if each[-1]))


def _table(model: str, dataset: str, layer: str, rows: pd.DataFrame, board: Board) -> GapTable:
    with_twins = set(rows["method"].map(str))
    methods = tuple(entry["name"] for entry in board.record.info["methods"] if entry["name"] in with_twins)
    return GapTable(model, dataset, layer, methods, tuple(_lines(rows, methods, board)), rows)


def _lines(rows: pd.DataFrame, methods: Sequence[str], board: Board) -> Iterator[GapLine]:
    for metric in board.of():
        here = rows[(rows["metric"] == metric.name) & (rows["protocol"] == metric.protocol)]
        digits = decimals_for_intervals(here["high"] - here["low"])
        for kind in dict.fromkeys(here["kind"]):
            by_method: dict[str, list[GapCell]] = {}
            for row in here[here["kind"] == kind].to_dict("records"):
                span = interval(row["low"], row["high"], digits) if row["low"] == row["low"] else ""
                text = fixed(row["gap"], digits) if row["gap"] == row["gap"] else "–"
                by_method.setdefault(str(row["method"]), []).append(GapCell(text, span, str(row["verdict"])))
            cells = tuple(by_method.get(name, [GapCell("–", "", "")])[0] for name in methods)
            yield GapLine(metric, WORDS.get(str(kind), f"its {kind} map"), cells)


def blind_metrics(counts: Sequence[GapCount]) -> str:
    """The metrics of quality for which inversion makes no significant difference in most cases, in a sentence."""
    if not any(INVERTED in dict.fromkeys(kind for kind, *_ in count.counts) for count in counts):
        return ""
    names = [f"{count.metric.title} {count.metric.protocol}" for count in counts if count.blind]
    if not names:
        return "Under every metric of quality, methods are significantly better than their inverted maps in most cases."
    return f"Under {join_words(names)}, methods are not significantly better than their inverted maps in most cases."


def compared_with(counts: Sequence[GapCount]) -> tuple[str, ...]:
    """What methods are compared with, in the order of the run."""
    return tuple(dict.fromkeys(kind for count in counts for kind, *_ in count.counts))
