"""How long several workers take for the shards that are left: each takes the next one as soon as it is free."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import TypeAlias

Equal: TypeAlias = tuple[int, float]  # so many shards, of which each takes so many seconds
_RECENT = 16  # shards whose writing counts
_LEAST = 0.02  # of a shard: what is left of one that takes longer than was expected


def last_free(free: Iterable[float], shards: Iterable[Equal]) -> float:
    """When the last of the workers has nothing left to do.

    Args:
        free: of each worker, in how many seconds it can begin its next shard. shards: in their order.

    Example:
        >>> from benchbench.engine.crew import last_free
        >>> last_free([0.0, 3.0], [(3, 10.0)])  # the first worker takes two
        20.0
    """
    at = list(free)
    for count, seconds in shards:
        at.sort()
        rounds, more = divmod(count, len(at))
        at = [each + seconds * (rounds + (place < more)) for place, each in enumerate(at)]
    return max(at)


@dataclass(eq=False)
class Crew:
    """The workers of one network after another, as far as the shards that arrive tell of them.

    Attributes:
        workers: how many there are.
        start: seconds from the first order until workers begin, as the network before took.
        pool: whose workers they are.
    """

    workers: int = 1
    start: float = 0.0
    pool: Hashable = None
    _opened: float = 0.0
    _fresh: bool = False  # no shard has arrived since the workers were started
    _begun: list[float] = field(default_factory=list)  # when the shards were begun that workers have now
    _writing: deque[float] = field(default_factory=lambda: deque(maxlen=_RECENT))

    def open(self, pool: Hashable, now: float, left: int) -> None:
        """So many shards are handed out from now on; workers start unless it is the same pool."""
        if pool != self.pool:
            self.pool, self._opened, self._fresh = pool, now, True
        self._begun = [now + self.start * self._fresh] * min(self.workers, left)

    def arrive(self, now: float, seconds: float, writing: float, workers: int, left: int) -> None:
        """A shard arrived, and is written.

        Args:
            seconds: that the worker took. writing: seconds that the command took.
            workers: how many there are. left: shards that have not arrived.
        """
        self.workers = workers
        self._writing.append(writing)
        began = now - writing - seconds
        if self._fresh:
            self._fresh = False
            self.start = max(0.0, began - self._opened)
            self._begun = [began] * min(workers, left + 1)
        if self._begun:
            self._begun.remove(min(self._begun, key=lambda each: abs(each - began)))
        running = min(workers, left)
        self._begun = sorted(self._begun)[-running:] if running else []
        self._begun += [now] * (running - len(self._begun))

    def seconds(self, pools: Mapping[Hashable, Sequence[Equal]], now: float) -> float:
        """How long the workers take for all shards that have not arrived, by pool; one pool comes after the other."""
        total = 0.0
        for pool, shards in pools.items():
            count = sum(number for number, _ in shards)
            if pool == self.pool:
                free, queued = self._free(shards, now)
            else:
                free, queued = [self.start] * self.workers, list(shards)
            total += max(last_free(free, queued), count * self._writes())
        return total

    def _writes(self) -> float:
        """Seconds that the command takes for a shard: where there are very many workers, they wait for it."""
        return fmean(self._writing) if self._writing else 0.0

    def _free(self, shards: Sequence[Equal], now: float) -> tuple[list[float], list[Equal]]:
        """When each worker is free, and the shards that none has begun."""
        running, queued, free = len(self._begun), [], list[float]()
        for count, seconds in shards:
            begun = min(count, running - len(free))
            these = self._begun[len(free) : len(free) + begun]
            free += [max(at + seconds - now, _LEAST * seconds) for at in these]
            queued.append((count - begun, seconds))
        return free + [0.0] * max(self.workers - len(free), 0), queued
