"""How long a run still takes: what its plan says of each piece of work, corrected by what the pieces took so far.

The plan knows how much work a piece is beside others of its kind, not how long it takes. So the time of a piece that is
still to come is what the plan says, times what the pieces of its group took by the plan's measure so far: those of the
same network, data and missing cells. Where its group has none yet, those of its kind stand in, and before any piece has
ended, the part of the present piece that is done: by the images that are done of it, or by its forward passes.

Shards that workers compute are divided among them: see ``crew``.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal, TypeAlias

from .crew import Crew, Equal

PieceKind: TypeAlias = Literal["shard", "cost", "check", "load", "tables"]
RECENT = 16  # pieces of a group that count: a machine's speed changes
LEAST_PART = 0.05  # of a piece without a predecessor, before it says how long it takes
_IN_SECONDS = ("load", "tables")  # whose weight is in seconds
_TIMED_CALLS, _LEAST_CALLS, _ENOUGH = 10, 3, 3.0  # as cost/measure.py times a method
_OTHER_CALLS = 4.0  # to warm up, and to record memory, which is slower


@dataclass(frozen=True)
class Piece:
    """Work that is timed as a whole.

    Attributes:
        key: names it.
        kind: a shard; what a method costs alone; the check of a network's input; a network that is loaded; the tables.
        group: pieces of one group take times in proportion to their weights.
        weight: how much work it is, in forward passes of an image at a network's speed; in seconds where its kind is.
        forwards: how many images a scorer is expected to answer in it.
        images: of a shard.
        cells, rows: what it makes of cells, and of rows of the results that images have.
        pool: of a shard: those of one pool are computed by the same workers, where there are any.
    """

    key: Hashable
    kind: PieceKind
    group: Hashable
    weight: float
    forwards: float = 0.0
    images: int = 0
    cells: int = 1
    rows: int = 0
    pool: Hashable = None

    def seconds(self, unit: float) -> float:
        """By the plan, where a unit of weight takes ``unit`` seconds."""
        if self.kind in _IN_SECONDS:
            return self.weight
        call = self.weight * unit
        return call * _calls(call) if self.kind == "cost" else call


def _calls(seconds: float) -> float:
    """How often a method is called to be measured, where a call takes so many seconds."""
    return _OTHER_CALLS + min(max(_ENOUGH / max(seconds, 1e-9), _LEAST_CALLS), _TIMED_CALLS)


@dataclass(frozen=True)
class Outlook:
    """Where a run stands.

    Attributes:
        shards_done, shards: of the study, those that were there before included.
        seconds_done: since the plan was made.
        seconds_left: None before there is anything to tell it by.
    """

    shards_done: int
    shards: int
    seconds_done: float
    seconds_left: float | None

    @property
    def part(self) -> float:
        """Of the time, how much is over; 0 where it is not known."""
        if self.seconds_left is None:
            return 0.0
        return self.seconds_done / max(self.seconds_done + self.seconds_left, 1e-9)


@dataclass(eq=False)
class _Now:
    """The piece at work: when it began, its forwards so far, its images that are done and the forwards until then."""

    piece: Piece
    began: float
    forwards: float = 0.0
    images: int = 0
    forwards_then: float = 0.0


@dataclass(eq=False)
class TimeLeft:
    """Told what is at work, on anyone's clock.

    Args:
        pieces: all that is to be done, in any order.
        unit: seconds of a unit of weight where that was measured before; else None.

    Example:
        >>> from benchbench.engine.time_left import Piece, TimeLeft
        >>> left = TimeLeft([Piece(k, "shard", "photos", weight=32) for k in range(4)])
        >>> left.begin(0, now=0.0)
        >>> left.end(now=5.0)
        >>> left.seconds(now=5.0)
        15.0
    """

    pieces: Iterable[Piece]
    unit: float | None = None
    _left: dict[Hashable, Piece] = field(init=False)
    _weights: dict[Hashable, float] = field(default_factory=dict)  # by group, of the pieces that are left
    _counts: Counter[Hashable] = field(default_factory=Counter)  # by group, of the pieces that are left
    _pools: Counter[Hashable] = field(default_factory=Counter)  # by pool, of the shards that are left
    _took: dict[Hashable, deque[tuple[Piece, float]]] = field(default_factory=dict)
    _forwards: dict[Hashable, float] = field(default_factory=dict)  # by group, for a unit of weight
    _now: _Now | None = None
    _crew: Crew | None = None

    def __post_init__(self) -> None:
        self._left = {piece.key: piece for piece in self.pieces}
        for piece in self._left.values():
            self._add(piece, 1)

    def _add(self, piece: Piece, times: int) -> None:
        """To what is left; -1 takes it away."""
        self._weights[piece.group] = self._weights.get(piece.group, 0.0) + times * piece.weight
        self._counts[piece.group] += times
        self._pools[piece.pool] += times * (piece.kind == "shard")

    def begin(self, key: Hashable, now: float) -> None:
        """The piece is at work from now on; one that was not planned is not timed."""
        piece = self._left.pop(key, None)
        self._now = None if piece is None else _Now(piece, now)
        if piece is not None:
            self._add(piece, -1)

    def advance(self, forwards: float) -> None:
        """The scorer has answered so many images."""
        if self._now is not None:
            self._now.forwards += forwards

    def images(self, count: int) -> None:
        """So many more images of the piece are done."""
        if self._now is not None:
            self._now.images += count
            self._now.forwards_then = self._now.forwards

    def end(self, now: float, *, counts: bool = True) -> None:
        """The piece is done; ``counts``: whether its time says something of others, as of one that had to be done."""
        at, self._now = self._now, None
        if at is None or not counts:
            return
        self._take(at.piece, now - at.began, RECENT)
        if at.piece.weight > 0:
            self._forwards[at.piece.group] = at.forwards / at.piece.weight

    def by_workers(self, pool: Hashable, now: float) -> None:
        """From now on workers compute the shards of a pool, and later those of the others."""
        if self._crew is None:
            self._crew = Crew()
        self._crew.open(pool, now, self._pools[pool])

    def arrive(self, key: Hashable, now: float, *, seconds: float | None, writing: float, workers: int) -> None:
        """A shard that a worker computed is there, and written.

        Args:
            seconds: that the worker took; None if they say nothing of other shards.
            writing: seconds that the command took. workers: how many there are.
        """
        piece = self._left.pop(key, None)
        if piece is None:
            return
        self._add(piece, -1)
        if seconds is not None:
            self._take(piece, seconds, max(RECENT, 2 * workers))  # they arrive together, the fastest first
        if self._crew is not None:
            self._crew.arrive(now, seconds or 0.0, writing, workers, self._pools[piece.pool])

    def _take(self, piece: Piece, seconds: float, recent: int) -> None:
        """Keep what a piece took, beside so many others of its group."""
        taken = self._took.get(piece.group, deque())
        if (taken.maxlen or 0) <= recent:
            taken = self._took[piece.group] = deque(taken, maxlen=recent + 1)
        taken.append((piece, seconds))

    def seconds(self, now: float) -> float | None:
        """How long all that is left takes; None before there is anything to tell it by."""
        unit = self._unit(now)
        if unit is None:
            return None
        rates = {kind: self._rate(self._of_kind(kind, now), unit) for kind in {p.kind for p in self._all()}}
        groups: dict[Hashable, float] = {}

        def rate(piece: Piece) -> float:
            if piece.group not in groups:
                rate_of_group = self._rate(self._of_group(piece.group, now), unit)
                groups[piece.group] = rate_of_group or rates[piece.kind] or 1.0
            return groups[piece.group]

        total = 0.0 if self._now is None else self._of_now(rate(self._now.piece), unit, now)
        seen: set[Hashable] = set()
        pools: dict[Hashable, list[Equal]] = {}
        for piece in self._left.values():
            if piece.kind == "cost":
                total += piece.seconds(unit) * rate(piece)
            elif piece.group not in seen:  # all of the group at once
                seen.add(piece.group)
                scale = 1.0 if piece.kind in _IN_SECONDS else unit
                seconds, count = self._weights[piece.group] * scale * rate(piece), self._counts[piece.group]
                if self._crew is None or piece.kind != "shard":
                    total += seconds
                else:
                    pools.setdefault(piece.pool, []).append((count, seconds / count))
        return total + (0.0 if self._crew is None else self._crew.seconds(pools, now))

    def _all(self) -> Iterator[Piece]:
        yield from self._left.values()
        if self._now is not None:
            yield self._now.piece

    def _of_now(self, rate: float, unit: float, now: float) -> float:
        """What is left of the piece at work."""
        at = self._now
        assert at is not None
        expected, elapsed, part = at.piece.seconds(unit) * rate, now - at.began, self._part()
        if part is not None and part >= LEAST_PART:
            return expected * (1 - part)
        return max(expected - elapsed, 0.02 * expected)

    def _part(self) -> float | None:
        """Of the piece at work, how much is done; None where neither images nor forwards say it."""
        at = self._now
        if at is None:
            return None
        piece = at.piece
        if at.images and piece.images:
            done = float(at.images)
            if at.forwards_then:
                done += min((at.forwards - at.forwards_then) * at.images / at.forwards_then, piece.images - done)
            return min(done / piece.images, 0.98)
        known = self._forwards.get(piece.group)
        forwards = piece.forwards if known is None else known * piece.weight
        return min(at.forwards / forwards, 0.98) if forwards and at.forwards else None

    def _unit(self, now: float) -> float | None:
        """Seconds of a unit of weight: of shards; else as it was measured; else a guess that other pieces correct."""
        shards = [(piece.weight, seconds) for piece, seconds in self._of_kind("shard", now)]
        weight = sum(each for each, _ in shards)
        if weight > 0:
            return sum(seconds for _, seconds in shards) / weight
        if self.unit is not None or not self._took:
            return self.unit
        return 1e-3

    def _of_kind(self, kind: PieceKind, now: float) -> list[tuple[Piece, float]]:
        pairs = [pair for taken in self._took.values() if taken and taken[0][0].kind == kind for pair in _recent(taken)]
        at = self._now
        if at is not None and at.piece.kind == kind and at.piece.group not in self._took:
            pairs += self._part_of_now(now)
        return pairs

    def _of_group(self, group: Hashable, now: float) -> list[tuple[Piece, float]]:
        if group in self._took:
            return _recent(self._took[group])
        return self._part_of_now(now) if self._now is not None and self._now.piece.group == group else []

    def _part_of_now(self, now: float) -> list[tuple[Piece, float]]:
        """The part of the piece at work that is done, as a piece: where its group has no other."""
        part = self._part()
        if self._now is None or part is None or part < LEAST_PART:
            return []
        piece = self._now.piece
        return [(piece, (now - self._now.began) / part)]

    @staticmethod
    def _rate(pairs: list[tuple[Piece, float]], unit: float) -> float | None:
        planned = sum(piece.seconds(unit) for piece, _ in pairs)
        return sum(seconds for _, seconds in pairs) / planned if planned > 0 else None


def _recent(taken: deque[tuple[Piece, float]]) -> list[tuple[Piece, float]]:
    """Without the first, which warms up, where there are two more."""
    return list(taken) if len(taken) < 3 else list(islice(taken, 1, None))
