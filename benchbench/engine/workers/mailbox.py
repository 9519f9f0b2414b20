"""Where workers on other machines say which call they are in, for the command to read when they have ended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ...containment.hang_record import HangRecord, LastCall


class Mailbox:
    """The last word of each shard's worker, and whether the shards that wait are withdrawn.

    It stands in a process of its own, which imports no torch.

    Example:
        >>> from benchbench.containment.hang_record import LastCall
        >>> from benchbench.engine.workers.mailbox import Mailbox
        >>> box = Mailbox()
        >>> box.put(3, LastCall("method slow", "hangs", True))
        >>> box.take([2, 3])[3].who
        'method slow'
        >>> box.take([2, 3])
        {}
        >>> box.withdraw()
        >>> box.withdrawn()
        True
    """

    def __init__(self) -> None:
        self._calls: dict[int, LastCall] = {}
        self._withdrawn = False

    def put(self, shard: int, call: LastCall) -> None:
        """The shard's worker is in this call; it replaces the call before."""
        self._calls[shard] = call

    def take(self, shards: list[int]) -> dict[int, LastCall]:
        """What is known of these shards; it is forgotten then."""
        return {shard: self._calls.pop(shard) for shard in shards if shard in self._calls}

    def withdraw(self) -> None:
        """The command was asked to stop: no shard is begun from now on."""
        self._withdrawn = True

    def withdrawn(self) -> bool:
        """Whether the command was asked to stop."""
        return self._withdrawn


class ToldRecord(HangRecord):
    """A record that is also told to somebody else.

    Args:
        folder: of the worker.
        tell: returns when the other side knows. A call that is given up is always told.
        every: whether every call is told before it begins.
    """

    def __init__(self, folder: Path, tell: Callable[[LastCall], None], *, every: bool) -> None:
        super().__init__(folder)
        self._tell, self._every = tell, every

    def note(self, who: str, reason: str = "") -> None:
        """A call begins."""
        super().note(who, reason)
        if self._every:
            self._tell(LastCall(who, reason, False))

    def give_up(self) -> None:
        """The call that is noted hangs."""
        super().give_up()
        self._tell(LastCall(*self._now, True))
