"""Critical-difference diagrams: methods on an axis of mean ranks, and bars over those that do not differ."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...formatting import join_words, plural
from ...stats import Ranked
from ..escape import one_line
from .style import INK, RULE, STYLE, Look, Picture, short

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
    places = RankPlaces.of(ranked)
    low, high = places.span
    margins = [letters * LETTER + GAP for letters in places.letters]
    tall = HEAD + places.rows * ROW
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, tall))
        wide = WIDTH - sum(margins)
        axis = figure.add_axes((margins[0] / WIDTH, 0, wide / WIDTH, 1 - HEAD / tall))
        axis.set_xlim(low, high)
        axis.set_ylim(-places.rows, 0)
        _rule(axis, counted_in_words(ranked), places)
        figure.text(0.01, 1 - 0.22 / tall, short(title, 110), fontsize=10, va="center")
        _names(axis, ranked, look, places, inch=(high - low) / wide)
        for group, level in places.bars:
            _bar(axis, ranked.ranks, group, level, inch=(high - low) / wide)
        return Picture(figure, ranks_in_words(ranked, title))


@dataclass(frozen=True)
class RankPlaces:
    """Where the parts of a diagram are: on the axis by rank, below it by rows.

    Attributes:
        span: the ends of the axis, whole ranks.
        names: by method, whether its name is to the left, and its row.
        bars: each group of two methods or more, and its row.
        letters: of the longest label to the left, and to the right.
        rows: how many there are.
    """

    span: tuple[int, int]
    names: tuple[tuple[bool, float], ...]
    bars: tuple[tuple[tuple[int, ...], float], ...]
    letters: tuple[int, int]
    rows: float

    @classmethod
    def of(cls, ranked: Ranked) -> RankPlaces:
        """The better half of the names is to the left, the best and the worst in the first row below the bars."""
        groups = [group for group in ranked.groups if len(group) > 1]
        levels = bar_levels([(group[0], group[-1]) for group in groups])
        depth, count = max(levels, default=0), len(ranked.methods)
        half = (count + 1) // 2
        names = tuple((at < half, depth + (at if at < half else count - 1 - at) + 0.9) for at in range(count))
        sides = ranked.methods[:half], ranked.methods[half:]
        left, right = (max((len(rank_label(name, 0.0)) for name in side), default=0) for side in sides)
        low = math.floor(ranked.ranks[0])
        span = (low, max(math.ceil(ranked.ranks[-1]), low + 1))
        bars = tuple((tuple(group), level - 0.25) for group, level in zip(groups, levels, strict=True))
        return cls(span, names, bars, (left, right), depth + half + 0.6)

    @property
    def ticks(self) -> list[int]:
        """Whole ranks, some fifteen at most."""
        low, high = self.span
        step = max(1, round((high - low) / 12))
        return list(range(low, high + 1, step))


def bar_levels(groups: Sequence[tuple[int, int]]) -> list[int]:
    """In which row below the axis each group's bar lies, 1 the first: bars that share a method are not in one row."""
    ends: list[int] = []
    levels = []
    for first, last in groups:
        level = next((number for number, end in enumerate(ends) if end < first), len(ends))
        ends[level : level + 1] = [last]
        levels.append(level + 1)
    return levels


def counted_in_words(ranked: Ranked) -> str:
    """What the axis shows."""
    return f"mean rank over {plural(ranked.n, 'image')}, 1 is the best"


def _rule(axis: Axes, label: str, places: RankPlaces) -> None:
    axis.spines[["left", "right", "bottom"]].set_visible(False)
    axis.xaxis.set_ticks_position("top")
    axis.xaxis.set_label_position("top")
    axis.set_xticks(places.ticks)
    axis.set_xlabel(label, labelpad=5)
    axis.set_yticks([])


def _names(axis: Axes, ranked: Ranked, look: Mapping[str, Look], places: RankPlaces, inch: float) -> None:
    """Each method's mark on the axis, and a line to its name."""
    low, high = places.span
    for name, rank, (left, row) in zip(ranked.methods, ranked.ranks, places.names, strict=True):
        edge = low if left else high
        axis.plot([rank, rank, edge], [0, -row, -row], color=RULE, linewidth=1, clip_on=False, zorder=1)
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
        axis.text(end, -row, rank_label(name, rank), ha="right" if left else "left", va="center", clip_on=False)


def _bar(axis: Axes, ranks: Sequence[float], group: Sequence[int], level: float, inch: float) -> None:
    over = 0.05 * inch  # beyond the marks, so that equal ranks have a bar too
    y = [-level] * 2
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


def rank_label(name: str, rank: float) -> str:
    """``gradcam  2.25``, cut where the name is long."""
    return f"{short(name, LABEL)}  {rank:.2f}"


def ranks_in_words(ranked: Ranked, title: str) -> str:
    """What a diagram shows, for who does not see it."""
    order = ", ".join(f"{one_line(name)} {rank:.2f}" for name, rank in zip(ranked.methods, ranked.ranks, strict=True))
    return f"Mean ranks over {plural(ranked.n, 'image')}, {one_line(title)}: {order}. {' '.join(_sentences(ranked))}"


def _sentences(ranked: Ranked) -> Iterator[str]:
    for group in ranked.groups:
        if len(group) > 1:
            yield f"No significant difference among {join_words(one_line(ranked.methods[place]) for place in group)}."
    if not any(len(group) > 1 for group in ranked.groups):
        yield "All pairs of methods differ significantly."
