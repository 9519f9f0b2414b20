"""How each method's means move with the layer: tables per network and data, which a chart draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..leaderboard.board import Block, Cell, Metric, Row


@dataclass(frozen=True)
class DepthTable:
    """One metric: a row per method (name, control or not), a cell per layer; None where a layer has no such metric."""

    metric: Metric
    rows: tuple[tuple[str, bool, tuple[Cell | None, ...]], ...]


@dataclass(frozen=True)
class Depth:
    """The blocks of one network and data, in the order of their layers."""

    blocks: tuple[Block, ...]

    @property
    def model(self) -> str:
        return self.blocks[0].model

    @property
    def dataset(self) -> str:
        return self.blocks[0].dataset

    @property
    def layers(self) -> tuple[str, ...]:
        return tuple(block.layer for block in self.blocks)

    @property
    def title(self) -> str:
        return f"{self.model} · {self.dataset}"

    @property
    def tables(self) -> tuple[DepthTable, ...]:
        """One per quality metric that two layers or more have."""
        return tuple(_table(self.blocks, metric) for metric in _metrics(self.blocks))


def depths(blocks: Sequence[Block], layers: Mapping[str, Sequence[str]]) -> tuple[Depth, ...]:
    """Of each network and data with two layers or more under some metric; ``layers``: by network, shallow to deep."""
    groups: dict[tuple[str, str], list[Block]] = {}
    for block in blocks:
        if block.layer in layers.get(block.model, ()):
            groups.setdefault((block.model, block.dataset), []).append(block)
    ordered = (
        sorted(group, key=lambda block: list(layers[block.model]).index(block.layer)) for group in groups.values()
    )
    return tuple(Depth(tuple(group)) for group in ordered if _metrics(group))


def _table(blocks: Sequence[Block], metric: Metric) -> DepthTable:
    rows: dict[str, Row] = {row.method: row for block in blocks for row in (*block.methods, *block.controls)}
    names = sorted(rows, key=lambda name: rows[name].control)
    lines = [(name, rows[name].control, tuple(_cell(block, name, metric) for block in blocks)) for name in names]
    return DepthTable(metric, tuple(lines))


def _cell(block: Block, method: str, metric: Metric) -> Cell | None:
    cells = (cell for row in block.rows if row.method == method for cell in row.cells)
    return next((cell for cell in cells if _key(cell.metric) == _key(metric)), None)


def _metrics(blocks: Sequence[Block]) -> list[Metric]:
    metrics = {_key(metric): metric for block in blocks for metric in block.quality}
    having = {key: sum(key in map(_key, block.quality) for block in blocks) for key in metrics}
    return [metric for key, metric in metrics.items() if having[key] > 1]


def _key(metric: Metric) -> tuple[str, str]:
    return metric.name, metric.protocol
