"""The figure that a paper prints first: every method under every metric, with how certain its place is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import matplotlib as mpl
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from ...formatting import join_words, plural
from ..latex.sheet import counts_in_rank
from ..latex.table_parts import key_of
from ..leaderboard.board import Block, Metric
from ..leaderboard.marks import Marked, MarksShown
from .style import COLOURS, GREY, INK, MARKERS, RULE, STYLE, Look, Picture, short

WIDTH = 7.0  # inches: both columns of a paper
ROW, HEAD = 0.17, 0.75  # inches of a method, and of titles and labels of a row of panels
ACROSS, MOST = 4, 8  # panels
WORSE = "hollow: significantly worse than the best (p < 0.05)"
FAILS = "fails the sanity check, not in the mean"
DISOWNED = " (warning, not in the mean)"


@dataclass(frozen=True)
class Dot:
    """A method under a metric in one setting."""

    block: Block
    shown: MarksShown

    @property
    def fails(self) -> bool:
        """Whether the metric fails the sanity check here."""
        return bool(self.shown.cell.metric.gamed)


def main_figure(marked: Marked, look: Mapping[str, Look]) -> Picture | None:
    """Means with their 95 % intervals; in several settings, mean ranks in each setting and over all of them.

    Methods stand in the order of their mean rank over the metrics of quality, the best on top. At most eight metrics
    are shown, those of quality first. None without a number.
    """
    blocks = marked.board.blocks
    several = len(blocks) > 1
    metrics = [metric for metric in _metrics(marked) if any(_dots(marked, metric, name, several) for name in look)]
    if not metrics:
        return None
    metrics = metrics[:MOST]
    names = [name for name in _ordered(marked, look) if any(_dots(marked, m, name, several) for m in metrics)]
    with mpl.rc_context({**STYLE, "font.size": 8}):
        figure, axes = _panels(len(metrics), len(names))
        for place, (axis, metric) in enumerate(zip(axes, metrics, strict=True)):
            draw = _ranks if several else _means
            draw(axis, marked, metric, names, look)
            _labels(axis, metric, names, look, several, first=place % _across(len(metrics)) == 0)
        handles = _legend(marked, metrics, names, several)
        if handles:
            figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, fontsize=7)
        return Picture(figure, _alt(marked, metrics, names, several))


def _metrics(marked: Marked) -> list[Metric]:
    """Those of quality, or the costs where there are no others; of the settings' metrics the first with its name."""
    every = {key_of(metric): metric for block in marked.board.blocks for metric in block.metrics}
    quality = [metric for metric in every.values() if not metric.is_cost]
    return quality or list(every.values())


def _dots(marked: Marked, metric: Metric, name: str, several: bool) -> list[Dot]:
    """What is drawn of a method: its numbers, or its mean ranks."""
    dots = []
    for block in marked.board.blocks:
        shown = marked.shown(block, name, metric.name, metric.protocol)
        if shown and shown.cell.n and (not several or metric.is_cost or shown.mark.rank == shown.mark.rank):
            dots.append(Dot(block, shown))
    return dots


def _ordered(marked: Marked, look: Mapping[str, Look]) -> list[str]:
    """The best mean rank over the metrics of quality first; controls last."""
    ranks: dict[str, list[float]] = {name: [] for name in look}
    for key, shown in marked.cells.items():
        trusted = key[0] not in marked.board.disowned
        if trusted and counts_in_rank(shown.cell.metric) and shown.mark.rank == shown.mark.rank:
            ranks[key[3]].append(shown.mark.rank)
    means = {name: sum(values) / len(values) if values else float("inf") for name, values in ranks.items()}
    return sorted(look, key=lambda name: (look[name].control, means[name]))


def _panels(count: int, methods: int) -> tuple[Figure, list[Axes]]:
    across = _across(count)
    down = -(-count // across)
    layout = ConstrainedLayoutEngine(h_pad=0.04, w_pad=0.03)
    size = (WIDTH * (0.3 + 0.7 * across / ACROSS), down * (HEAD + ROW * methods) + 0.25)
    figure = Figure(figsize=size, layout=layout)
    return figure, [figure.add_subplot(down, across, place + 1) for place in range(count)]


def _across(count: int) -> int:
    """Panels in a row, so that the rows are as even as they can be."""
    return -(-count // -(-count // ACROSS))


def _means(axis: Axes, marked: Marked, metric: Metric, names: Sequence[str], look: Mapping[str, Look]) -> None:
    """The mean and interval of each method in the only setting."""
    for row, name in enumerate(names):
        for dot in _dots(marked, metric, name, several=False):
            cell, style = dot.shown.cell, look[name]
            if cell.interval:
                axis.plot([cell.low, cell.high], [row, row], color=style.colour, linewidth=1.3)
            look_of: dict[str, Any] = {"marker": style.marker, "color": style.colour, "markersize": 4.5}
            axis.plot([cell.mean], [row], **look_of, markerfacecolor="white" if dot.shown.mark.worse else style.colour)


def _ranks(axis: Axes, marked: Marked, metric: Metric, names: Sequence[str], look: Mapping[str, Look]) -> None:
    """The mean rank of each method in each setting, and the mean over the settings of networks without a warning."""
    networks = _networks(marked)
    for row, name in enumerate(names):
        dots = _dots(marked, metric, name, several=True)
        for dot in dots:
            colour, marker = networks[dot.block.model]
            marker, colour = ("x", GREY) if dot.fails else (marker, colour)
            axis.plot([_value(dot)], [row], marker=marker, color=colour, markersize=3.5, alpha=0.7, linestyle="none")
        counted = [_value(dot) for dot in dots if not dot.fails and dot.block.model not in marked.board.disowned]
        if counted:
            mean = sum(counted) / len(counted)
            axis.plot([mean], [row], marker="|", color=INK, markersize=9, markeredgewidth=1.8, linestyle="none")


def _value(dot: Dot) -> float:
    return dot.shown.cell.mean if dot.shown.cell.metric.is_cost else dot.shown.mark.rank


def _networks(marked: Marked) -> dict[str, tuple[str, str]]:
    """By network, its colour and marker."""
    names = dict.fromkeys(block.model for block in marked.board.blocks)
    return dict(zip(names, zip(cycle(COLOURS), cycle(MARKERS), strict=False), strict=False))


def _labels(
    axis: Axes, metric: Metric, names: Sequence[str], look: Mapping[str, Look], several: bool, first: bool
) -> None:
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.set_yticks(range(len(names)), [short(name, 26) for name in names] if first else [])
    for text, name in zip(axis.get_yticklabels(), names, strict=False):
        text.set_color(GREY if look[name].control else INK)
    axis.set_title(f"{short(metric.title, 24)} {metric.arrow}", fontsize=8)
    unit = f" ({metric.unit})" if metric.is_cost and metric.unit else ""
    axis.set_xlabel(("mean rank, 1 is best" if several and not metric.is_cost else f"mean{unit}"), fontsize=7)
    ranks = several and not metric.is_cost
    axis.xaxis.set_major_locator(MaxNLocator(6 if ranks else 4, integer=ranks))
    if ranks:
        axis.set_xlim(0.7, len(names) + 0.3)
    axis.tick_params(labelsize=7, left=False)
    axis.grid(linewidth=0.4, color=RULE, alpha=0.5)
    axis.set_axisbelow(True)
    sns.despine(ax=axis, left=True)


def _legend(marked: Marked, metrics: Sequence[Metric], names: Sequence[str], several: bool) -> list[Line2D]:
    dots = [dot for metric in metrics for name in names for dot in _dots(marked, metric, name, several)]
    if not several:
        hollow = Line2D([], [], marker="o", color=INK, markerfacecolor="white", linestyle="none", label=WORSE)
        return [hollow] if any(dot.shown.mark.worse for dot in dots) else []
    handles = [
        Line2D([], [], marker=marker, color=colour, linestyle="none", markersize=4, label=_labelled(marked, name))
        for name, (colour, marker) in _networks(marked).items()
    ]
    handles.append(Line2D([], [], marker="|", color=INK, linestyle="none", markeredgewidth=1.8, label="mean"))
    cross = Line2D([], [], marker="x", color=GREY, linestyle="none", markersize=4, label=FAILS)
    return [*handles, *([cross] if any(dot.fails for dot in dots) else [])]


def _labelled(marked: Marked, network: str) -> str:
    return short(network, 24) + (DISOWNED if network in marked.board.disowned else "")


def _alt(marked: Marked, metrics: Sequence[Metric], names: Sequence[str], several: bool) -> str:
    titles = join_words(metric.title for metric in metrics)
    what = f"Mean ranks in {plural(len(marked.board.blocks), 'setting')}" if several else "Means and 95 % intervals"
    return f"{what} of {join_words(names)} under {titles}."
