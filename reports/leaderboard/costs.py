"""Costs as people compare them: a table per network, and which differences are noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from .blocks import Block, Cell, Metric, Row


def span(cell: Cell) -> tuple[float, float]:
    """The range of a measured cost, from quartile to quartile; where it has no quartiles, twice the number as shown."""
    if math.isfinite(cell.low) and math.isfinite(cell.high):
        return cell.low, cell.high
    return (round(cell.mean, cell.metric.decimals),) * 2


def within_noise(cell: Cell, other: Cell) -> bool:
    """Whether two costs of one metric are the same within the noise: their quartile ranges overlap."""
    (low, high), (other_low, other_high) = span(cell), span(other)
    return low <= other_high and other_low <= high


@dataclass(frozen=True)
class CostGroup:
    """Costs of a network's methods at one layer.

    Attributes:
        block: the block whose costs are shown, in the digits of the table's columns.
        same: other data sets of the run where every cost is the same within the noise, and is not shown again.
    """

    block: Block
    same: tuple[str, ...] = ()

    def cheapest(self, metric: Metric) -> tuple[str, ...]:
        """The cheapest method, and all methods that are within the noise of it; empty for fewer than two methods."""
        cells = {row.method: row.cell(metric) for row in self.block.methods}
        known = {name: cell for name, cell in cells.items() if cell.n}
        if len(known) < 2:
            return ()
        least = min(known.values(), key=lambda cell: cell.mean)
        return tuple(name for name, cell in known.items() if within_noise(least, cell))


@dataclass(frozen=True)
class CostTable:
    """Costs of one network: a group of rows per layer, and per data set where costs differ between data sets."""

    model: str
    metrics: tuple[Metric, ...]
    groups: tuple[CostGroup, ...]

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """Texts of the footnotes, each once."""
        texts = (group.block.footnotes[note - 1].text for group in self.groups for note in _notes(group.block))
        return tuple(dict.fromkeys(texts))

    def numbers(self, group: CostGroup, part: Cell | Row) -> list[int]:
        """The numbers of the footnotes of a cell or of a whole row in this table, from 1."""
        return [self.notes.index(group.block.footnotes[note - 1].text) + 1 for note in part.notes]


def cost_tables(blocks: Sequence[Block]) -> tuple[CostTable, ...]:
    """A table for each network with costs, in the order of the blocks."""
    models = dict.fromkeys(block.model for block in blocks if block.costs)
    return tuple(_table(model, [block for block in blocks if block.model == model and block.costs]) for model in models)


def _table(model: str, blocks: Sequence[Block]) -> CostTable:
    digits: dict[tuple[str, str], Metric] = {}
    for metric in (metric for block in blocks for metric in block.costs):
        wider = digits.get(_key(metric), metric)
        digits[_key(metric)] = replace(wider, decimals=max(wider.decimals, metric.decimals))
    even = [_with(block, digits) for block in blocks]
    layers = dict.fromkeys(block.layer for block in even)
    groups = (group for layer in layers for group in _groups([block for block in even if block.layer == layer]))
    return CostTable(model, tuple(digits.values()), tuple(groups))


def _groups(blocks: Sequence[Block]) -> tuple[CostGroup, ...]:
    """Of one layer: a single group if all data sets agree, else one for each."""
    first, *others = blocks
    if all(_same(first, other) for other in others):
        return (CostGroup(first, tuple(block.dataset for block in others)),)
    return tuple(CostGroup(block) for block in blocks)


def _same(block: Block, other: Block) -> bool:
    if [row.method for row in block.rows] != [row.method for row in other.rows] or block.costs != other.costs:
        return False
    cells = (
        (row.cell(metric), other_row.cell(metric))
        for row, other_row in zip(block.rows, other.rows, strict=True)
        for metric in block.costs
    )
    return all(within_noise(*pair) if pair[0].n and pair[1].n else _alike(*pair) for pair in cells)


def _alike(cell: Cell, other: Cell) -> bool:
    """Whether two cells lack their number for one reason."""
    return (cell.n, cell.text, cell.reason) == (other.n, other.text, other.reason)


def _with(block: Block, metrics: dict[tuple[str, str], Metric]) -> Block:
    """The block with the columns' digits."""

    def even(metric: Metric) -> Metric:
        return metrics.get(_key(metric), metric)

    rows = tuple(
        replace(row, cells=tuple(replace(cell, metric=even(cell.metric)) for cell in row.cells)) for row in block.rows
    )
    return replace(block, metrics=tuple(map(even, block.metrics)), rows=rows)


def _notes(block: Block) -> list[int]:
    return [number for number, _ in block.notes(cost=True)]


def _key(metric: Metric) -> tuple[str, str]:
    return metric.name, metric.protocol
