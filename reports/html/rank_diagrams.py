"""Critical-difference diagrams in the page: SVG that follows its theme, prints, and needs no script."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from markupsafe import Markup

from ...stats import Ranked
from ..escape import visible
from ..figures.critical_difference import (
    RankPlaces,
    counted_in_words,
    rank_label,
    ranks_in_words,
    stretches,
)
from ..figures.plotly_parts import SYMBOLS
from ..figures.style import Look, short

WIDTH, ROW = 920, 22  # pixels: of a diagram, and from one label or bar to the next
HEAD = 76  # above the axis: title, what it counts, ticks
LETTER, GAP = 7.2, 12  # of a label, and beside it
OVER = 5  # of a bar beyond the marks, so that equal ranks have a bar too
BAR, THIN = 4, 1  # of a bar, and over a method that is not in its group

_LINE = Markup('<line x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}" stroke-width="{}"/>')
_TEXT = Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>')


@dataclass(frozen=True, eq=False)
class RankDiagram:
    """A metric's methods by mean rank, as ``critical_difference`` draws them for paper."""

    ranked: Ranked
    title: str
    look: Mapping[str, Look]

    @property
    def alt(self) -> str:
        return ranks_in_words(self.ranked, self.title)

    @property
    def width(self) -> int:
        return WIDTH

    @property
    def height(self) -> int:
        return round(HEAD + self._places.rows * ROW)

    @property
    def markup(self) -> Markup:
        """The parts of the SVG; names are escaped."""
        return Markup("").join([*self._axis(), *self._leaders(), *self._bars(), *self._names()])

    @cached_property
    def _places(self) -> RankPlaces:
        return RankPlaces.of(self.ranked)

    def _x(self, rank: float) -> float:
        (low, high), (left, right) = self._places.span, (letters * LETTER + GAP for letters in self._places.letters)
        return left + (rank - low) / (high - low) * (WIDTH - left - right)

    def _axis(self) -> Iterator[Markup]:
        start, end = map(self._x, self._places.span)
        yield _TEXT.format(2, 16, "start", visible(short(self.title, 110)))
        yield _TEXT.format((start + end) / 2, 36, "middle", counted_in_words(self.ranked))
        yield Markup('<g stroke="currentColor">')
        yield _LINE.format(start, end, HEAD, HEAD, THIN)
        for tick in self._places.ticks:
            yield _LINE.format(self._x(tick), self._x(tick), HEAD - 5, HEAD, THIN)
        yield Markup("</g>")
        for tick in self._places.ticks:
            yield _TEXT.format(self._x(tick), HEAD - 10, "middle", tick)

    def _leaders(self) -> Iterator[Markup]:
        """A line from each mark to its name."""
        yield Markup('<g fill="none" style="stroke:var(--rule)">')
        for rank, (left, row) in zip(self.ranked.ranks, self._places.names, strict=True):
            edge = self._x(self._places.span[0 if left else 1])
            corner = Markup('<path d="M{:.1f} {}V{:.1f}H{:.1f}"/>')
            yield corner.format(self._x(rank), HEAD, HEAD + row * ROW, edge)
        yield Markup("</g>")

    def _bars(self) -> Iterator[Markup]:
        """Thick over the methods of a group, thin over those between them that are not in it."""
        ranks = self.ranked.ranks
        yield Markup('<g stroke="currentColor">')
        for group, level in self._places.bars:
            y = HEAD + level * ROW
            for first, last in stretches(group):
                yield _LINE.format(self._x(ranks[first]) - OVER, self._x(ranks[last]) + OVER, y, y, BAR)
            yield _LINE.format(self._x(ranks[group[0]]), self._x(ranks[group[-1]]), y, y, THIN)
        yield Markup("</g>")

    def _names(self) -> Iterator[Markup]:
        """Each method's mark on the axis in its look, and its name."""
        mark = Markup('<text x="{:.1f}" y="{}" text-anchor="middle" fill="{}">{}</text>')
        for name, rank, (left, row) in zip(self.ranked.methods, self.ranked.ranks, self._places.names, strict=True):
            style = self.look[name]
            yield mark.format(self._x(rank), HEAD + 5, style.colour, SYMBOLS[style.marker][1])
            edge = self._x(self._places.span[0 if left else 1]) + (-GAP if left else GAP) / 2
            label = visible(rank_label(name, rank))
            yield _TEXT.format(edge, HEAD + row * ROW + 4, "end" if left else "start", label)
