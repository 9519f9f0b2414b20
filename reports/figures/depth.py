"""How each method's means move with the layer: a figure and tables per network and data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.axes import Axes

from ..leaderboard.board import Block, Cell, Metric, Row
from .style import STYLE, Look, Picture, entry, grid, label, legend, picture, short


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


def drawn(depth: Depth, look: Mapping[str, Look]) -> Picture:
    """A panel per metric: a line per method over the layers, with each mean's 95 % interval."""
    tables = depth.tables
    with mpl.rc_context(STYLE):
        seen = [
            name for name in look if any(row[0] == name and any(map(_known, row[2])) for t in tables for row in t.rows)
        ]
        figure, axes = grid(len(tables), most=3, entries=[entry(name, look) for name in seen])
        for axis, table in zip(axes, tables, strict=True):
            _panel(axis, table, depth.layers, look)
        legend(figure, seen, look, lines=True)
        titles = ", ".join(table.metric.title for table in tables)
        return picture(
            figure, f"{titles} at {len(depth.layers)} layers, {depth.title}: the numbers are in the tables below."
        )


def _panel(axis: Axes, table: DepthTable, layers: Sequence[str], look: Mapping[str, Look]) -> None:
    drawn_rows = [row for row in table.rows if any(map(_known, row[2]))]
    for place, (name, _, cells) in enumerate(drawn_rows):
        style = look[name]
        beside = (place - (len(drawn_rows) - 1) / 2) * min(0.04, 0.4 / len(drawn_rows))  # intervals stand side by side
        known = [(at + beside, cell) for at, cell in enumerate(cells) if cell is not None and cell.n]
        x, mean = [at for at, _ in known], [cell.mean for _, cell in known]
        axis.plot(
            x,
            mean,
            color=style.colour,
            linestyle=style.dash,
            linewidth=1.0 if style.control else 1.4,
            marker=style.marker,
            markersize=4.5,
        )
        spans = [(at, cell) for at, cell in known if cell.interval]
        axis.vlines(
            [at for at, _ in spans],
            [cell.low for _, cell in spans],
            [cell.high for _, cell in spans],
            color=style.colour,
            linewidth=0.8,
            alpha=0.6,
        )
    axis.set_xlim(-0.4, len(layers) - 0.6)
    axis.set_xticks(range(len(layers)), [short(layer, 18) for layer in layers])
    label(axis, f"{table.metric.title} {table.metric.arrow}  {table.metric.protocol}", "layer, deeper to the right", "")


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


def _known(cell: Cell | None) -> bool:
    return cell is not None and bool(cell.n)
