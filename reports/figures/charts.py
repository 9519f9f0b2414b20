"""Figures as data for charts.js, which draws them with Plotly: hover values, methods to hide, a second view."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import pandas as pd

from ..leaderboard.board import Block, Cell, Metric
from . import pareto
from .curves import changed_pixels, curves_in_words, scatter_in_words
from .depth import Depth
from .plotly_parts import (
    RING,
    Chart,
    Json,
    Panel,
    Series,
    View,
    bars,
    hover_number,
    interval,
    log_ticks,
    numbers,
    panel_layout,
    place_of,
    plotly_text,
    rounded,
    series_of,
)
from .style import GREY, Look

DIGITS = 4  # of probabilities; what Plotly shows when it hovers has three


def curve_chart(block: Block, bands: pd.DataFrame, gaps: pd.DataFrame, look: Mapping[str, Look]) -> Chart | None:
    """Mean curves with bands, and their differences from the best method's; None where the block has no curve.

    Args:
        bands: what ``stats.curve_bands`` gave.
        gaps: what ``stats.curve_differences`` gave.
        look: by method.
    """
    bands, gaps = (
        rows[(rows["model"] == block.model) & (rows["dataset"] == block.dataset) & (rows["layer"] == block.layer)]
        for rows in (bands, gaps)
    )
    methods = [row.method for row in block.rows if (bands["method"] == row.method).any()]
    metrics = [metric for metric in block.quality if not _of(bands, metric).empty]
    if not metrics:
        return None
    series = tuple(series_of(name, look[name], joined=True) for name in methods)
    axes = [_curve_axes(metric) for metric in metrics]
    lines = _curve_lines(metrics, bands, methods, [best_method(block, metric) for metric in metrics])
    views = [View("Mean curves", lines, panel_layout(axes), len(metrics))]
    compared = [metric for metric in metrics if not _of(gaps, metric).empty]
    if compared:
        controls = [row.method for row in block.controls]
        axes = [_gap_axes(metric, best_method(block, metric), _of(gaps, metric), controls) for metric in compared]
        lines = _curve_lines(compared, gaps, methods, [best_method(block, metric) for metric in compared])
        views.append(View("Difference from the best", lines, panel_layout(axes), len(compared)))
    return Chart(series, tuple(views), columns=2, alt=curves_in_words(block, metrics))


def curve_metrics(block: Block, bands: pd.DataFrame) -> list[Metric]:
    """The metrics of a block that have curves; ``bands`` as in ``curve_chart``."""
    here = (
        bands[["model", "dataset", "layer", "metric", "protocol"]].drop_duplicates().itertuples(index=False, name=None)
    )
    keys = set(here)
    place = (block.model, block.dataset, block.layer)
    return [metric for metric in block.quality if (*place, metric.name, metric.protocol) in keys]


def cost_chart(block: Block, look: Mapping[str, Look], fronts: Sequence[pareto.Front]) -> Chart | None:
    """Every quality metric against the cost, with rings around the Pareto-optimal methods; None without both."""
    cost = pareto.cost_of(block)
    rows = [row for row in block.rows if cost is not None and row.cell(cost).n]
    if cost is None or not block.quality or not rows:
        return None
    series = [_priced(series_of(row.method, look[row.method], joined=False), row.cell(cost)) for row in rows]
    ring = Series(RING, GREY, "solid", "circle-open", "○", control=False, joined=False, size=17)
    lines: list[Json] = []
    for panel, metric in enumerate(block.quality):
        hover = f"{hover_number('x', cost.decimals)}: {hover_number('y', metric.decimals)}"
        for front in (front for front in fronts if front.metric == metric):
            x, y = [front.points[name].cost for name in front.methods], [front.mean(name) for name in front.methods]
            lines.append({**place_of(len(rows), panel), "x": numbers(x), "y": numbers(y), "hoverinfo": "skip"})
        for number, row in enumerate(rows):
            cell = row.cell(metric)
            if cell.n:
                lines.append({**place_of(number, panel), **_means([cell], hover)})
    unit, log = f" ({cost.unit})" if cost.unit else "", min(row.cell(cost).mean for row in rows) > 0
    ticks = {"type": "log", **log_ticks([row.cell(cost).mean for row in rows])} if log else {}
    x_axis = {"title": {"text": plotly_text(f"{cost.title}{unit}")}, **ticks}
    panels: list[Panel] = [(_title(metric), x_axis, {}) for metric in block.quality]
    view = View("Quality against cost", tuple(lines), panel_layout(panels), len(panels))
    alt = scatter_in_words(block, cost, len(rows))
    return Chart((*series, *([ring] if fronts else [])), (view,), columns=3, alt=alt)


def _priced(series: Series, price: Cell) -> Series:
    """The series at the method's cost, which is the same in every panel."""
    return replace(series, shared={"x": numbers([price.mean]), "error_x": bars([price])})


def depth_chart(depth: Depth, look: Mapping[str, Look]) -> Chart:
    """A panel per metric: a line per method over the layers, with the interval of each mean."""
    rows = [(name, cells) for table in depth.tables for name, _, cells in table.rows]
    names = list(dict.fromkeys(name for name, cells in rows if any(cell and cell.n for cell in cells)))
    lines: list[Json] = []
    for panel, table in enumerate(depth.tables):
        drawn = [(name, cells) for name, _, cells in table.rows if any(cell and cell.n for cell in cells)]
        for place, (name, cells) in enumerate(drawn):
            beside = (place - (len(drawn) - 1) / 2) * min(0.04, 0.4 / len(drawn))  # intervals stand side by side
            known = [(at, cell) for at, cell in enumerate(cells) if cell is not None and cell.n]
            x = {"x": numbers(at + beside for at, _ in known)}
            labels = {"text": [plotly_text(depth.layers[at]) for at, _ in known]}
            means = _means([cell for _, cell in known], f"%{{text}}: {hover_number('y', table.metric.decimals)}")
            lines.append({**place_of(names.index(name), panel), **x, **labels, **means})
    ticks = {"tickvals": list(range(len(depth.layers))), "ticktext": [plotly_text(layer) for layer in depth.layers]}
    panels: list[Panel] = [(_title(table.metric), {"title": {"text": "layer"}, **ticks}, {}) for table in depth.tables]
    series = tuple(series_of(name, look[name], joined=True) for name in names)
    view = View("By layer depth", tuple(lines), panel_layout(panels), len(panels))
    titles = ", ".join(table.metric.title for table in depth.tables)
    alt = f"{titles} at {len(depth.layers)} layers, {depth.title}: the numbers are in the tables below."
    return Chart(series, (view,), columns=3, alt=alt)


def best_method(block: Block, metric: Metric) -> str:
    """The method with the best mean, the first of several; empty where methods cannot be compared."""
    return next((row.method for row in block.methods if row.cell(metric).best), "")


def best_methods(blocks: Iterable[Block]) -> dict[tuple[str, ...], str]:
    """By (model, dataset, layer, metric, protocol), the ``best_method``; comparisons without one are left out."""
    keys = {
        (block.model, block.dataset, block.layer, metric.name, metric.protocol): best_method(block, metric)
        for block in blocks
        for metric in block.quality
    }
    return {key: name for key, name in keys.items() if name}


def _curve_lines(
    metrics: Sequence[Metric], rows: pd.DataFrame, methods: Sequence[str], best: Sequence[str]
) -> tuple[Json, ...]:
    lines = []
    for panel, metric in enumerate(metrics):
        part = _of(rows, metric)
        by_method = dict(iter(part.groupby("method", sort=False)))
        for number, method in enumerate(methods):
            curve = by_method.get(method, part[:0])
            banded = curve[curve["low"].notna() & curve["high"].notna()]
            shown = curve if banded.empty else banded
            if len(shown):
                points = {"x": numbers(shown["x"], DIGITS), "y": numbers(shown["mean"], DIGITS)}
                ends = zip(numbers(shown["low"], DIGITS), numbers(shown["high"], DIGITS), strict=True)
                hover = f"{hover_number('x', 2)}: {hover_number('y', 3)}"
                band = {"band": True, "best": method == best[panel], **interval(list(ends), 3, hover)}
                lines.append(
                    {**place_of(number, panel), **points, **(band if len(banded) else {"hovertemplate": hover})}
                )
    return tuple(lines)


def _curve_axes(metric: Metric) -> Panel:
    span = {} if metric.read == "logit" else {"rangemode": "tozero"}
    return _title(metric), _share_axis(metric), {"title": {"text": f"mean {metric.read}"}, **span}


def _gap_axes(metric: Metric, best: str, rows: pd.DataFrame, controls: Sequence[str]) -> Panel:
    """On the scale of the methods: a control may leave it."""
    shown = rows[~rows["method"].isin(controls)][["mean", "low", "high"]]
    low, high = float(shown.min().min()), float(shown.max().max())
    margin = 0.06 * (high - low) or 0.01
    y_axis = {
        "title": {"text": plotly_text(f"difference from {best}")},
        "range": numbers([low - margin, high + margin]),
    }
    return _title(metric), _share_axis(metric), {**y_axis, "zeroline": True}


def _share_axis(metric: Metric) -> Json:
    return {"title": {"text": f"share of pixels {changed_pixels(metric)}"}, "range": [0, 1]}


def _title(metric: Metric) -> str:
    return plotly_text(f"{metric.title} {metric.arrow}  {metric.protocol}")


def _means(cells: Sequence[Cell], hover: str) -> Json:
    """Means with their intervals, as bars and for the hover."""
    decimals = cells[0].metric.decimals
    ends = [(rounded(cell.low, decimals + 2), rounded(cell.high, decimals + 2)) for cell in cells]
    means = numbers((cell.mean for cell in cells), decimals + 2)
    return {"y": means, "error_y": bars(cells), **interval(ends, decimals, hover)}


def _of(rows: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    part: pd.DataFrame = rows[(rows["metric"] == metric.name) & (rows["protocol"] == metric.protocol)]
    return part
