"""Curves and scatter plots as SVG: colour-blind-safe, told apart by dash and marker too, in light and dark."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator

from .board import Block, Metric, Row
from .numbers import several
from .text import one_line

INK, RULE = "#0b0b0c", "#b0b0b1"  # replaced in the SVG by colours that follow the reader's light or dark theme
GREY = "#808081"
THEME = (
    "<style>svg{color:#1b1b1a;--rule:#d9d7d0}"
    "@media (prefers-color-scheme:dark){svg{color:#e9e7e1;--rule:#45443f}}"
    "@media print{svg{color:#1b1b1a;--rule:#d9d7d0}}</style>"
)
DASHES = ["-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (5, 1.5, 1.2, 1.5)), (0, (8, 2))]
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "p", "h", "<"]
CONTROL_DASHES = [(0, (3, 2)), (0, (1, 2)), (0, (6, 2, 1, 2))]
CONTROL_MARKERS = ["+", "x", "1", "2"]
COLOURS = ["#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc", "#a87c45", "#56b4e9", "#b8860b"]
STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["Helvetica Neue", "Arial", "DejaVu Sans"],
    "font.size": 9,
    "svg.fonttype": "none",
    "svg.hashsalt": "benchbench",
    "pdf.fonttype": 42,  # TrueType: journals refuse type 3
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": RULE,
    "text.parse_math": False,
}


@dataclass(frozen=True)
class Picture:
    """An SVG for an ``img`` element (so that ids of two pictures cannot meet), and what it shows in words."""

    svg: str
    alt: str
    width: int
    height: int
    figure: Figure = field(repr=False, compare=False)

    @property
    def uri(self) -> str:
        return f"data:image/svg+xml;base64,{b64encode(self.svg.encode()).decode()}"

    def pdf(self) -> bytes:
        """The same picture as a PDF, its fonts within; the same bytes each time."""
        out = io.BytesIO()
        with mpl.rc_context(STYLE):
            self.figure.savefig(out, format="pdf", metadata={"CreationDate": None, "Creator": None, "Producer": None})
        return out.getvalue()


@dataclass(frozen=True)
class Look:
    """How one method is drawn, the same in every figure of a page."""

    colour: str
    dash: Any
    marker: str
    control: bool


def looks(methods: Sequence[str], controls: Sequence[str]) -> dict[str, Look]:
    """A look per method: coloured, or grey for a control; dash and marker say the same as the colour."""
    drawn = zip(methods, cycle(COLOURS), cycle(DASHES), cycle(MARKERS), strict=False)
    found = {name: Look(colour, dash, marker, False) for name, colour, dash, marker in drawn}
    plain = zip(controls, cycle(CONTROL_DASHES), cycle(CONTROL_MARKERS), strict=False)
    return {**found, **{name: Look(GREY, dash, marker, True) for name, dash, marker in plain}}


def curves(block: Block, bands: pd.DataFrame, look: Mapping[str, Look]) -> Picture | None:
    """Mean curves with 95 % bands, a panel per metric and protocol; None where the block has no curve."""
    here = bands[
        (bands["model"] == block.model) & (bands["dataset"] == block.dataset) & (bands["layer"] == block.layer)
    ]
    metrics = [m for m in block.quality if ((here["metric"] == m.name) & (here["protocol"] == m.protocol)).any()]
    if not metrics:
        return None
    with mpl.rc_context(STYLE):
        figure, axes = _grid(len(metrics), most=2)
        for axis, metric in zip(axes, metrics, strict=True):
            part = here[(here["metric"] == metric.name) & (here["protocol"] == metric.protocol)]
            _curve_panel(axis, metric, part, look)
        names = [row.method for row in block.rows if (here["method"] == row.method).any()]
        _legend(figure, names, look, lines=True)
        return picture(figure, _curves_alt(block, metrics))


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
    share = "removed" if metric.name == "deletion" else "shown" if metric.name == "insertion" else "changed"
    _label(axis, f"{metric.title} {metric.arrow}  {metric.protocol}", f"share of pixels {share}", "mean probability")
    axis.set_xlim(0, 1)
    axis.set_ylim(bottom=0)


def scatter(block: Block, look: Mapping[str, Look]) -> Picture | None:
    """Every quality metric against the first cost (runtime where measured), a panel each; None without both."""
    if not block.costs or not block.quality:
        return None
    cost = next((metric for metric in block.costs if metric.name == "runtime"), block.costs[0])
    points = [row for row in block.rows if _value(row, cost) is not None]
    if not points:
        return None
    with mpl.rc_context(STYLE):
        figure, axes = _grid(len(block.quality), most=3)
        for axis, metric in zip(axes, block.quality, strict=True):
            _scatter_panel(axis, metric, cost, points, look)
        _legend(figure, [row.method for row in points], look, lines=False)
        return picture(figure, _scatter_alt(block, cost, len(points)))


def _scatter_panel(axis: Axes, metric: Metric, cost: Metric, points: Sequence[Row], look: Mapping[str, Look]) -> None:
    for row in points:
        cell = next(cell for cell in row.cells if cell.metric == metric)
        x = _value(row, cost)
        if not cell.n or x is None:
            continue
        style = look[row.method]
        if cell.interval:
            axis.plot([x, x], [cell.low, cell.high], color=style.colour, linewidth=1, alpha=0.6)
        axis.plot([x], [cell.mean], color=style.colour, marker=style.marker, markersize=6, linestyle="none")
    costs = [_value(row, cost) or 0 for row in points]
    if min(costs) > 0:
        axis.set_xscale("log")
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if max(costs) < 30 * min(costs) else (1,)))
        axis.xaxis.set_major_formatter("{x:g}")
        axis.xaxis.set_minor_formatter("")
    unit = f" ({cost.unit})" if cost.unit else ""
    _label(axis, f"{metric.title} {metric.arrow}  {metric.protocol}", f"{cost.title}{unit}, less to the left", "")


def _value(row: Row, metric: Metric) -> float | None:
    cell = next(cell for cell in row.cells if cell.metric == metric)
    return cell.mean if cell.n else None


def _grid(count: int, most: int) -> tuple[Figure, list[Axes]]:
    columns = min(most, count)
    rows = -(-count // columns)
    width = 9.6
    layout = ConstrainedLayoutEngine(h_pad=0.1, w_pad=0.08)
    figure = Figure(figsize=(width, 3.1 * rows + 0.6), layout=layout)
    axes = [figure.add_subplot(rows, columns, place + 1) for place in range(count)]
    return figure, axes


def _label(axis: Axes, title: str, x: str, y: str) -> None:
    axis.set_title(one_line(title), loc="left", fontsize=10)
    axis.set_xlabel(one_line(x))
    axis.set_ylabel(y)
    axis.grid(linewidth=0.6)
    axis.set_axisbelow(True)
    sns.despine(ax=axis)


def _legend(figure: Figure, names: Sequence[str], look: Mapping[str, Look], lines: bool) -> None:
    handles = [
        Line2D(
            [],
            [],
            color=look[name].colour,
            marker=look[name].marker,
            linestyle=look[name].dash if lines else "none",
            label=short(name) + (" (control)" if look[name].control else ""),
        )
        for name in names
    ]
    figure.legend(
        handles=handles, loc="outside lower center", ncols=min(4, len(handles)), frameon=False, handlelength=3.2
    )


def short(name: str, most: int = 40) -> str:
    """The text on one line, and no longer than ``most`` characters."""
    name = one_line(name)
    return name if len(name) <= most else f"{name[: most - 1]}…"


def picture(figure: Figure, alt: str) -> Picture:
    """The figure as a picture; to be called within ``mpl.rc_context(STYLE)``."""
    out = io.StringIO()
    figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = out.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = svg.replace(INK, "currentColor").replace(RULE, "var(--rule)")
    head = svg.index(">") + 1
    width, height = (round(side * 96) for side in figure.get_size_inches())
    return Picture(svg[:head] + THEME + svg[head:], alt, width, height, figure)


def _curves_alt(block: Block, metrics: Sequence[Metric]) -> str:
    said = [f"{metric.title} {metric.protocol} ({metric.direction}): {_ranking(block, metric)}" for metric in metrics]
    return f"Mean probability against the share of pixels, {block.title}. Areas: {'; '.join(said)}."


def _ranking(block: Block, metric: Metric) -> str:
    cells = [(row.method, cell) for row in block.rows for cell in row.cells if cell.metric == metric and cell.n]
    cells.sort(key=lambda pair: pair[1].mean, reverse=metric.higher)
    return ", ".join(f"{name} {cell.text}" for name, cell in cells)


def _scatter_alt(block: Block, cost: Metric, count: int) -> str:
    names = ", ".join(metric.title for metric in block.quality)
    return f"{names} against {cost.title} of {several(count, 'method')}, {block.title}: the numbers are in the tables."
