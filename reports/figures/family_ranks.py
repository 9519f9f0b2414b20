"""A dot plot: each method's mean rank, with its interval, for each family of metrics."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from ..leaderboard.family_ranks import FamilyRanks
from ..number_format import fixed
from .style import STYLE, Look, Picture, picture, short

MOST_METHODS = 12
PANEL, ROW, HEAD, NAMES = 1.15, 0.2, 0.75, 1.25  # inches


def drawn(ranks: FamilyRanks, look: Mapping[str, Look]) -> Picture | None:
    """A panel for each family, the methods below each other in the order over quality; None without a family.

    The first twelve methods are drawn; the alternative text says how many there are.
    """
    if not ranks.families or not ranks.methods:
        return None
    names = ranks.methods[:MOST_METHODS]
    places = np.arange(len(names))
    size = (NAMES + PANEL * len(ranks.families), HEAD + ROW * len(names))
    with mpl.rc_context({**STYLE, "font.size": 8.5}):
        figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(h_pad=0.02, w_pad=0.03))
        axes = figure.subplots(1, len(ranks.families), sharey=True, squeeze=False)[0]
        for column, (axis, family) in enumerate(zip(axes, ranks.families, strict=True)):
            for place, name in enumerate(names):
                colour = look[name].colour if name in look else "C0"
                low, high, rank = (table[place, column] for table in (ranks.low, ranks.high, ranks.rank))
                axis.hlines(place, low, high, color=colour, linewidth=2.2, alpha=0.45)
                axis.plot(
                    [rank], [place], marker=look[name].marker if name in look else "o", color=colour, markersize=5
                )
            axis.set_title(family, loc="left", fontsize=8.5)
            most = max(ranks.ranked[column], 2)
            axis.set_xlim(0.7, most + 0.3)
            axis.set_xticks(sorted({1, most}))
            axis.grid(axis="y", linewidth=0.5)
            axis.set_axisbelow(True)
            axis.tick_params(left=False, length=2)
            for side in ("top", "right", "left"):
                axis.spines[side].set_visible(False)
        axes[0].set_yticks(places, [short(name, 26) for name in names])
        axes[0].invert_yaxis()
        return picture(figure, _words(ranks, names))


def _words(ranks: FamilyRanks, names: tuple[str, ...]) -> str:
    parts = []
    for column, family in enumerate(ranks.families):
        known = [(name, ranks.rank[place, column]) for place, name in enumerate(names)]
        texts = [f"{name} {fixed(float(rank), 2)}" for name, rank in known if rank == rank]
        parts.append(f"{family}: {', '.join(texts)}")
    left_out = len(ranks.methods) - len(names)
    more = f" {left_out} more methods are in the ranking below." if left_out else ""
    return f"Mean ranks, 1 is the best, by family of metrics. {'. '.join(parts)}.{more}"
