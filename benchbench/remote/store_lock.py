"""The lock of a run in a store: an object with its owner's name, as far as stores can lock.

A store releases nothing when a process ends, and cannot say whether a process of another machine is alive. A run looks
before it writes whether the lock is still its own; between the look and the write another one can take it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import asdict

from ..errors import BenchError
from ..results.lock_owner import FILE, LockOwner
from .object_folder import ObjectFolder

_TRIES = 5


class LostLock(BenchError):  # noqa: N818 - what a run has
    """Another run has taken the store's folder.

    Example:
        >>> from benchbench.remote.store_lock import LostLock
        >>> str(LostLock("another run took it", where="s3://bucket/run"))
        's3://bucket/run: another run took it'
    """


class StoreLock:
    """The lock of one run.

    Args:
        store: whose lock it is.
        warn: is told of a dead run's lock that is removed.
    """

    def __init__(self, store: ObjectFolder, warn: Callable[[str], None]) -> None:
        self._store, self._warn = store, warn
        self._content = b""

    def take(self, *, take_over: bool = False) -> None:
        """Write that this process has the folder.

        Args:
            take_over: also take it from a run of another machine, of which nobody here can say whether it is alive.

        Raises:
            BenchError: another run has it, or it is no run's lock.
            StoreFailure: the store does not answer, or cannot be written.
        """
        mark = {**asdict(LockOwner.me()), "token": uuid.uuid4().hex}
        self._content = json.dumps(mark).encode()
        for _ in range(_TRIES):
            if self._store.create(FILE, self._content):
                return
            there = self._store.text(FILE)
            if there is not None:
                self._evict(there, take_over)
        raise self._taken(self._store.text(FILE) or b"", "Try again")

    def check(self) -> None:
        """Raises LostLock where the lock is no longer this run's."""
        there = self._store.text(FILE)
        if there != self._content:
            owner = owner_in(there or b"")
            who = f"{owner} took it" if owner is not None else "its lock was removed"
            hint = "What was computed since is in the working copy. The same command continues if no other run writes"
            raise LostLock(f"this run no longer has the folder: {who}", where=self._store.url.shown, hint=hint)

    def release(self) -> None:
        """Remove the lock, if it is this run's.

        Raises:
            StoreFailure: the store does not answer.
        """
        if self._content and self._store.text(FILE) == self._content:
            self._store.remove(FILE)

    def _evict(self, there: bytes, take_over: bool) -> None:
        owner, shown = owner_in(there), self._store.url.shown
        if owner is None:
            hint = "Remove it if no run writes there"
            raise BenchError(f"{FILE} is not what a run wrote", where=shown, hint=hint)
        if owner.dead:
            self._warn(f"{shown}: the lock of a dead run is removed ({owner})")
        elif take_over and not owner.here:
            self._warn(f"{shown}: taken from {owner}")
        elif owner.here:
            raise self._taken(there, "Wait for it, or give another --out")
        else:
            raise self._taken(there, "Wait for it, or give another --out. If that process is dead: --take-over")
        if self._store.text(FILE) == there:
            self._store.remove(FILE)

    def _taken(self, there: bytes, hint: str) -> BenchError:
        owner = owner_in(there)
        who = f": {owner}" if owner is not None else ""
        return BenchError(f"another run writes into this folder{who}", where=self._store.url.shown, hint=hint)


def owner_in(content: bytes) -> LockOwner | None:
    """The owner that a lock's object names; None where it names none."""
    try:
        mark = json.loads(content)
        mark.pop("token")
    except (ValueError, RecursionError, AttributeError, KeyError, TypeError):
        return None
    return LockOwner.read(mark)
