"""Signals during a run: the first finishes the shard and writes the tables, the second stops at once.

Ctrl-C (SIGINT), SIGTERM and SIGHUP do the same. A signal that is ignored, as SIGHUP under nohup, stays ignored.
Handlers are set in the main thread alone, and set back afterwards.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from .progress import Progress

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
_AGAIN = "a second one stops at once"


class Stopped(KeyboardInterrupt):
    """A signal stopped the run. Finished work is in the folder, and the same study continues from there.

    Attributes:
        number: of the signal.
        orderly: the work at hand was finished first.
    """

    def __init__(self, number: int, what: str = "") -> None:
        super().__init__(what)
        self.number, self.orderly = number, bool(what)

    @property
    def exit_code(self) -> int:
        """What a shell shows of a process that the signal ended: 130, 143 or 129."""
        return 128 + self.number


class StopRequest:
    """The handler of a run's signals, and what they have asked for so far.

    Attributes:
        deadly: the second signal ends the process, whatever it does. For commands; a notebook has other work to lose.
    """

    def __init__(self, deadly: bool = False) -> None:
        self.deadly = deadly
        self._number = 0
        self._patience: list[Callable[[], None]] = []
        self._files: list[Path] = []

    @property
    def number(self) -> int:
        """Of the first signal, or of Ctrl-C where a file asked for the stop; 0 where nobody did."""
        if not self._number and any(file.exists() for file in self._files):
            self._number = int(signal.SIGINT)
        return self._number

    @contextmanager
    def asked_by(self, file: Path) -> Iterator[None]:
        """Within the block the file asks for a stop as soon as it is there: of a run in any thread."""
        self._files.append(file)
        try:
            yield
        finally:
            self._files.pop()

    @contextmanager
    def patient(self, tell: Callable[[], None]) -> Iterator[None]:
        """Within the block the first signal is noted and told, for the block to look at; elsewhere it ends the work."""
        self._patience.append(tell)
        try:
            yield
        finally:
            self._patience.pop()

    def __call__(self, number: int, _: FrameType | None) -> None:
        first, self._number = not self._number, self._number or number
        if first and self._patience:
            with suppress(Exception):  # a stream that was written to when the signal came takes no second writer
                self._patience[-1]()
        elif first or (number == signal.SIGINT and not self.deadly):
            raise Stopped(number)
        else:
            _end(number)


def _end(number: int) -> None:
    """The default action of the signal, at once; what was printed is shown."""
    _flush()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()


@contextmanager
def stoppable() -> Iterator[StopRequest]:
    """The signals' handler; one that is set already is used. Outside of the main thread none is set, and none comes.

    After the block SIGTERM and SIGHUP that came within it are sent again, to the handlers of whoever calls.
    """
    current = _current()
    if threading.current_thread() is not threading.main_thread():
        yield StopRequest()
    elif current is not None:
        yield current
    else:
        request = StopRequest()
        try:
            with _set(request):
                yield request
        finally:
            if request.number and request.number != signal.SIGINT:
                _flush()
                signal.raise_signal(request.number)


@contextmanager
def deadly_signals() -> Iterator[None]:
    """For a command: the second signal ends the process, even while a plugin hangs in C or swallows exceptions."""
    with _set(StopRequest(deadly=True)):
        yield


def _current() -> StopRequest | None:
    handlers = (signal.getsignal(number) for number in SIGNALS)
    return next((handler for handler in handlers if isinstance(handler, StopRequest)), None)


@contextmanager
def _set(request: StopRequest) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    # None: a handler that Python did not set
    handlers = {number: handler for number, handler in handlers.items() if handler not in (signal.SIG_IGN, None)}
    try:
        for number in handlers:
            signal.signal(number, request)
            if request.deadly:
                _default_after_one(number)
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _default_after_one(number: int) -> None:
    """Have the kernel put the signal's default action back when the signal comes, before Python hears of it.

    Python's own handlers wait until the interpreter has its turn, for which a plugin in C may make them wait for ever.
    ``sysv_signal`` (glibc) is ``signal`` with SA_RESETHAND; other systems have Python's handler alone.
    """
    libc = ctypes.CDLL(None) if os.name == "posix" else None
    if not hasattr(libc, "sysv_signal"):
        return
    assert libc is not None
    for function in (libc.signal, libc.sysv_signal):
        function.restype, function.argtypes = ctypes.c_void_p, (ctypes.c_int, ctypes.c_void_p)
    pythons = libc.signal(number, int(signal.SIG_IGN))
    libc.sysv_signal(number, pythons)


def told_once(progress: Progress, what: str) -> Callable[[], None]:
    """What a signal tells: the bar ends, and a line stays."""

    def tell() -> None:
        progress.stop()
        getattr(progress, "tell", progress.warn)(f"Stopping: {what}; {_AGAIN}")

    return tell
