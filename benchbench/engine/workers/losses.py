"""What follows when a worker ended: its shard is tried again, without the plugin that is to blame, or its rows fail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from ...containment.hang_record import HangRecord
from .order import WorkerLost

MOST_LOSSES = 3  # of workers on one shard, until the plugin in whose calls they ended is left out, or the shard fails
MOST_BLAMED = 3  # plugins that are left out of one shard; where more end workers, memory is short whoever is called
MOST_SHARDS = 3  # that a plugin is left out of, until it is called no more
ENDED = f"ended its worker {MOST_LOSSES} times on these images (it crashed, or memory ran out)"
Next: TypeAlias = Literal["again", "alone", "never"]


@dataclass(eq=False)
class Losses:
    """The workers that ended, by shard.

    Attributes:
        record: of the run: the plugins that are called no more.
        warn: told what follows from a loss, in a sentence.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from benchbench.containment.hang_record import HangRecord, LastCall
        >>> from benchbench.engine.workers.losses import Losses
        >>> from benchbench.engine.workers.order import WorkerLost
        >>> losses = Losses(HangRecord(Path(tempfile.mkdtemp())), lambda _: None)
        >>> losses.follow(0, WorkerLost("it ended", LastCall("method slow", "hangs", True)))
        'again'
        >>> losses.given_up(7)
        {'method slow': 'hangs'}
    """

    record: HangRecord
    warn: Callable[[str], None]
    _counts: Counter[int] = field(default_factory=Counter)
    _blamed: dict[int, dict[str, str]] = field(default_factory=dict)  # by shard, the plugins that it is tried without
    _shards: Counter[str] = field(default_factory=Counter)  # by plugin

    def given_up(self, shard: int) -> dict[str, str]:
        """By plugin, why the shard is worked on without it."""
        return {**self.record.hung, **self._blamed.get(shard, {})}

    def tried_before(self, shard: int) -> bool:
        """Whether the shard ended a worker, as far as is known."""
        return self._counts[shard] > 0

    def follow(self, shard: int, lost: WorkerLost) -> Next:
        """What becomes of the shard: it is tried ``again``, tried ``alone``, or it fails."""
        call = lost.call
        if not lost.suspected:
            self.warn(f"{lost.reason}. It had another shard too, which is tried again")
            return "again"
        if call is not None and call.given_up and call.who not in self.record.hung:
            self.record.add(call.who, call.reason)
            self.warn(f"{call.who} {call.reason}. It is not called any more, and its rows fail")
            return "again"
        self._counts[shard] += 1
        if self._counts[shard] < MOST_LOSSES:
            self.warn(f"{lost.reason}. Its shard is tried again")
            return "alone"
        return self._without(shard, "" if call is None else call.who)

    def _without(self, shard: int, who: str) -> Next:
        """The shard ended too many workers, the last one in a call of this plugin."""
        blamed = self._blamed.setdefault(shard, {})
        if not who or who in blamed or len(blamed) == MOST_BLAMED:
            return "never"
        blamed[who] = ENDED
        self._counts[shard] = 1
        self._shards[who] += 1
        self.warn(f"{who} ended {MOST_LOSSES} workers on one shard, which is tried again without it: its rows fail")
        if self._shards[who] == MOST_SHARDS:
            self.record.add(who, f"ended {MOST_LOSSES} workers on each of {MOST_SHARDS} shards, so that it is given up")
            self.warn(f"{who} is not called any more")
        return "alone"
