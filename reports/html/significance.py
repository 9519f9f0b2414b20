"""What the tests decide, for the page: one order, who beats whom in a block, and what each comparison can show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import pandas as pd

from ...formatting import plural
from ...stats import CONTEST, QUALITY, OrderCase
from ...vocabulary import QUALITY_FAMILIES
from ..figures.style import Look
from ..leaderboard.board import BLOCK, Block, Metric
from ..leaderboard.marks import Marked
from ..leaderboard.orders import RANKED, Omission
from ..leaderboard.stability import stability_text
from ..leaderboard.verdicts import counted
from ..number_format import fixed, interval
from .rank_diagrams import RankDiagram
from .selector import family_of

MOST_NAMES = 1_200  # in all critical-difference diagrams of a page
VERDICTS = ("significant", "equivalent", "inconclusive")


@dataclass(frozen=True)
class Duels:
    """The methods of a block against each other.

    Attributes:
        cells: a row per method: on how many metrics it is significantly better and worse than that of the column, and
            how many were tested; None on the diagonal.
        rows: the pairs, as ``Run.compare`` gives them, without intervals and medians.
    """

    block: Block
    methods: tuple[str, ...]
    cells: tuple[tuple[tuple[int, int, int] | None, ...], ...]
    rows: pd.DataFrame


@dataclass(frozen=True)
class PairCounts:
    """A method against another, over all settings and metrics.

    Attributes:
        better, worse: comparisons in which the row's method is significantly better, or worse.
        equivalent, undecided: the others.
    """

    better: int
    worse: int
    equivalent: int
    undecided: int

    @property
    def tested(self) -> int:
        return self.better + self.worse + self.equivalent + self.undecided

    @property
    def lead(self) -> float:
        """(better - worse) / tested, -1 to 1: the colour of the cell."""
        return (self.better - self.worse) / self.tested if self.tested else 0.0


@dataclass(frozen=True)
class PairMap:
    """All methods against each other, over all settings and metrics; None on the diagonal and where none was tested."""

    methods: tuple[str, ...]
    cells: tuple[tuple[PairCounts | None, ...], ...]


@dataclass(frozen=True)
class PairTally:
    """The comparisons that a card and its table of methods against each other count.

    Attributes:
        counted: how many they are.
        left_out: why others are not counted, and how many each time.
        pair_map: None with fewer than two tested methods.
    """

    counted: int
    left_out: tuple[tuple[str, int], ...]
    pair_map: PairMap | None

    @property
    def text(self) -> str:
        """``37 of 56 comparisons; left out: 16 of complexity, 3 that a control wins``."""
        every = self.counted + sum(count for _, count in self.left_out)
        if not self.left_out:
            return plural(every, "comparison")
        gone = ", ".join(f"{count:,} {reason}" for reason, count in self.left_out)
        return f"{self.counted:,} of {plural(every, 'comparison')}; left out: {gone}"


@dataclass(frozen=True)
class ContestView:
    """One metric in one block: what its tests decided, and what they can see.

    Attributes:
        counts: of ``VERDICTS``, pairs.
        visible: the mean difference that the median pair's test sees with a power of 80 %, in the metric's unit.
        halves: Kendall's tau between halves of the images, with its 95 % range; empty where there is none.
    """

    block: Block
    metric: Metric
    images: int
    test: str
    counts: tuple[int, int, int]
    visible: str
    halves: str
    tau: float


@dataclass(frozen=True, eq=False)
class Decided:
    """What the tests decide in a run."""

    marked: Marked

    @cached_property
    def order(self) -> list[dict[str, Any]]:
        """``Run.ranking``, a row per method; empty without two methods on a metric that no control wins."""
        return [{str(key): value for key, value in row.items()} for row in self._ranking.to_dict("records")]

    @cached_property
    def without(self) -> list[Omission]:
        """The order again without each family, metric (by its title), network and data set; empty without an order."""
        if not self.order:
            return []
        titles = {metric.name: metric.title for metric in self.marked.board.metrics}
        every = self.marked.verdicts.order().omissions
        return [
            replace(each, name=titles.get(each.name, each.name) if each.kind == "metric" else each.name)
            for each in every
        ]

    @property
    def omissions_text(self) -> str:
        """``2 of 11 omissions change it, and 1 makes other methods tie with it``."""
        ties = sum(each.changes and each.winner in self.best for each in self.without)
        changing = sum(each.changes for each in self.without) - ties
        text = f"{changing} of {plural(len(self.without), 'omission')} change it"
        makes = "makes" if ties == 1 else "make"
        return f"{text}, and {ties} {makes} other methods tie with it" if ties else text

    @property
    def best(self) -> tuple[str, ...]:
        return self.marked.verdicts.order().best

    @property
    def cases(self) -> tuple[OrderCase, ...]:
        """The order of the other methods without each method, and with each control; empty without an order."""
        return self.marked.verdicts.order().cases

    @property
    def stability(self) -> str:
        """``cases`` in a sentence."""
        return stability_text(self.cases)

    @property
    def contests_counted(self) -> int:
        return int(self._ranking.attrs.get("contests", 0))

    @property
    def units(self) -> int:
        """Networks x data that the order rests on."""
        return int(self._ranking.attrs.get("units", 0))

    @property
    def _ranking(self) -> pd.DataFrame:
        return self.marked.verdicts.overall

    @cached_property
    def pair_map(self) -> PairMap | None:
        """Over every tested comparison; None with fewer than two tested methods."""
        return self._pair_map(self.marked.tested_pairs)

    def counted(self, family: str) -> PairTally:
        """The comparisons that the card of a family counts; all of the family where no order is over it."""
        marked = self.marked
        family_at = {(metric.name, metric.protocol): family_of(metric) for metric in marked.board.of()}
        wanted = QUALITY_FAMILIES if family == QUALITY else (family,)
        order = marked.verdicts.order(family) if family in RANKED else None
        kept = {each.key for each in order.comparisons} if order else set()
        failing, disowned = (set(order.failing), order.disowned) if order else (set(), ())
        counted, left_out = [], Counter[str]()
        for key in marked.pairs_of:
            of = family_at[key[3], key[4]]
            if key in kept or (not kept and (family == QUALITY or of == family)):
                counted.append(key)
            elif of in wanted and (key in failing or key[0] in disowned):
                left_out["that a control wins" if key in failing else "of networks with a warning"] += 1
            elif family == QUALITY:
                left_out[f"of {of}"] += 1
        rows = [marked.pairs_of[key] for key in counted]
        return PairTally(len(counted), tuple(left_out.items()), self._pair_map(pd.concat(rows)) if rows else None)

    def _pair_map(self, rows: pd.DataFrame) -> PairMap | None:
        listed = [m["name"] for m in self.marked.board.record.info["methods"]]
        tested = set(rows["method"].unique()) | set(rows["other"].unique())
        methods = tuple(name for name in listed if name in tested)
        if len(methods) < 2:
            return None
        counts = _verdict_counts(rows)
        return PairMap(methods, tuple(tuple(_pair_counts(counts.get((a, b))) for b in methods) for a in methods))

    @cached_property
    def duels(self) -> tuple[Duels, ...]:
        """A matrix per block with at least two tested methods."""
        return tuple(each for each in map(self._duels, self.marked.board.blocks) if len(each.methods) > 1)

    @cached_property
    def contests(self) -> tuple[ContestView, ...]:
        return tuple(each for block in self.marked.board.blocks for each in self._contests(block))

    def diagrams(self, block: Block, look: dict[str, Look]) -> list[RankDiagram]:
        """A critical-difference diagram per metric; none where the run has too many for a page."""
        if self.too_many_diagrams:
            return []
        diagrams = []
        for metric in block.quality:
            ranked = self.marked.verdicts.ranked.get(_key(block, metric))
            if ranked is not None:
                diagrams.append(RankDiagram(ranked, f"{metric.title} {metric.arrow}  {metric.protocol}", look))
        return diagrams

    @property
    def too_many_diagrams(self) -> bool:
        return sum(len(each.methods) for each in self.marked.verdicts.ranked.values()) > MOST_NAMES

    def _duels(self, block: Block) -> Duels:
        tested = self._tested.get((block.model, block.dataset, block.layer), self.marked.verdicts.pairs[:0])
        here = set(tested["method"].unique()) | set(tested["other"].unique())
        methods = tuple(row.method for row in block.methods if row.method in here)
        counts = _verdict_counts(tested)
        cells = tuple(
            tuple(_triple(counts.get((a, b), Counter())) if a != b else None for b in methods) for a in methods
        )
        return Duels(block, methods, cells, tested)

    @cached_property
    def _tested(self) -> dict[tuple[Any, ...], pd.DataFrame]:
        return dict(iter(self.marked.tested_pairs.groupby(BLOCK, sort=False)))

    def _contests(self, block: Block) -> Iterator[ContestView]:
        for metric in block.quality:
            key = _key(block, metric)
            rows = self.marked.pairs_of.get(key)
            if rows is None:
                continue
            half, power = self._halves.get(key), self._power.get(key) if set(rows["test"]) == {"wilcoxon"} else None
            tau = half["tau"] if half is not None else float("nan")
            span = (
                f"{fixed(tau, 2)} {interval(half['low'], half['high'], 2)}" if half is not None and tau == tau else ""
            )
            seen = power["visible"].median() if power is not None else float("nan")
            yield ContestView(
                block,
                metric,
                int(rows["n"].max()),
                str(rows["test"].iloc[0]),
                counted(rows),
                fixed(seen, metric.decimals) if 0 < seen < float("inf") else "",
                span,
                tau,
            )

    @cached_property
    def _halves(self) -> dict[tuple[str, ...], Any]:
        table = self.marked.verdicts.halves
        keys = [tuple(map(str, key)) for key in table[CONTEST].itertuples(index=False, name=None)]
        return dict(zip(keys, table.to_dict("records"), strict=True))

    @cached_property
    def _power(self) -> dict[tuple[str, ...], pd.DataFrame]:
        table = self.marked.verdicts.power
        return {tuple(map(str, key)): part for key, part in table.groupby(CONTEST, sort=False)}


_MIRRORED = {"better": "worse", "worse": "better"}


def _verdict_counts(rows: pd.DataFrame) -> dict[tuple[str, str], Counter[str]]:
    """Of each pair of methods in both orders, how often it has each verdict."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    sizes = rows.groupby(["method", "other", "verdict"], sort=False).size()
    for (first, second, verdict), count in zip(sizes.index, sizes.tolist(), strict=True):
        counts.setdefault((first, second), Counter())[verdict] += count
        counts.setdefault((second, first), Counter())[_MIRRORED.get(verdict, verdict)] += count
    return counts


def _pair_counts(verdicts: Counter[str] | None) -> PairCounts | None:
    if verdicts is None:
        return None
    better, worse, equivalent = (verdicts[name] for name in ("better", "worse", "equivalent"))
    return PairCounts(better, worse, equivalent, verdicts.total() - better - worse - equivalent)


def _triple(verdicts: Counter[str]) -> tuple[int, int, int]:
    return verdicts["better"], verdicts["worse"], verdicts.total()


def _key(block: Block, metric: Metric) -> tuple[str, ...]:
    return block.model, block.dataset, block.layer, metric.name, metric.protocol
