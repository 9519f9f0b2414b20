"""Which methods are worth their cost: no other is at least as cheap and at least as good."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...formatting import join_words
from ..leaderboard.board import Block, Cell, Metric
from ..number_format import fixed


@dataclass(frozen=True)
class Front:
    """One quality metric of a block against its cost.

    Attributes:
        points: by method, cost and mean; controls and means over other images are left out.
        methods: those that no other dominates, from the cheapest to the best; numbers that are equal as shown, with
            the columns' decimals, are equal here.
    """

    metric: Metric
    cost: Metric
    points: Mapping[str, tuple[float, float]]
    methods: tuple[str, ...]

    @property
    def text(self) -> str:
        """``gradcam (1.2 ms, 0.31) and scorecam (96.0 ms, 0.24)``."""
        unit = f" {self.cost.unit}" if self.cost.unit else ""
        return join_words(f"{name} ({self._cost(name)}{unit}, {self._mean(name)})" for name in self.methods)

    def _cost(self, name: str) -> str:
        return fixed(self.points[name][0], self.cost.decimals)

    def _mean(self, name: str) -> str:
        return fixed(self.points[name][1], self.metric.decimals)


def cost_of(block: Block) -> Metric | None:
    """The cost that quality is held against: runtime where it was measured, else the first."""
    return next((metric for metric in block.costs if metric.name == "runtime"), next(iter(block.costs), None))


def fronts(block: Block) -> tuple[Front, ...]:
    """A front per quality metric under which two methods or more have a comparable mean and a cost."""
    cost = cost_of(block)
    if cost is None:
        return ()
    candidates = (_front(block, metric, cost) for metric in block.quality)
    return tuple(front for front in candidates if len(front.points) > 1)


def _front(block: Block, metric: Metric, cost: Metric) -> Front:
    points = {}
    for row in block.methods:
        price, quality = (_cell(row.cells, wanted) for wanted in (cost, metric))
        if price.n and quality.n and quality.comparable:
            points[row.method] = (price.mean, quality.mean)
    sign = 1 if metric.higher else -1
    kept = undominated(
        {
            name: (round(price, cost.decimals), sign * round(mean, metric.decimals))
            for name, (price, mean) in points.items()
        }
    )
    return Front(metric, cost, points, kept)


def undominated(points: Mapping[str, tuple[float, float]]) -> tuple[str, ...]:
    """Of points (cost, quality), those that no other beats in one without losing in the other; by cost, then name.

    Equal points do not dominate each other.
    """
    kept = [
        name
        for name, (cost, quality) in points.items()
        if not any(c <= cost and q >= quality and (c, q) != (cost, quality) for c, q in points.values())
    ]
    return tuple(sorted(kept, key=lambda name: (points[name][0], name)))


def _cell(cells: tuple[Cell, ...], metric: Metric) -> Cell:
    return next(cell for cell in cells if cell.metric == metric)
