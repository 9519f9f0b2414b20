"""How every figure looks: colour-blind-safe, distinguished by dash and marker too; and the figures of PDF files."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..escape import one_line

INK, RULE = "#0b0b0c", "#b0b0b1"
GREY = "#808081"
DASHES = ["-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (5, 1.5, 1.2, 1.5)), (0, (8, 2))]
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "p", "h", "<"]
CONTROL_DASHES = [(0, (3, 2)), (0, (1, 2)), (0, (6, 2, 1, 2))]
CONTROL_MARKERS = ["+", "x", "1", "2"]
COLOURS = ["#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc", "#a87c45", "#56b4e9", "#b8860b"]
# a figure with panels, in inches: around the panels, between them, a panel's height, a row of the legend
_WIDTH, _LEFT, _RIGHT, _ABOVE, _BELOW = 9.6, 0.72, 0.12, 0.34, 0.62
_BETWEEN, _BELOW_PANEL, _PANEL, _ENTRY = 0.78, 0.86, 2.3, 0.2
_ENTRIES = 4  # of a row of the legend, at most
_LETTER, _BESIDE_NAME = 0.072, 0.75  # of an entry of the legend, in inches: a letter, and what is not its name
STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["Helvetica Neue", "Arial", "DejaVu Sans"],
    "font.size": 9,
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
    """A figure that was drawn under ``STYLE``, and what it shows in words."""

    figure: Figure
    alt: str

    def pdf(self) -> bytes:
        """The figure as a PDF, its fonts within; the same bytes each time."""
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
    coloured = {name: Look(colour, dash, marker, False) for name, colour, dash, marker in drawn}
    plain = zip(controls, cycle(CONTROL_DASHES), cycle(CONTROL_MARKERS), strict=False)
    return {**coloured, **{name: Look(GREY, dash, marker, True) for name, dash, marker in plain}}


def grid(count: int, most: int, entries: Sequence[str], more: int = 0) -> tuple[Figure, list[Axes]]:
    """A figure with so many panels, ``most`` in a row, and room for a legend of the ``entries`` below.

    ``more``: rows of a legend that take as much room as what else stands below the panels.

    The room beside the panels is the same in every figure: to measure what stands there takes longer than to draw it.
    """
    columns = min(most, count)
    rows = -(-count // columns)
    below = _BELOW + _ENTRY * (-(-len(entries) // columns_of_legend(entries)) + more)
    wide = (_WIDTH - _LEFT - _RIGHT - (columns - 1) * _BETWEEN) / columns
    tall = _ABOVE + rows * _PANEL + (rows - 1) * _BELOW_PANEL + below
    figure = Figure(figsize=(_WIDTH, tall))
    figure.subplots_adjust(
        left=_LEFT / _WIDTH,
        right=1 - _RIGHT / _WIDTH,
        top=1 - _ABOVE / tall,
        bottom=below / tall,
        wspace=_BETWEEN / wide,
        hspace=_BELOW_PANEL / _PANEL,
    )
    axes = [figure.add_subplot(rows, columns, place + 1) for place in range(count)]
    return figure, axes


def label(axis: Axes, title: str, x: str, y: str) -> None:
    """What a panel shows, and what its axes are."""
    axis.set_title(one_line(title), loc="left", fontsize=10)
    axis.set_xlabel(one_line(x))
    axis.set_ylabel(y)
    axis.grid(linewidth=0.6)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)


def legend(
    figure: Figure, names: Sequence[str], look: Mapping[str, Look], lines: bool, more: Sequence[Line2D] = ()
) -> None:
    """The methods' looks below the panels, and ``more`` after them."""
    handles = [
        Line2D(
            [],
            [],
            color=look[name].colour,
            marker=look[name].marker,
            linestyle=look[name].dash if lines else "none",
            label=entry(name, look),
        )
        for name in names
    ]
    handles += more
    columns = columns_of_legend([str(handle.get_label()) for handle in handles])
    figure.legend(handles=handles, loc="lower center", ncols=columns, frameon=False, handlelength=3.2)


def entry(name: str, look: Mapping[str, Look]) -> str:
    """What a method is called in a legend."""
    return short(name) + (" (control)" if look[name].control else "")


def columns_of_legend(entries: Sequence[str]) -> int:
    """The most columns, up to four, in which the entries fit beside each other; at least one."""
    for columns in range(min(_ENTRIES, len(entries)), 1, -1):
        longest = [max(map(len, column)) for column in np.array_split(np.array(entries, dtype=object), columns)]
        if sum(longest) * _LETTER + columns * _BESIDE_NAME <= _WIDTH:
            return columns
    return 1


def short(name: str, most: int = 40) -> str:
    """A name on one line, cut where it is long."""
    name = one_line(name)
    return name if len(name) <= most else f"{name[: most - 1]}…"
