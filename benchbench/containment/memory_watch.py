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

from .random_state import used_devices

GROWTH = 1 << 20  # bytes that every block adds at least, if there is a leak worth naming
BATCHES = 4  # of a block
BLOCKS = 3  # in a row that grow until each call is measured, and then until somebody is named
_SIZES = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")


class _MallocSizes(ctypes.Structure):
    """What glibc's mallinfo2 returns."""

    _fields_ = [(name, ctypes.c_size_t) for name in _SIZES]


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
    return sum(torch.cuda.memory_allocated(i) for i in used_devices())


@dataclass(eq=False)
class MemoryWatch:
    """Names the code that keeps memory.

    What is in use is read after each batch, and the least of four batches counts, as images are loaded meanwhile. Only
    after three such blocks in a row had a mebibyte more each than the one before, every call is measured for three
    more. The code that kept most in its calls is named, if it kept at least half of what was added.

    Attributes:
        tell: what is called with who, and what it keeps, in words.
        read: the bytes in use.

    Example:
        >>> from benchbench.containment.memory_watch import MemoryWatch
        >>> held, told = [], []
        >>> watch = MemoryWatch(lambda who, what: told.append(who), lambda: sum(held))
        >>> for _ in range(28):
        ...     with watch.call("method leaky"):
        ...         held.append(2 << 20)
        ...     watch.end_batch()
        >>> told
        ['method leaky']
    """

    tell: Callable[[str, str], None]
    read: Callable[[], int] = field(default_factory=bytes_reader)
    _block: list[int] = field(default_factory=list)  # bytes after each batch of this block
    _least: list[int] = field(default_factory=list)  # of the blocks that grew, and of the one before them
    _kept: Counter[str] = field(default_factory=Counter)  # by code, the bytes that its measured calls kept
    _named: set[str] = field(default_factory=set)

    @property
    def measuring(self) -> bool:
        """Whether each call is measured."""
        return len(self._least) > BLOCKS

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
            self._kept[who] += self.read() - before

    def end_batch(self) -> None:
        """What belonged to a batch alone is free again."""
        self._block.append(self.read())
        if len(self._block) < BATCHES:
            return
        least = min(self._block)
        self._block.clear()
        if self._least and least - self._least[-1] < GROWTH:
            self._least.clear()
            self._kept.clear()
        self._least.append(least)
        if len(self._least) > 2 * BLOCKS:
            self._name()
            self._least.clear()
            self._kept.clear()

    def _name(self) -> None:
        gc.collect()
        now, start, middle = self.read(), self._least[0], self._least[BLOCKS]
        (who, kept), *_ = [*self._kept.most_common(1), ("", 0)]
        if who in self._named or now - start < BLOCKS * GROWTH or kept < (self._least[-1] - middle) / 2:
            return
        self._named.add(who)
        batches = BLOCKS * BATCHES
        grew = f"memory in use grew from {start / 2**20:,.0f} to {now / 2**20:,.0f} MB in {2 * batches} batches"
        self.tell(who, f"keeps memory: about {kept / batches / 2**20:,.1f} MB more with each batch ({grew})")
