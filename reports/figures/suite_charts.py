"""The charts of a suite's answer, as data for charts.js."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from ...results.suite_answer import SuiteAnswer, SuiteChart, SuiteTable
from .plotly_parts import (
    Chart,
    Json,
    Panel,
    View,
    hover_number,
    interval,
    numbers,
    panel_layout,
    place_of,
    plotly_text,
    rounded,
    series_of,
)
from .style import Look, looks, short

MOST_PANELS = 12
MOST_IN_ROW = 3
PATTERNS = ("", "/", "x", ".", "-", "+", "|", "\\")  # of bars
DIGITS = 3  # of a number in a hover


@dataclass(frozen=True)
class SuiteTrace:
    """The points of one series in one panel; ``low`` and ``high`` are NaN without an interval."""

    series: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True)
class ChartDrawing:
    """What a chart draws.

    Attributes:
        panels: the title and the traces of each; ``left_out`` panels are not drawn.
        words: the words along x, at 0, 1, ...; empty where x has numbers.
        alone: whether no two series have a bar at one word, so that each is as wide as the room.
    """

    chart: SuiteChart
    x_title: str
    y_title: str
    words: tuple[str, ...]
    series: tuple[str, ...]
    panels: tuple[tuple[str, tuple[SuiteTrace, ...]], ...]
    left_out: int
    alone: bool


@dataclass(frozen=True, eq=False)
class DrawnChart:
    """A chart as charts.js draws it; ``left_out`` panels are not drawn."""

    chart: SuiteChart
    live: Chart
    left_out: int


def drawn_charts(answer: SuiteAnswer, look: Mapping[str, Look]) -> tuple[DrawnChart, ...]:
    """The charts of an answer that have a number to draw.

    Args:
        look: by method, as in every figure of the page; other series get looks of their own.
    """
    tables = {table.name: table for table in answer.tables}
    drawings = [drawing_of(chart, tables[chart.table]) for chart in answer.charts]
    return tuple(_drawn(each, look) for each in drawings if each is not None)


def drawing_of(chart: SuiteChart, table: SuiteTable) -> ChartDrawing | None:
    """What a chart draws of its table; None where no row has a number."""
    rows = table.rows[pd.to_numeric(table.rows[chart.y], errors="coerce").notna()]
    if rows.empty:
        return None
    kind = rows[chart.x].dtype
    numeric = pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind)
    words = () if numeric and chart.kind != "bars" else tuple(dict.fromkeys(map(str, rows[chart.x])))
    at = {word: place for place, word in enumerate(words)}
    places = rows[chart.x].astype(str).map(at) if words else pd.to_numeric(rows[chart.x])
    series = rows[chart.series].astype(str) if chart.series else chart.title  # without series, all rows are one
    rows = rows.assign(_place=places.astype(float), _series=series)
    names = tuple(dict.fromkeys(rows["_series"]))
    parts = [("", rows)] if not chart.panels else list(rows.groupby(rows[chart.panels].astype(str), sort=False))
    panels = tuple((str(title), tuple(_traces(chart, part, names))) for title, part in parts[:MOST_PANELS])
    alone = all(len({x for t in traces for x in t.x}) == sum(len(t.x) for t in traces) for _, traces in panels)
    x_title, y_title = (str(table.headings.get(column, column)) for column in (chart.x, chart.y))
    return ChartDrawing(chart, x_title, y_title, words, names, panels, max(0, len(parts) - MOST_PANELS), alone)


def _traces(chart: SuiteChart, rows: pd.DataFrame, names: Sequence[str]) -> Iterator[SuiteTrace]:
    for name in names:
        part = rows[rows["_series"] == name]
        part = part.sort_values("_place", kind="stable") if chart.kind == "lines" else part
        if not part.empty:
            ends = (_numbers(part, chart.low), _numbers(part, chart.high))
            yield SuiteTrace(name, _numbers(part, "_place"), _numbers(part, chart.y), *ends)


def _numbers(rows: pd.DataFrame, column: str) -> tuple[float, ...]:
    if not column:
        return (math.nan,) * len(rows)
    return tuple(float(value) for value in pd.to_numeric(rows[column], errors="coerce").astype(float))


def _drawn(drawing: ChartDrawing, look: Mapping[str, Look]) -> DrawnChart:
    styles = {**looks([name for name in drawing.series if name not in look], []), **look}
    return DrawnChart(drawing.chart, _live(drawing, styles), drawing.left_out)


def _live(drawing: ChartDrawing, look: Mapping[str, Look]) -> Chart:
    bars = drawing.chart.kind == "bars"
    lines: list[Json] = []
    for panel, (_, traces) in enumerate(drawing.panels):
        for place, trace in enumerate(traces):
            shift = 0.0 if bars else _beside(drawing, place, len(traces))
            line = {**place_of(drawing.series.index(trace.series), panel), **_points(drawing, trace, shift)}
            lines.append({**line, **_marker(drawing, trace.series, look[trace.series])})
    axes: list[Panel] = [(plotly_text(title), *_axes(drawing)) for title, _ in drawing.panels]
    layout = {**panel_layout(axes), **({"barmode": "overlay" if drawing.alone else "group"} if bars else {})}
    series = tuple(series_of(name, look[name], drawing.chart.kind == "lines") for name in drawing.series)
    view = View(drawing.chart.title, tuple(lines), layout, len(drawing.panels))
    columns = min(MOST_IN_ROW, len(drawing.panels))
    return Chart(series, (view,), columns=columns, alt=drawing.chart.caption)


def _marker(drawing: ChartDrawing, name: str, look: Look) -> Json:
    """What a series' traces have in place of the marker that all charts share: bars, and points that are all drawn."""
    if drawing.chart.kind == "lines":
        return {}
    if drawing.chart.kind == "points":
        return {"marker": {**series_of(name, look, joined=False).json["marker"], "maxdisplayed": 0}}
    pattern = {"shape": _pattern(drawing, name), "fillmode": "overlay", "fgcolor": "#ffffff", "solidity": 0.2}
    group = {} if drawing.alone else {"offsetgroup": name}
    return {"type": "bar", **group, "marker": {"color": look.colour, "pattern": pattern}}


def _pattern(drawing: ChartDrawing, name: str) -> str:
    return PATTERNS[drawing.series.index(name) % len(PATTERNS)]


def _points(drawing: ChartDrawing, trace: SuiteTrace, shift: float) -> Json:
    """The points of a trace, with their intervals as bars and in the hover."""
    digits = DIGITS
    at = "%{text}" if drawing.words else hover_number("x", digits)
    hover = f"{at}: {hover_number('y', digits)}"
    points: Json = {"x": numbers(x + shift for x in trace.x), "y": numbers(trace.y)}
    if drawing.words:
        points["text"] = [plotly_text(drawing.words[int(x)]) for x in trace.x]
        points["textposition"] = "none" if drawing.chart.kind == "bars" else "top center"
    ends = list(zip(trace.low, trace.high, strict=True))
    if any(math.isnan(end) for pair in ends for end in pair):
        return {**points, "hovertemplate": hover}
    up, down = ([abs(end - y) for end, y in zip(side, trace.y, strict=True)] for side in (trace.high, trace.low))
    spans = {"array": numbers(up), "arrayminus": numbers(down), "thickness": 1, "width": 0}
    rounded_ends = [(rounded(low), rounded(high)) for low, high in ends]
    bar = {"error_y": {"type": "data", "symmetric": False, **spans}}
    return {**points, **bar, **interval(rounded_ends, digits, hover)}


def _axes(drawing: ChartDrawing) -> tuple[Json, Json]:
    ticks: Json = {}
    if drawing.words:
        labels = [plotly_text(short(word, 24)) for word in drawing.words]
        ticks = {"tickvals": list(range(len(labels))), "ticktext": labels, "range": [-0.6, len(labels) - 0.4]}
    y: Json = {"title": {"text": plotly_text(drawing.y_title)}}
    return {"title": {"text": plotly_text(drawing.x_title)}, **ticks}, y


def _beside(drawing: ChartDrawing, place: int, count: int) -> float:
    """How far a series stands from its word, so that intervals do not cover each other."""
    return (place - (count - 1) / 2) * min(0.06, 0.5 / count) if drawing.words else 0.0
