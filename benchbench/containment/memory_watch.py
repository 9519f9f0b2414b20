"""Who keeps memory, if what the process uses grows from batch to batch."""

from __future__ import annotations

import ctypes
import gc
import platform
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil
import torch

GROWTH = 1 << 20  # bytes that every batch adds at least, if there is a leak worth naming
BATCHES = 6  # in a row that grow until each call is measured, and then until somebody is named
_SIZES = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")


class _MallocSizes(ctypes.Structure):
    """What glibc's mallinfo2 returns."""

    _fields_ = [(name, ctypes.c_size_t) for name in _SIZES]  # noqa: RUF012 - ctypes reads it


def bytes_reader() -> Callable[[], int]:
    """What reads the bytes that are in use: of malloc and of tensors on GPUs.

    Where the C library does not say what malloc has handed out, the process's part of the machine's memory is read.
    """
    read = _malloc_reader() or (lambda: int(psutil.Process().memory_info().rss))
    return lambda: read() + _device_bytes()


def _malloc_reader() -> Callable[[], int] | None:
    if platform.libc_ver()[0] != "glibc" or not hasattr(library := ctypes.CDLL(None), "mallinfo2"):
        return None
    sizes = library.mallinfo2
    sizes.restype, sizes.argtypes = _MallocSizes, []

    def read() -> int:
        now = sizes()
        return int(now.uordblks + now.hblkhd)

    return read


def _device_bytes() -> int:
    if not torch.cuda.is_initialized():
        return 0
    return sum(torch.cuda.memory_allocated(i) for i in range(torch.cuda.device_count()))


@dataclass(eq=False)
class MemoryWatch:
    """Names the code that keeps memory.

    What is in use is read after each batch. Only after it grew by a mebibyte in each of six batches, every call is
    measured for six more. The code that kept most is named, if it kept some in each of them and at least half of what
    was added.

    Attributes:
        tell: what is called with who, and what it keeps, in words.
        read: the bytes in use.

    Example:
        >>> from benchbench.containment.memory_watch import MemoryWatch
        >>> held, told = [], []
        >>> watch = MemoryWatch(lambda who, what: told.append(who), lambda: sum(held))
        >>> for _ in range(14):
        ...     with watch.call("method leaky"):
        ...         held.append(2 << 20)
        ...     watch.end_batch()
        >>> told
        ['method leaky']
    """

    tell: Callable[[str, str], None]
    read: Callable[[], int] = field(default_factory=bytes_reader)
    _last: int | None = None  # bytes after the last batch
    _since: int = 0  # bytes before the first batch of those that grew
    _grown: int = 0  # batches in a row
    _batch: Counter[str] = field(default_factory=Counter)  # by code, the bytes that it kept in this batch
    _kept: dict[str, int] | None = None  # by code that kept some in each measured batch, all of it
    _named: set[str] = field(default_factory=set)

    @property
    def measuring(self) -> bool:
        """Whether each call is measured."""
        return self._grown >= BATCHES

    @contextmanager
    def call(self, who: str) -> Iterator[None]:
        """The block is the code's."""
        if not self.measuring:
            yield
            return
        before = self.read()
        try:
            yield
        finally:
            self._batch[who] += self.read() - before

    def end_batch(self) -> None:
        """What belonged to a batch alone is free again."""
        now, before, self._last = self.read(), self._last, None
        self._last = now
        if before is None or now - before < GROWTH:
            self._rest()
            return
        if self.measuring:
            self._add()
        if not self._grown:
            self._since = before
        self._grown += 1
        if self._grown == 2 * BATCHES:
            self._name()
            self._rest()

    def _rest(self) -> None:
        self._grown, self._kept = 0, None
        self._batch.clear()

    def _add(self) -> None:
        kept = {who: count for who, count in self._batch.items() if count >= GROWTH // 2}
        known = kept if self._kept is None else self._kept
        self._kept = {who: kept[who] + (0 if known is kept else known[who]) for who in known if who in kept}
        self._batch.clear()

    def _name(self) -> None:
        gc.collect()
        now = self.read()
        who = max(self._kept or {}, key=lambda name: (self._kept or {})[name], default="")
        kept = (self._kept or {}).get(who, 0)
        if who in self._named or kept < (now - self._since) / 4 or now - self._since < BATCHES * GROWTH:
            return
        self._named.add(who)
        grew = f"memory in use grew from {self._since / 2**20:,.0f} to {now / 2**20:,.0f} MB in {2 * BATCHES} batches"
        self.tell(who, f"keeps memory: about {kept / BATCHES / 2**20:,.0f} MB more with each batch ({grew})")
