"""Critical-difference diagrams: methods on an axis of mean ranks, and bars over those that do not differ."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...formatting import join_words, plural
from ...stats import Ranked
from ..escape import one_line
from .style import INK, RULE, STYLE, Look, Picture, picture, short

WIDTH = 9.6  # inches, as the other figures
ROW = 0.25  # inches from one label or bar to the next
HEAD = 0.95  # inches above the axis: title, what it counts, ticks
LETTER = 0.078  # inches, a wide one in the labels' size
LABEL = 34  # characters of a name
GAP = 0.12  # inches
BAR = 3.4  # points
THIN = 0.8  # over a method that is not in the group


def critical_difference(ranked: Ranked, title: str, look: Mapping[str, Look]) -> Picture:
    """A comparison's methods by their mean rank over images, the best to the left (Demsar 2006, figure 1).

    A bar joins methods of which no two differ significantly: a group of ``ranked``, by paired tests over images with
    Holm's correction. Where a method between them is not in the group, the bar is a thin line there. Nemenyi's critical
    distance is for ranks over datasets and is not drawn.

    Args:
        ranked: one of what ``benchbench.stats.ranked`` gave.
        title: stands above, such as ``deletion AUC, lower is better``.
        look: by method; its mark on the axis has that colour and shape.
    """
    groups = [group for group in ranked.groups if len(group) > 1]
    levels = bar_levels([(group[0], group[-1]) for group in groups])
    depth = max(levels, default=0)
    half = (len(ranked.methods) + 1) // 2
    sides = ranked.methods[:half], ranked.methods[half:]
    margins = [max((len(_label(name, 0.0)) for name in side), default=0) * LETTER + GAP for side in sides]
    low, high = math.floor(ranked.ranks[0]), math.ceil(ranked.ranks[-1])
    high = max(high, low + 1)
    rows = depth + half + 0.6
    tall = HEAD + rows * ROW
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, tall))
        wide = WIDTH - sum(margins)
        axis = figure.add_axes((margins[0] / WIDTH, 0, wide / WIDTH, 1 - HEAD / tall))
        axis.set_xlim(low, high)
        axis.set_ylim(-rows, 0)
        _rule(axis, f"mean rank over {plural(ranked.n, 'image')}, 1 is the best", low, high)
        figure.text(0.01, 1 - 0.22 / tall, short(title, 110), fontsize=10, va="center")
        _names(axis, ranked, look, half, depth, inch=(high - low) / wide)
        for group, level in zip(groups, levels, strict=True):
            _bar(axis, ranked.ranks, group, level, inch=(high - low) / wide)
        return picture(figure, _alt(ranked, title))


def bar_levels(groups: Sequence[tuple[int, int]]) -> list[int]:
    """In which row below the axis each group's bar lies, 1 the first: bars that share a method are not in one row."""
    ends: list[int] = []
    levels = []
    for first, last in groups:
        level = next((number for number, end in enumerate(ends) if end < first), len(ends))
        ends[level : level + 1] = [last]
        levels.append(level + 1)
    return levels


def _rule(axis: Axes, label: str, low: int, high: int) -> None:
    axis.spines[["left", "right", "bottom"]].set_visible(False)
    axis.xaxis.set_ticks_position("top")
    axis.xaxis.set_label_position("top")
    step = max(1, round((high - low) / 12))
    axis.set_xticks([*range(low, high, step), high] if (high - low) % step == 0 else range(low, high + 1, step))
    axis.set_xlabel(label, labelpad=5)
    axis.set_yticks([])


def _names(axis: Axes, ranked: Ranked, look: Mapping[str, Look], half: int, depth: int, inch: float) -> None:
    """Each method's mark on the axis, and a line to its name: the better half to the left, the best on top."""
    low, high = axis.get_xlim()
    for place, (name, rank) in enumerate(zip(ranked.methods, ranked.ranks, strict=True)):
        left = place < half
        row = place if left else len(ranked.methods) - 1 - place
        y, edge = -(depth + row + 0.9), low if left else high
        axis.plot([rank, rank, edge], [0, y, y], color=RULE, linewidth=1, clip_on=False, zorder=1)
        style = look[name]
        axis.plot(
            [rank],
            [0],
            color=style.colour,
            marker=style.marker,
            markersize=6,
            linestyle="none",
            clip_on=False,
            zorder=5,
        )
        end = edge + (-GAP if left else GAP) / 2 * inch
        axis.text(end, y, _label(name, rank), ha="right" if left else "left", va="center", clip_on=False)


def _bar(axis: Axes, ranks: Sequence[float], group: Sequence[int], level: int, inch: float) -> None:
    over = 0.05 * inch  # beyond the marks, so that equal ranks have a bar too
    y = [-level + 0.25] * 2
    for first, last in stretches(group):
        ends = [ranks[first] - over, ranks[last] + over]
        axis.plot(ends, y, linewidth=BAR, color=INK, clip_on=False, zorder=4)
    axis.plot([ranks[group[0]], ranks[group[-1]]], y, linewidth=THIN, color=INK, clip_on=False, zorder=4)


def stretches(group: Sequence[int]) -> list[tuple[int, int]]:
    """The first and the last of each run of neighbours in the group."""
    runs: list[tuple[int, int]] = []
    for place in group:
        if runs and runs[-1][1] == place - 1:
            runs[-1] = (runs[-1][0], place)
        else:
            runs.append((place, place))
    return runs


def _label(name: str, rank: float) -> str:
    return f"{short(name, LABEL)}  {rank:.2f}"


def _alt(ranked: Ranked, title: str) -> str:
    order = ", ".join(f"{one_line(name)} {rank:.2f}" for name, rank in zip(ranked.methods, ranked.ranks, strict=True))
    return f"Mean ranks over {plural(ranked.n, 'image')}, {one_line(title)}: {order}. {' '.join(_sentences(ranked))}"


def _sentences(ranked: Ranked) -> Iterator[str]:
    for group in ranked.groups:
        if len(group) > 1:
            yield f"No significant difference among {join_words(one_line(ranked.methods[place]) for place in group)}."
    if not any(len(group) > 1 for group in ranked.groups):
        yield "All pairs of methods differ significantly."
