"""Threads, child processes and open files that code leaves behind: they are told, and left alone."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

_OPEN = "/proc/self/fd"
FILES = 8  # left open before it is told; and one in every second call
_SERVICES = ("tqdm._monitor",)  # modules whose thread serves the whole process: there is one, whoever asks first


@dataclass(eq=False)
class LeftoverWatch:
    """Looks before and after each call.

    Attributes:
        tell: what is called with who, and what it left, in words; what comes before the first colon stays the same.

    Example:
        >>> import threading
        >>> from benchbench.containment.leftovers import LeftoverWatch
        >>> end, told = threading.Event(), []
        >>> watch = LeftoverWatch(lambda who, what: told.append(f"{who} {what}"))
        >>> with watch.call("method mine"):
        ...     threading.Thread(target=end.wait, name="worker").start()
        >>> end.set()
        >>> told
        ['method mine leaves threads running: worker']
    """

    tell: Callable[[str, str], None]
    _calls: Counter[str] = field(default_factory=Counter)
    _files: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def call(self, who: str) -> Iterator[None]:
        """The block is the code's."""
        threads, children, files = set(threading.enumerate()), _children(), _open_files()
        try:
            yield
        finally:
            self._note(who, set(threading.enumerate()) - threads, _children() - children, _open_files() - files)

    def _note(self, who: str, threads: set[threading.Thread], children: set[int], files: int) -> None:
        names = sorted(thread.name for thread in threads if type(thread).__module__ not in _SERVICES)
        if names:
            self.tell(who, f"leaves threads running: {', '.join(names[:3])}{', ...' * (len(names) > 3)}")
        if children:
            self.tell(who, f"leaves processes running: {', '.join(map(str, sorted(children)[:3]))}")
        self._calls[who] += 1
        self._files[who] += files
        if self._files[who] >= max(FILES, self._calls[who] / 2):
            self.tell(who, f"leaves files open: {self._files[who]} after {self._calls[who]} calls")


def _children() -> set[int]:
    """The processes that this thread started and that are still there; empty where the system does not say."""
    with suppress(OSError):
        return set(map(int, Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split()))
    return set()


def _open_files() -> int:
    with suppress(OSError):
        return len(os.listdir(_OPEN))
    return 0
