"""What sends a run's files to the store while the run goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from ..errors import BenchError, message_of
from ..results.lock_owner import STOP
from ..results.run_log import LOG, OLDER
from .object_folder import StoreFailure
from .store_lock import LostLock, StoreLock
from .working_copy import WorkingCopy

PAUSE = 2.0  # seconds between two looks at the folder
_LOG_EVERY = 10.0  # seconds between two times that the log, which grows all the time, is sent
_LOCK_EVERY = 30.0  # seconds between two looks at the lock while nothing is sent
_LONGEST_PAUSE = 60.0
_LAST_PAUSES = (1.0, 3.0, 9.0)  # seconds between the tries at the end


class Uploads:
    """A thread that looks at a run's folder and sends what is new.

    A store that fails is tried again, after longer pauses; the run goes on meanwhile. A run that has lost its lock is
    stopped as Ctrl-C stops it.

    Args:
        copy: of the run.
        lock: of the run.
        warn: is told what the store does not do.
        pause: seconds between two looks.
    """

    def __init__(self, copy: WorkingCopy, lock: StoreLock, warn: Callable[[str], None], pause: float = PAUSE) -> None:
        self.lost: LostLock | None = None
        self._copy, self._lock, self._warn = copy, lock, warn
        self._pause = pause
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, name="benchbench uploads", daemon=True)
        self._log_sent = self._looked = time.monotonic()

    def begin(self) -> None:
        """Start the thread."""
        self._thread.start()

    def end(self) -> None:
        """End the thread, and send what is left.

        Raises:
            LostLock: another run has taken the folder; nothing is sent.
            StoreFailure: the store does not take it.
        """
        self._ended.set()
        self._thread.join()
        if self.lost is not None:
            raise self.lost
        for pause in (*_LAST_PAUSES, None):
            try:
                self._lock.check()
                self._copy.send()
                return
            except StoreFailure:
                if pause is None:
                    raise
            time.sleep(pause)

    def look(self) -> None:
        """Send what is new.

        Raises:
            LostLock: another run has taken the folder.
            StoreFailure: the store does not take it.
        """
        now = time.monotonic()
        hold = (LOG, OLDER) if now - self._log_sent < _LOG_EVERY else ()
        new = [name for name in self._copy.unsent() if name not in hold]
        if not new and now - self._looked < _LOCK_EVERY:
            return
        self._lock.check()
        self._looked = now
        self._copy.send(hold=hold)
        self._log_sent = self._log_sent if hold else now

    def _work(self) -> None:
        pause, troubled = self._pause, False
        while not self._ended.wait(pause):
            try:
                self.look()
                pause, troubled = self._pause, False
            except LostLock as error:
                self.lost = error
                (self._copy.folder / STOP).touch()
                return
            except (BenchError, OSError) as error:
                if not troubled:
                    self._warn(f"{message_of(error)}. The run goes on, and its results are sent later")
                pause, troubled = min(2 * pause, _LONGEST_PAUSE), True
