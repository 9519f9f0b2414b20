"""A chart as a drawing for paper and for a browser without scripts: what Plotly draws on the screen, at once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from markupsafe import Markup, escape

from ..figures.plotly_parts import MARKERS, MOST_BANDS, Chart, Json, Series, plotly_text
from ..figures.style import short
from ..number_format import fixed

WIDTH, TALL, FOOT = 690, 215, 16  # pixels of the drawing, of a panel, of a row of the legend
LEFT, RIGHT, TOP, BOTTOM = 50, 8, 22, 38  # around a panel's data
PER_ROW, LETTERS = 3, 34  # of the legend
INK, SOFT, RULE = "#000", "#444", "#d9d7d0"
TICKS = 6  # of an axis, at most


@dataclass(frozen=True)
class DrawnAxis:
    """From numbers to pixels.

    Attributes:
        low, high: the ends of the axis, as logarithms where ``log``.
        start, stop: their places.
        ticks: numbers, and their texts.
    """

    low: float
    high: float
    start: float
    stop: float
    log: bool
    ticks: tuple[tuple[float, str], ...]

    @classmethod
    def of(cls, axis: Json, values: Sequence[float], start: float, stop: float) -> DrawnAxis:
        """Of Plotly's axis, around the values where it states no range."""
        log = axis.get("type") == "log"
        known = [math.log10(value) for value in values if value > 0] if log else list(values)
        low, high = axis.get("range") or (min(known, default=0.0), max(known, default=1.0))
        if "range" not in axis:
            margin = 0.06 * (high - low) or 0.5
            grounded = axis.get("rangemode") == "tozero" and low >= 0
            low, high = 0.0 if grounded else low - margin, high + margin
        ticks = list(zip(axis["tickvals"], axis["ticktext"], strict=True)) if "tickvals" in axis else _ticks(low, high)
        scale = cls(low, high, start, stop, log, ())
        shown = [(value, text) for value, text in ticks if low <= scale._level(value) <= high]
        return cls(low, high, start, stop, log, tuple(shown))

    def _level(self, value: float) -> float:
        return (math.log10(value) if value > 0 else self.low) if self.log else value

    def place(self, value: float) -> float:
        """In pixels; what lies beyond the axis is at its end."""
        level = min(max(self._level(value), self.low), self.high)
        return round(self.start + (level - self.low) / (self.high - self.low) * (self.stop - self.start), 1)


def drawing_uri(chart: Chart) -> str:
    """The first view of the chart with a legend, as the address of an SVG: of many methods the first."""
    return f"data:image/svg+xml,{quote(drawing(chart), safe=' =:/,;()')}"


def drawing(chart: Chart) -> str:
    """The first view of the chart with a legend, as SVG."""
    view, shown = chart.views[0], [each for at, each in enumerate(chart.series) if at in chart.shown]
    columns = min(chart.columns, view.panels)
    wide, rows = WIDTH / columns, -(-view.panels // columns)
    height = rows * TALL + FOOT * -(-len(shown) // PER_ROW) + FOOT
    parts: list[Markup] = []
    for panel in range(view.panels):
        parts += _panel(chart, panel, wide * (panel % columns), TALL * (panel // columns), wide)
    for number, series in enumerate(shown):
        x, y = (WIDTH / PER_ROW) * (number % PER_ROW), rows * TALL + FOOT * (1 + number // PER_ROW)
        parts += [_line([(x, y - 4), (x + 26, y - 4)], series)] if series.joined else []
        parts += [_marker(x + 13, y - 4, series), _text(x + 32, y, Markup(plotly_text(short(series.name, LETTERS))))]
    if len(chart.series) > len(shown):
        parts.append(_text(0, height - 2, escape(chart.part), SOFT))
    size = f'width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
    fonts = 'font-family="Helvetica Neue, Arial, DejaVu Sans, sans-serif" font-size="10"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {fonts}>{Markup("").join(parts)}</svg>'


def _panel(chart: Chart, panel: int, left: float, top: float, wide: float) -> Iterator[Markup]:
    number = "" if panel == 0 else str(panel + 1)
    layout, series = chart.views[0].layout, chart.series
    lines = [{**chart.series[line["series"]].shared, **line} for line in chart.views[0].lines]
    lines = [line for line in lines if line["xaxis"] == f"x{number}" and line["series"] in chart.shown]
    ends = (left + LEFT, left + wide - RIGHT), (top + TALL - BOTTOM, top + TOP)
    axes = [layout[f"{side}axis{number}"] for side in "xy"]
    x, y = (
        DrawnAxis.of(axis, [value for line in lines for value in _extent(line, side)], *span)
        for axis, side, span in zip(axes, "xy", ends, strict=True)
    )
    for value, text in y.ticks:
        yield _path([(x.start, y.place(value)), (x.stop, y.place(value))], RULE)
        yield _text(x.start - 5, y.place(value) + 3, Markup(text), SOFT, "end")
    for value, text in x.ticks:
        yield _path([(x.place(value), y.start), (x.place(value), y.stop)], RULE)
        yield _text(x.place(value), y.start + 13, Markup(text), SOFT, "middle")
    yield _text(x.start, top + 14, Markup(layout["annotations"][panel]["text"]), INK)
    names = [Markup(axis.get("title", {}).get("text", "")) for axis in axes]
    yield _text((x.start + x.stop) / 2, y.start + 27, names[0], SOFT, "middle")
    middle = (y.start + y.stop) / 2
    turn = Markup(f' transform="rotate(-90 {left + 10:g} {middle:g})"')
    yield _text(left + 10, middle, names[1], SOFT, "middle", turn)
    few = len({line["series"] for line in lines}) < MOST_BANDS
    for line in lines:
        if line.get("band") and (few or line.get("best")):
            yield _band(line, x, y, series[line["series"]])
    for line in lines:
        yield from _trace(line, x, y, series[line["series"]])


def _trace(line: Json, x: DrawnAxis, y: DrawnAxis, series: Series) -> Iterator[Markup]:
    """A line with its markers, and bars at them."""
    points = [(a, b) for a, b in zip(line["x"], line["y"], strict=True) if a is not None and b is not None]
    places = [(x.place(a), y.place(b)) for a, b in points]
    if series.joined and len(places) > 1:
        yield _line(places, series)
    for side, scale in (("x", x), ("y", y)):
        bars = line.get(f"error_{side}")
        sizes = zip(bars["array"], bars["arrayminus"], strict=True) if bars else ()
        for place, point, (up, down) in zip(places, points, sizes, strict=False):
            value = point["xy".index(side)]
            low, high = scale.place(value - (down or 0)), scale.place(value + (up or 0))
            ends = [(low, place[1]), (high, place[1])] if side == "x" else [(place[0], low), (place[0], high)]
            yield _path(ends, series.colour)
    step = max(1, len(places) // MARKERS)
    yield from (_marker(*place, series) for place in places[::step])


def _extent(line: Json, side: str) -> Iterator[float]:
    """The numbers of a line, and both ends of its bars."""
    bars = line.get(f"error_{side}", {})
    zeros = [0.0] * len(line[side])
    for value, up, down in zip(line[side], bars.get("array", zeros), bars.get("arrayminus", zeros), strict=True):
        if value is not None:
            yield from (value - (down or 0), value + (up or 0))


def _band(line: Json, x: DrawnAxis, y: DrawnAxis, series: Series) -> Markup:
    ends = [(a, low, high) for a, (low, high) in zip(line["x"], line["customdata"], strict=True) if low is not None]
    outline = [(x.place(a), y.place(low)) for a, low, _ in ends]
    outline += [(x.place(a), y.place(high)) for a, _, high in reversed(ends)]
    points = " ".join(f"{a:g},{b:g}" for a, b in outline)
    return Markup('<polygon points="{}" fill="{}" opacity=".2"/>').format(points, series.colour)


def _line(places: Sequence[tuple[float, float]], series: Series) -> Markup:
    dash = "" if series.dash == "solid" else series.dash.replace("px", "")
    return _path(places, series.colour, 1.4, dash)


def _path(places: Sequence[tuple[float, float]], colour: str, width: float = 1, dash: str = "") -> Markup:
    points = " ".join(f"{a:g},{b:g}" for a, b in places)
    look = Markup(' stroke-dasharray="{}"').format(dash) if dash else ""
    return Markup('<polyline points="{}" fill="none" stroke="{}" stroke-width="{:g}"{}/>').format(
        points, colour, width, look
    )


def _marker(x: float, y: float, series: Series) -> Markup:
    """The character of the legend, as large as Plotly's symbol."""
    size = 1.4 * series.size
    attributes = Markup(' font-size="{:g}"').format(size)
    return _text(x, round(y + 0.36 * size, 1), Markup(series.glyph), series.colour, "middle", attributes)


def _text(x: float, y: float, text: Markup, colour: str = INK, anchor: str = "start", more: str = "") -> Markup:
    code = Markup('<text x="{:g}" y="{:g}" fill="{}" text-anchor="{}"{}>{}</text>')
    return code.format(x, y, colour, anchor, more, text)


def _ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Round numbers within the ends."""
    raw = (high - low) / TICKS
    power = 10 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [(at * step, fixed(at * step, digits)) for at in range(first, math.floor(high / step + 1e-9) + 1)]
