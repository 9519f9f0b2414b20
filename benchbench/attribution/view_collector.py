"""What is kept of the maps on views: those that a metric asked for itself, and the running sums of averaged ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor

from ..study.plan import MetricCell
from ..study.requests import views_of
from ..types import Reexplained
from ..types.views import Averaged, Single, View, singles


@dataclass(eq=False)
class _RunningMean:
    """The sums over the views that came so far; in float64, one map of each image whatever the number of views."""

    first: Reexplained
    sums: dict[str, Tensor]
    count: int = 1

    @classmethod
    def of(cls, reexplained: Reexplained) -> _RunningMean:
        return cls(
            reexplained,
            {name: getattr(reexplained, name).double() for name in ("map", "probability", "logit", "distance")},
        )

    def add(self, reexplained: Reexplained) -> None:
        kept = self.first.kept & reexplained.kept
        pairs = list(zip(self.first.reasons, reexplained.reasons, strict=True))
        statuses = zip(pairs, self.first.statuses, reexplained.statuses, strict=True)
        self.sums = {name: total + getattr(reexplained, name) for name, total in self.sums.items()}
        self.first = replace(
            self.first,
            map=self.first.map[:, :1, :1],
            kept=kept,
            reasons=tuple(first or later for first, later in pairs),
            statuses=tuple(first if reason else later for (reason, _), first, later in statuses),
        )
        self.count += 1

    def mean(self) -> Reexplained:
        """Where a view has no map, there is none, for the first one's reason."""
        means: dict[str, Any] = {name: total / self.count for name, total in self.sums.items()}
        return replace(self.first, **means)


@dataclass(eq=False)
class ViewCollector:
    """By map cell and view, what metrics of these cells will be given."""

    cells: Sequence[MetricCell]
    kept: dict[str, dict[View, Reexplained]] = field(default_factory=dict)
    sums: dict[str, dict[Averaged, _RunningMean]] = field(default_factory=dict)
    askers: dict[tuple[str, Single], list[View]] = field(init=False)

    def __post_init__(self) -> None:
        self.askers = {}
        for cell in self.cells:
            for view in views_of(cell.metric):
                for single in singles(view):
                    views = self.askers.setdefault((cell.maps.name, single), [])
                    if view not in views:
                        views.append(view)

    def add(self, cell: str, view: Single, reexplained: Reexplained) -> None:
        """The maps of one cell on one view; they are forgotten unless a metric asked for this view itself."""
        for asker in self.askers[cell, view]:
            if not isinstance(asker, Averaged):
                self.kept.setdefault(cell, {})[asker] = reexplained
                continue
            sums = self.sums.setdefault(cell, {})
            if asker in sums:
                sums[asker].add(reexplained)
            else:
                sums[asker] = _RunningMean.of(reexplained)

    def by_cell(self) -> dict[str, dict[View, Reexplained]]:
        by_cell = {cell: dict(views) for cell, views in self.kept.items()}
        for cell, sums in self.sums.items():
            by_cell.setdefault(cell, {}).update({view: each.mean() for view, each in sums.items()})
        return by_cell
