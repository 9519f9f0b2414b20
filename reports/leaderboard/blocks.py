"""What a leaderboard is made of: a metric's column, a method's row, a cell, and a block of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import inf, nan

from ...stats import COST
from .. import number_format
from .footnotes import Footnote


@dataclass(frozen=True)
class Metric:
    """A column: what run.json says of a metric under one protocol."""

    name: str
    protocol: str
    title: str
    higher: bool
    unit: str
    kind: str
    family: str = ""  # faithfulness, localisation, ...; empty in the runs of older versions
    decimals: int = number_format.USUAL
    range: tuple[float, float] = (-inf, inf)
    gamed: tuple[str, ...] = ()  # controls that know nothing, and have a better mean than every method here
    renamed: bool = False  # whether the title is the user's
    ceiling: str = ""  # the control that is made to win it, of whose score each cell is a share

    @property
    def arrow(self) -> str:
        return "↑" if self.higher else "↓"

    @property
    def direction(self) -> str:
        return "higher is better" if self.higher else "lower is better"

    @property
    def read(self) -> str:
        """What the metric reads off the network at each step of a curve: ``probability``, ``logit`` or ``value``."""
        return self.unit if self.unit in ("probability", "logit") else "value"

    @property
    def is_cost(self) -> bool:
        return self.kind == COST


@dataclass(frozen=True)
class Cell:
    """One method under one metric.

    Attributes:
        n: independent images (1 for a measured cost). 0: there is no number, and ``reason`` says why.
        scored: images with a value; more than ``n`` where some are not independent.
        best: among the comparable methods of the block (means over the same images); controls never are.
        notes: numbers of the block's footnotes. median: of the images' values.
    """

    metric: Metric
    n: int
    mean: float
    low: float
    high: float
    failed: int
    not_applicable: int
    reason: str
    best: bool = False
    notes: tuple[int, ...] = ()
    median: float = nan
    comparable: bool = True
    scored: int = 0

    @property
    def text(self) -> str:
        """The number, or ``n/a``, ``failed`` or ``none``."""
        if self.n:
            return number_format.within(self.mean, self.metric.decimals, *self.metric.range)
        return "n/a" if self.not_applicable else "failed" if self.failed else "none"

    @property
    def interval(self) -> str:
        return number_format.interval(self.low, self.high, self.metric.decimals) if self.n else ""

    @property
    def incomplete(self) -> str:
        """``2 of 20 failed``: what keeps a number from being compared; empty where nothing does."""
        total = self.scored + self.failed + self.not_applicable
        lost = [(self.failed, "failed"), (self.not_applicable, "n/a")]
        return ", ".join(f"{count} of {total} {word}" for count, word in lost if count) if self.n else ""


@dataclass(frozen=True)
class Row:
    """One method of a block.

    Attributes:
        notes: numbers of the block's footnotes that hold of the whole row: what is known of the method.
    """

    method: str
    control: bool
    cells: tuple[Cell, ...]
    notes: tuple[int, ...] = ()

    def cell(self, metric: Metric) -> Cell:
        """The cell of a metric and protocol of this row.

        Raises:
            KeyError: the row has none.
        """
        return self._by_key[metric.name, metric.protocol]

    @cached_property
    def _by_key(self) -> dict[tuple[str, str], Cell]:
        return {(cell.metric.name, cell.metric.protocol): cell for cell in self.cells}

    def of_kind(self, cost: bool) -> tuple[Cell, ...]:
        return tuple(cell for cell in self.cells if cell.metric.is_cost == cost)


@dataclass(frozen=True)
class Block:
    """One model, dataset and layer."""

    model: str
    dataset: str
    layer: str
    metrics: tuple[Metric, ...]
    rows: tuple[Row, ...]
    footnotes: tuple[Footnote, ...]

    @property
    def title(self) -> str:
        return f"{self.model} · {self.dataset} · {self.layer}"

    @property
    def methods(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if not row.control)

    @property
    def controls(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.control)

    @property
    def quality(self) -> tuple[Metric, ...]:
        return tuple(metric for metric in self.metrics if not metric.is_cost)

    @property
    def costs(self) -> tuple[Metric, ...]:
        return tuple(metric for metric in self.metrics if metric.is_cost)

    def same(self, metric: Metric) -> bool:
        """Whether all methods, at least two, have the same number under a metric: its column tells nothing of them."""
        cells = [cell for row in self.methods for cell in row.cells if cell.metric is metric]
        return len(cells) > 1 and all(cell.n for cell in cells) and len({cell.text for cell in cells}) == 1

    def notes(self, cost: bool) -> tuple[tuple[int, str], ...]:
        """The numbers and texts of the footnotes that the quality table, or the cost table, refers to."""
        of_rows = {note for row in self.rows for note in row.notes}
        used = of_rows | {note for row in self.rows for cell in row.of_kind(cost) for note in cell.notes}
        return tuple((number, note.text) for number, note in enumerate(self.footnotes, start=1) if number in used)

    def causes(self, row: Row) -> str:
        """What holds of the whole row, in words for a tooltip; empty where nothing does."""
        return "; ".join(self.footnotes[note - 1].cause.text for note in row.notes)

    @property
    def images(self) -> int:
        """Images behind the fullest mean."""
        return max((cell.scored for row in self.rows for cell in row.of_kind(cost=False)), default=0)

    @property
    def units(self) -> int:
        """Independent images behind the fullest mean."""
        return max((cell.n for row in self.rows for cell in row.of_kind(cost=False)), default=0)

    @property
    def counted(self) -> str:
        """``20 images``, or ``48 images (6 independent)``."""
        return number_format.images(self.units, self.images)

    @property
    def protocols(self) -> str:
        """``deletion AUC rise-28; runtime alone-b1``: for captions."""
        return "; ".join(f"{metric.title} {metric.protocol}" for metric in self.metrics)
