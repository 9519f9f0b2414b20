"""Charts in Plotly's words: what one is made of, text that Plotly shows as it is, and axes of several panels."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ..leaderboard.board import Cell
from .style import COLOURS, GREY, Look, short

Json: TypeAlias = dict[str, Any]
Panel: TypeAlias = tuple[str, Json, Json]  # title, x axis, y axis
SYMBOLS = {  # matplotlib's markers: Plotly's name, and a character for the legend
    "o": ("circle", "●"),
    "s": ("square", "■"),
    "^": ("triangle-up", "▲"),
    "D": ("diamond", "◆"),
    "v": ("triangle-down", "▼"),
    "P": ("cross", "✚"),
    "X": ("x", "✖"),
    "p": ("pentagon", "⬟"),
    "h": ("hexagon2", "⬢"),
    "<": ("triangle-left", "◀"),
    "+": ("cross-thin-open", "+"),
    "x": ("x-thin-open", "×"),
    "1": ("y-down-open", "⅄"),
    "2": ("y-up-open", "Y"),
}
AXIS: Json = {
    "automargin": True,
    "fixedrange": True,
    "gridcolor": "#d9d7d0",
    "zeroline": False,
    "title": {"standoff": 8},
}
LAYOUT: Json = {  # of every chart
    "margin": {"l": 10, "r": 10, "t": 30, "b": 10},
    "hovermode": "closest",
    "showlegend": False,
    "legend": {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom"},  # of a saved figure and on paper
    "template": {"layout": {"xaxis": AXIS, "yaxis": AXIS}},
}
EQUAL: Json = {  # the line on which both axes are equal
    "type": "line",
    "xref": "paper",
    "yref": "paper",
    "x0": 0,
    "y0": 0,
    "x1": 1,
    "y1": 1,
    "line": {"color": GREY, "dash": "dash", "width": 1},
}
POINTS: Json = {  # of images: what images.js adds its numbers to; layouts for two metrics, and for one
    "layouts": [LAYOUT, {**LAYOUT, "yaxis": {"matches": "x"}, "shapes": [EQUAL]}],
    "trace": {
        "mode": "markers",
        "hovertemplate": "%{text}: x %{x:.3f}, y %{y:.3f}<extra></extra>",
        "marker": {"color": COLOURS[0], "size": 11, "line": {"color": COLOURS[0], "width": 1.4}},
    },
}
IMAGE_LINES: Json = {  # the curves of one image: what images.js adds its numbers to
    "chosen": {
        "mode": "lines",
        "zorder": 1,  # over the others
        "line": {"color": COLOURS[0], "width": 2.5},
        "hovertemplate": "%{y:.3f} at %{x:.2f}",
    },
    "other": {"mode": "lines", "line": {"color": GREY, "width": 1}, "opacity": 0.6, "hovertemplate": "%{y:.3f}"},
    "layout": {
        **LAYOUT,
        "xaxis": {"title": {"text": "share of pixels changed"}, "range": [0, 1]},
        "yaxis": {"title": {"text": "class score"}},
    },
}
BAND: Json = {  # of the interval around a line
    "mode": "lines",
    "line": {"width": 0},
    "fill": "toself",
    "opacity": 0.2,
    "hoverinfo": "skip",
    "hovertemplate": "",
    "showlegend": False,
}
MARKERS = 8  # of a line with many points
RING = "Pareto-optimal"  # the series of the rings around methods
MOST_SHOWN = 12  # methods of a chart before a reader chooses others, and on paper
MOST_BANDS = 4  # of fewer methods charts.js draws all bands


@dataclass(frozen=True)
class Series:
    """How one method is drawn in every panel of a chart, as in the figures of PDF files.

    Attributes:
        dash: lengths in pixels, or ``solid``.
        symbol: Plotly's name of the marker. glyph: a character of that shape.
        joined: whether its points are joined by a line.
        size: of the marker, in pixels.
        shared: what all traces of the method have in common beyond its look, such as its cost.
    """

    name: str
    colour: str
    dash: str
    symbol: str
    glyph: str
    control: bool
    joined: bool
    size: int = 7
    shared: Json = field(default_factory=dict, compare=False)

    @property
    def json(self) -> Json:
        """What Plotly's traces of this method have in common."""
        outline = {"color": self.colour, "width": 1.4}  # of markers that are not filled
        marker = {"symbol": self.symbol, "size": self.size, "maxdisplayed": MARKERS, "line": outline}
        line = {"color": self.colour, "dash": self.dash, "width": line_width(self.control)}
        mode = "lines+markers" if self.joined else "markers"
        name = plotly_text(f"{self.name} (control)" if self.control else self.name)
        return {"name": name, "mode": mode, "line": line, "marker": {"color": self.colour, **marker}, **self.shared}


@dataclass(frozen=True)
class View:
    """One way to look at a chart's numbers.

    Attributes:
        lines: a Plotly trace per method and panel, without what ``Series`` says; ``series`` is the place of the method.
            ``customdata`` are both ends of the interval at each point, null where it has none; with ``band``, charts.js
            draws them as a band; ``best`` marks the best method of the panel.
        layout: Plotly's, without sizes.
        panels: how many.
    """

    name: str
    lines: tuple[Json, ...]
    layout: Json
    panels: int


@dataclass(frozen=True)
class Chart:
    """A figure with a panel per metric.

    Attributes:
        columns: panels in a row, where the window is wide enough.
        alt: what it shows in words.
        order: of methods, the first of which are shown where there are many.
    """

    series: tuple[Series, ...]
    views: tuple[View, ...]
    columns: int
    alt: str
    order: tuple[str, ...] = ()

    @property
    def shown(self) -> frozenset[int]:
        """The places of the series that are shown before a reader chooses others: 12 methods, and what is no method."""
        ranked = {name: at for at, name in enumerate(self.order)}
        places = sorted(range(len(self.series)), key=lambda at: ranked.get(self.series[at].name, len(ranked)))
        rings = [at for at in places if self.series[at].name == RING]
        return frozenset([*[at for at in places if at not in rings][:MOST_SHOWN], *rings])

    @property
    def part(self) -> str:
        """``the first 12 of 50 methods are shown``; empty where all are."""
        methods = sum(each.name != RING for each in self.series)
        return f"the first {MOST_SHOWN} of {methods} methods are shown" if methods > MOST_SHOWN else ""

    @property
    def json(self) -> Json:
        """What charts.js reads: a look for each method, and the lines of each view, which refer to the looks.

        Of each method, one trace stands in the legend of a saved figure.
        """
        looks, views = [each.json for each in self.series], [self._view(view) for view in self.views]
        return {"looks": looks, "band": BAND, "views": views}

    def _view(self, view: View) -> Json:
        narrow, wide = _grid(view.panels, 1), _grid(view.panels, min(self.columns, view.panels))
        return {"lines": _legend(view.lines), "layout": LAYOUT | view.layout, "narrow": narrow, "wide": wide}

    @property
    def height(self) -> int:
        """Of the first view in a wide window, in pixels."""
        panels = self.views[0].panels
        return int(_grid(panels, min(self.columns, panels))["height"])


def _grid(panels: int, columns: int) -> Json:
    """Panels in rows, and what their rows take."""
    rows = -(-panels // columns)
    grid = {"rows": rows, "columns": columns, "pattern": "independent", "xgap": 0.18, "ygap": 0.35}
    return {"grid": grid, "height": (245 if columns > 2 else 290) * rows + 40}


def line_width(control: bool) -> float:
    """Of a line, in pixels."""
    return 1.4 if control else 2


def plotly_text(text: str) -> str:
    """The text on one line, cut where it is long, and safe for Plotly, which reads a part of HTML in every label."""
    return html.escape(short(text, 60), quote=False)


def series_of(name: str, look: Look, joined: bool) -> Series:
    """A method with its look; ``joined``: whether its points are joined by a line."""
    symbol, glyph = SYMBOLS[look.marker]
    lengths = () if look.dash == "-" else look.dash[1]
    dash = ",".join(f"{length * line_width(look.control):g}px" for length in lengths) or "solid"
    return Series(name, look.colour, dash, symbol, glyph, look.control, joined)


def log_ticks(values: Sequence[float]) -> Json:
    """1, 2 and 5 of each power of ten around the values; 1 alone where they span more than a factor of 30."""
    low, high = min(values), max(values)
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2)
    steps = (1, 2, 5) if high < 30 * low else (1,)
    ticks = [step * 10.0**power for power in powers for step in steps]
    return {"tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]}


def panel_layout(panels: Sequence[Panel]) -> Json:
    """Plotly's axes and titles of panels in reading order."""
    layout: Json = {"annotations": []}
    for number, (title, x, y) in enumerate(panels):
        axis = _axis(number)
        layout[f"xaxis{axis}"], layout[f"yaxis{axis}"] = x, y
        ends = {"x": 0, "y": 1, "xanchor": "left", "yanchor": "bottom", "showarrow": False}
        refs = {"xref": f"x{axis} domain", "yref": f"y{axis} domain"}
        layout["annotations"].append({"text": title, **refs, **ends})
    return layout


def _axis(panel: int) -> str:
    return "" if panel == 0 else str(panel + 1)


def place_of(series: int, panel: int) -> Json:
    """Which method a trace belongs to, and the axes of its panel; places from 0."""
    return {"series": series, "xaxis": f"x{_axis(panel)}", "yaxis": f"y{_axis(panel)}"}


def interval(ends: Sequence[tuple[float | None, float | None]], digits: int, hover: str) -> Json:
    """Both ends of an interval at each point, and the hover that shows them where all points have them."""
    known = all(end is not None for pair in ends for end in pair)
    text = f" [{hover_number('customdata[0]', digits)}, {hover_number('customdata[1]', digits)}]" if known else ""
    return {"customdata": ends, "hovertemplate": f"{hover}{text}"}


def hover_number(name: str, digits: int) -> str:
    """A number in a hover template of Plotly."""
    return f"%{{{name}:.{digits}f}}"


def bars(cells: Sequence[Cell]) -> Json:
    """Bars from the low to the high end of each cell, where it has them."""
    digits = cells[0].metric.decimals + 2
    up = numbers((cell.high - cell.mean for cell in cells), digits)
    down = numbers((cell.mean - cell.low for cell in cells), digits)
    return {"type": "data", "symmetric": False, "array": up, "arrayminus": down, "thickness": 1, "width": 0}


def _legend(lines: Sequence[Json]) -> list[Json]:
    """The lines, of which the first of each method is in the legend."""
    first = {line["series"]: number for number, line in reversed(list(enumerate(lines)))}
    return [{**line, "showlegend": first[line["series"]] == number} for number, line in enumerate(lines)]


def numbers(values: Iterable[float], digits: int = 6) -> list[float | None]:
    """``rounded`` values."""
    return [rounded(value, digits) for value in values]


def rounded(value: float, digits: int = 6) -> float | None:
    """None, as JSON has no other word, for what is not finite."""
    return round(float(value), digits) + 0.0 if math.isfinite(value) else None
