"""Curves, and quality against cost, as figures of one block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator

from ...formatting import join_words, plural
from ..leaderboard.board import Block, Metric, Row
from . import pareto
from .style import INK, STYLE, Look, Picture, entry, grid, label, legend

RING: dict[str, Any] = {
    "color": INK,
    "linestyle": "none",
    "marker": "o",
    "markersize": 11,
    "markerfacecolor": "none",
    "markeredgewidth": 0.9,
}


def curves(block: Block, bands: pd.DataFrame, look: Mapping[str, Look]) -> Picture | None:
    """Mean curves with 95 % bands, a panel per metric and protocol; None where the block has no curve."""
    here = bands[
        (bands["model"] == block.model) & (bands["dataset"] == block.dataset) & (bands["layer"] == block.layer)
    ]
    metrics = [m for m in block.quality if ((here["metric"] == m.name) & (here["protocol"] == m.protocol)).any()]
    if not metrics:
        return None
    with mpl.rc_context(STYLE):
        names = [row.method for row in block.rows if (here["method"] == row.method).any()]
        figure, axes = grid(len(metrics), most=2, entries=[entry(name, look) for name in names])
        for axis, metric in zip(axes, metrics, strict=True):
            part = here[(here["metric"] == metric.name) & (here["protocol"] == metric.protocol)]
            _curve_panel(axis, metric, part, look)
        legend(figure, names, look, lines=True)
        return Picture(figure, curves_in_words(block, metrics))


def _curve_panel(axis: Axes, metric: Metric, part: pd.DataFrame, look: Mapping[str, Look]) -> None:
    for number, name in enumerate(n for n in look if (part["method"] == n).any()):
        rows, style = part[part["method"] == name], look[name]
        every = max(1, len(rows) // 7)
        axis.plot(
            rows["x"],
            rows["mean"],
            color=style.colour,
            linestyle=style.dash,
            linewidth=1.2 if style.control else 1.7,
            marker=style.marker,
            markersize=4,
            markevery=(number % every, every),
        )
        axis.fill_between(rows["x"], rows["low"], rows["high"], color=style.colour, alpha=0.10, linewidth=0)
    x = f"share of pixels {changed_pixels(metric)}"
    label(axis, f"{metric.title} {metric.arrow}  {metric.protocol}", x, f"mean {metric.read}")
    axis.set_xlim(0, 1)
    if metric.read != "logit":
        axis.set_ylim(bottom=0)


def changed_pixels(metric: Metric) -> str:
    """What a curve's metric does to the pixels that its x counts: ``removed``, ``shown`` or ``changed``."""
    return {"deletion": "removed", "insertion": "shown"}.get(metric.name, "changed")


def scatter(block: Block, look: Mapping[str, Look], fronts: Sequence[pareto.Front]) -> Picture | None:
    """Every quality metric against the cost, a panel each, with rings around Pareto-optimal methods.

    None without a cost or without a quality metric.
    """
    cost = pareto.cost_of(block)
    if cost is None or not block.quality:
        return None
    points = [row for row in block.rows if _value(row, cost) is not None]
    if not points:
        return None
    with mpl.rc_context(STYLE):
        marked = [Line2D([], [], label="Pareto-optimal (rings)", **RING)] if fronts else []
        entries = [*(entry(row.method, look) for row in points), *(str(line.get_label()) for line in marked)]
        figure, axes = grid(len(block.quality), most=3, entries=entries)
        by_metric = {front.metric: front for front in fronts}
        for axis, metric in zip(axes, block.quality, strict=True):
            _scatter_panel(axis, metric, cost, points, look)
            if metric in by_metric:
                _rings(axis, by_metric[metric])
        legend(figure, [row.method for row in points], look, lines=False, more=marked)
        return Picture(figure, scatter_in_words(block, cost, len(points)))


def _scatter_panel(axis: Axes, metric: Metric, cost: Metric, points: Sequence[Row], look: Mapping[str, Look]) -> None:
    bars: list[tuple[tuple[float, float], tuple[float, float]]] = []
    colours: list[str] = []
    for row in points:
        cell, price = row.cell(metric), row.cell(cost)
        if not cell.n or not price.n:
            continue
        style = look[row.method]
        ends = [((price.mean, cell.low), (price.mean, cell.high))] if cell.interval else []
        ends += [((price.low, cell.mean), (price.high, cell.mean))] if price.interval else []
        bars, colours = [*bars, *ends], [*colours, *[style.colour] * len(ends)]
        axis.plot([price.mean], [cell.mean], color=style.colour, marker=style.marker, markersize=6, linestyle="none")
    axis.add_collection(LineCollection(bars, colors=colours, linewidths=1, alpha=0.6), autolim=True)
    axis.autoscale_view()
    costs = [_value(row, cost) or 0 for row in points]
    if min(costs) > 0 and axis.lines:  # an axis without a point has no logarithm
        axis.set_xscale("log")
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if max(costs) < 30 * min(costs) else (1,)))
        axis.xaxis.set_major_formatter("{x:g}")
        axis.xaxis.set_minor_formatter("")
    unit = f" ({cost.unit})" if cost.unit else ""
    label(axis, f"{metric.title} {metric.arrow}  {metric.protocol}", f"{cost.title}{unit}, less to the left", "")


def _rings(axis: Axes, front: pareto.Front) -> None:
    """A ring around each method that is worth its cost."""
    costs = [front.points[name].cost for name in front.methods]
    axis.plot(costs, [front.mean(name) for name in front.methods], zorder=0, **RING)


def _value(row: Row, metric: Metric) -> float | None:
    cell = row.cell(metric)
    return cell.mean if cell.n else None


def curves_in_words(block: Block, metrics: Sequence[Metric]) -> str:
    """The areas under the curves, for who does not see them."""
    rankings = [
        f"{metric.title} {metric.protocol} ({metric.direction}): {_ranking(block, metric)}" for metric in metrics
    ]
    read = join_words(dict.fromkeys(metric.read for metric in metrics))
    return f"Mean {read} against the share of pixels, {block.title}. Areas: {'; '.join(rankings)}."


def _ranking(block: Block, metric: Metric) -> str:
    cells = [(row.method, cell) for row in block.rows for cell in row.cells if cell.metric == metric and cell.n]
    cells.sort(key=lambda pair: pair[1].mean, reverse=metric.higher)
    return ", ".join(f"{name} {cell.text}" for name, cell in cells)


def scatter_in_words(block: Block, cost: Metric, count: int) -> str:
    """What quality against cost shows of a block, for who does not see it."""
    names = ", ".join(metric.title for metric in block.quality)
    return f"{names} against {cost.title} of {plural(count, 'method')}, {block.title}: the numbers are in the tables."
