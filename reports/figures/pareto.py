"""Which methods are worth their cost, as far as noise lets anybody tell."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ...formatting import join_words
from ..leaderboard.board import Block, Metric
from ..leaderboard.costs import span
from ..leaderboard.marks import Marked
from ..number_format import fixed


@dataclass(frozen=True)
class Point:
    """One method's cost and quality.

    Attributes:
        cost: the measured value.
        low, high: the range of its repetitions, from quartile to quartile; both ``cost`` where there are none.
        quality: the mean, signed so that more is better.
    """

    cost: float
    low: float
    high: float
    quality: float


@dataclass(frozen=True)
class Front:
    """One quality metric of a block against its cost.

    Attributes:
        points: by method; controls and means over other images are left out. Qualities are rounded to the digits that
            the tables show: methods that are equal as shown are equal here.
        methods: those that are not dominated, from the cheapest on.
    """

    metric: Metric
    cost: Metric
    points: Mapping[str, Point]
    methods: tuple[str, ...]

    @property
    def text(self) -> str:
        """``gradcam (1.2 ms, 0.31) and scorecam (96.0 ms, 0.24)``."""
        unit = f" {self.cost.unit}" if self.cost.unit else ""
        return join_words(f"{name} ({self._cost(name)}{unit}, {self._mean(name)})" for name in self.methods)

    def mean(self, name: str) -> float:
        """The method's quality in the metric's own direction."""
        quality = self.points[name].quality
        return quality if self.metric.higher else -quality

    def _cost(self, name: str) -> str:
        return fixed(self.points[name].cost, self.cost.decimals)

    def _mean(self, name: str) -> str:
        return fixed(self.mean(name), self.metric.decimals)


def cost_of(block: Block) -> Metric | None:
    """The cost that quality is held against: runtime where it was measured, else the first."""
    return next((metric for metric in block.costs if metric.name == "runtime"), next(iter(block.costs), None))


def fronts(marked: Marked, block: Block) -> tuple[Front, ...]:
    """A front per quality metric under which two methods or more have a comparable mean and a cost."""
    cost = cost_of(block)
    if cost is None:
        return ()
    candidates = (_front(marked, block, metric, cost) for metric in block.quality)
    return tuple(front for front in candidates if len(front.points) > 1)


def _front(marked: Marked, block: Block, metric: Metric, cost: Metric) -> Front:
    points, sign = {}, 1 if metric.higher else -1
    for row in block.methods:
        price, quality = (row.cell(wanted) for wanted in (cost, metric))
        if price.n and quality.n and quality.comparable:
            points[row.method] = Point(price.mean, *span(price), sign * round(quality.mean, metric.decimals))
    return Front(metric, cost, points, undominated(points, _better(marked, block, metric)))


def _better(marked: Marked, block: Block, metric: Metric) -> frozenset[tuple[str, str]]:
    """Pairs of methods of which the first is significantly better, by the paired tests."""
    tested = marked.pairs_of.get((block.model, block.dataset, block.layer, metric.name, metric.protocol))
    if tested is None:
        return frozenset()
    rows = list(tested[["method", "other", "verdict"]].itertuples(index=False, name=None))
    won = {(str(method), str(other)) for method, other, verdict in rows if verdict == "better"}
    return frozenset(won | {(str(other), str(method)) for method, other, verdict in rows if verdict == "worse"})


def undominated(points: Mapping[str, Point], better: Collection[tuple[str, str]]) -> tuple[str, ...]:
    """The methods that no kept method dominates, from the cheapest on; equal costs by name.

    A method dominates another if its mean is at least as good and

    - it is cheaper beyond the noise: its range of costs ends below the other's; or
    - its mean is better, significantly by the paired test, and its cost is not higher beyond the noise.

    So a method is never dropped for a difference that could be noise in both cost and quality.

    Args:
        points: by method.
        better: pairs of methods of which the first is significantly better.

    Example:
        >>> points = {"gradcam": Point(22.5, 22.0, 23.1, 0.70), "hirescam": Point(22.8, 22.1, 23.0, 0.69)}
        >>> undominated(points, better=[])
        ('gradcam', 'hirescam')
        >>> undominated(points, better=[("gradcam", "hirescam")])
        ('gradcam',)
    """

    def dominates(name: str, other: str) -> bool:
        first, second = points[name], points[other]
        if first.high < second.low:
            return first.quality >= second.quality
        return (name, other) in better and first.quality > second.quality and first.low <= second.high

    kept: list[str] = []
    # whatever dominates a method stands before it in this order
    for name in sorted(points, key=lambda name: (-points[name].quality, points[name].cost, name)):
        if not any(dominates(other, name) for other in kept):
            kept.append(name)
    return tuple(sorted(kept, key=lambda name: (points[name].cost, name)))
