"""The bar beside a number: its interval and mean on the common scale of its column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ..leaderboard.board import Block, Cell, Metric

Column: TypeAlias = tuple[str, str, str, Metric]  # model, dataset, layer


@dataclass(frozen=True)
class Strips:
    """The scales of all columns.

    Attributes:
        ends: by column, the least and the greatest of its means and intervals.
    """

    ends: Mapping[Column, tuple[float, float]]

    @classmethod
    def of(cls, blocks: Sequence[Block]) -> Strips:
        ends: dict[Column, tuple[float, float]] = {}
        for block in blocks:
            for cell in (cell for row in block.rows for cell in row.cells if cell.n):
                low, high = ends.get(column := _column(block, cell), (cell.mean, cell.mean))
                ends[column] = min(low, cell.low, cell.mean), max(high, cell.high, cell.mean)
        return cls(ends)

    def css(self, block: Block, cell: Cell) -> str:
        """Custom properties of the bar, in percent of the scale; empty for a cell without a number or an interval."""
        if not cell.n or cell.low != cell.low:
            return ""
        low, high = self.ends[_column(block, cell)]
        scale = 100 / (high - low) if high > low else 0
        start, wide, mean = (cell.low - low) * scale, (cell.high - cell.low) * scale, (cell.mean - low) * scale
        return f"--low:{start:.1f}%;--wide:{wide:.1f}%;--mean:{mean:.1f}%"


def _column(block: Block, cell: Cell) -> Column:
    return block.model, block.dataset, block.layer, cell.metric
