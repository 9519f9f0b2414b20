"""The mean ranks of the first screen: a table of dots with intervals, a row for a method, a column for a family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan

import numpy as np

from ...formatting import plural
from ...stats import DECIMALS
from ..figures.plotly_parts import SYMBOLS
from ..figures.style import Look
from ..leaderboard.family_ranks import FamilyRanks
from ..number_format import fixed

MOST_METHODS = 12  # on the first screen
_BESIDE = 0.3  # of an axis, in ranks: at both ends


@dataclass(frozen=True)
class RankDot:
    """A method's mean rank in a family: custom properties of its place, in percent of the axis, and its text.

    Both are empty where the family does not rank the method.
    """

    css: str = ""
    text: str = ""


@dataclass(frozen=True)
class DotRow:
    """A method: its name, how it is drawn, and a dot for each family."""

    method: str
    colour: str
    shape: str
    dots: tuple[RankDot, ...]


@dataclass(frozen=True)
class RankDots:
    """The table.

    Attributes:
        families: the name of each column, and the number of the methods that it ranks.
        rows: the first twelve methods.
        intervals: whether a mean rank has an interval.
        part: which methods these are, see ``part_of``.
    """

    families: tuple[tuple[str, int], ...]
    rows: tuple[DotRow, ...]
    intervals: bool
    part: str

    @classmethod
    def of(cls, ranks: FamilyRanks, look: Mapping[str, Look]) -> RankDots:
        rows = [
            DotRow(name, look[name].colour, SYMBOLS[look[name].marker][0], _dots(ranks, place))
            for place, name in enumerate(ranks.methods[:MOST_METHODS])
        ]
        intervals = bool(np.isfinite(ranks.low).any())
        families = tuple(zip(ranks.families, ranks.ranked, strict=True))
        return cls(families, tuple(rows), intervals, part_of(ranks.methods, "ranked method"))


def part_of(methods: Sequence[str], word: str = "method") -> str:
    """``the first 12 of 14 methods`` where the first screen has not all of them, else empty."""
    known = len(methods)
    return f"the first {MOST_METHODS} of {plural(known, word)}" if known > MOST_METHODS else ""


def _dots(ranks: FamilyRanks, row: int) -> tuple[RankDot, ...]:
    columns = zip(ranks.rank[row].tolist(), ranks.low[row].tolist(), ranks.high[row].tolist(), strict=True)
    return tuple(_dot(*numbers, most) for numbers, most in zip(columns, ranks.ranked, strict=True))


def _dot(rank: float, low: float, high: float, most: int) -> RankDot:
    if isnan(rank):
        return RankDot()
    scale = 100 / (most - 1 + 2 * _BESIDE)
    start, place = ((each - 1 + _BESIDE) * scale for each in (low, rank))
    text = fixed(rank, DECIMALS)
    if isnan(low):
        return RankDot(f"--rank:{place:.1f}%", text)
    css = f"--rank:{place:.1f}%;--low:{start:.1f}%;--wide:{(high - low) * scale:.1f}%"
    return RankDot(css, f"{text} [{fixed(low, DECIMALS)}, {fixed(high, DECIMALS)}]")
