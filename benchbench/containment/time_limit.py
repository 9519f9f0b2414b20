"""A limit on how long one call of other people's code may take.

When the time is up, the code is interrupted: in the main thread by a signal of the kernel's timer, which also ends
time.sleep, waiting for a lock, reading from a pipe and a regular expression; in another thread, and where there is no
such timer, by an exception that Python raises at the next line of Python. Code that swallows the exception is
interrupted again and again.

Nothing in a process can interrupt a call into C that neither returns nor looks for signals: a deadlock in a library, a
kernel on a GPU. After a time of grace such a call is given up: ``stuck`` is called, which ends the process.
"""

from __future__ import annotations

import ctypes
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from ..errors import BenchError

T = TypeVar("T")
MOST_LATE = 3  # interruptions that can come while an alarm is stopped, and one more
AGAIN = 0.5  # seconds until code that swallowed the exception is interrupted again


class TimeUp(BaseException):
    """Raised in code that takes too long."""


class TookTooLong(BenchError):  # noqa: N818 - an answer, not a mistake
    """A call took longer than its limit; to try each image alone would take as long again."""

    final = True


def limited(work: Callable[[], T], seconds: float, grace: float, stuck: Callable[[], None]) -> T:
    """What the work gives, if it ends in time.

    Args:
        seconds: the limit.
        grace: seconds after which work that could not be interrupted is given up.
        stuck: called then, in another thread than the work; the work goes on if ``stuck`` returns.

    Raises:
        TookTooLong: it did not, and was interrupted.

    Example:
        >>> from benchbench.containment.time_limit import limited
        >>> limited(lambda: 7, 60, 60, lambda: None)
        7
    """
    alarm = _Alarm(seconds, grace, stuck)
    try:
        try:
            alarm.start()
            return work()
        finally:
            alarm.stop()
    except TimeUp:
        raise TookTooLong(f"it took longer than {seconds:g} s") from None
    finally:
        alarm.stop()  # again: the time may have been up while the alarm was stopped


class _Alarm:
    """Interrupts the thread that started it; a thread of its own waits for the end of the grace."""

    def __init__(self, seconds: float, grace: float, stuck: Callable[[], None]) -> None:
        self._seconds, self._grace, self._stuck = seconds, grace, stuck
        self._ended = threading.Event()
        self._target = threading.get_ident()
        self._by_signal = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
        self._before: _Timer | None = None
        self._watcher = threading.Thread(target=self._watch, name="time limit", daemon=True)

    def start(self) -> None:
        self._watcher.start()
        if self._by_signal:
            self._before = _Timer.taken(self._raise, self._seconds)

    def stop(self) -> None:
        """No interruption comes after this. Calling it again does nothing."""
        for _ in range(MOST_LATE):
            with suppress(TimeUp):
                self._end()
                return

    def _end(self) -> None:
        """Raises TimeUp where an interruption comes meanwhile."""
        self._ended.set()
        if self._before is not None:
            self._before.put_back()
            self._before = None
        if self._watcher.ident is not None:
            self._watcher.join()  # it may be about to interrupt
        _look_for_interruptions()

    def _watch(self) -> None:
        if self._ended.wait(self._seconds):
            return
        last = time.monotonic() + self._grace
        while time.monotonic() < last:
            if not self._by_signal:
                _raise_in(self._target, TimeUp)
            if self._ended.wait(min(AGAIN, self._grace)):
                return
        self._stuck()

    def _raise(self, _number: int, _frame: object) -> None:
        if not self._ended.is_set():
            raise TimeUp


@dataclass(frozen=True)
class _Timer:
    """The process's timer and its handler, as somebody else had set them."""

    handler: Any
    left: float  # seconds; 0: it did not run
    again: float
    since: float

    @classmethod
    def taken(cls, handler: Callable[[int, object], None], seconds: float) -> _Timer:
        """The kernel sends the signal, also while a call into C lets no other thread run."""
        before = signal.signal(signal.SIGALRM, handler)
        return cls(before, *signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN), time.monotonic())

    def put_back(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL if self.handler is None else self.handler)
        if self.left:
            left = self.left - (time.monotonic() - self.since)
            signal.setitimer(signal.ITIMER_REAL, max(left, 1e-3), self.again)


def _raise_in(thread: int, kind: type[BaseException]) -> None:
    """Python raises it in the thread before its next line.

    It is not to be taken back: Python 3.11 then believes for ever that something is to be raised, looks for it at every
    call, and stands still as soon as somebody traces.
    """
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(kind))


def _look_for_interruptions() -> None:
    """What is to be raised in this thread is raised now: Python looks at each call, and at each end of a loop."""
    for _ in range(2):
        pass
