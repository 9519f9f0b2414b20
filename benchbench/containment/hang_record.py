"""A file that outlives a run which ended in a call that nothing could interrupt: whose call that was.

The first line names the call that runs now; it is written over at each call. Behind it stands what Python printed when
the call was given up, by the run itself, or by the C library's watchdog of ``faulthandler`` where the call did not let
any other thread run. The next run moves the name to a list, and goes on without that code.
"""

from __future__ import annotations

import faulthandler
import io
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeAlias

from ..files import read, write

CALL, LIST = "call-in-progress.txt", "given-up.json"
_LINE = 1000  # bytes of the first line
_NO_RECORD = (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError)  # of a file that is none
Hung: TypeAlias = dict[str, str]  # by who, why it is called no more


class HangRecord:
    """The record of one run's folder.

    Args:
        folder: of the run, which nobody else writes into.
        forget: whether code that hung before is called again.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from benchbench.containment.hang_record import HangRecord
        >>> folder = Path(tempfile.mkdtemp())
        >>> with HangRecord(folder).kept() as record:
        ...     record.note("method slow")
        >>> HangRecord(folder).hung
        {}
    """

    def __init__(self, folder: Path, *, forget: bool = False) -> None:
        self._folder = folder
        self._handle: io.RawIOBase | None = None
        if forget:
            (folder / LIST).unlink(missing_ok=True)
            (folder / CALL).unlink(missing_ok=True)
        self.hung: Mapping[str, str] = self._read()

    @contextmanager
    def kept(self) -> Iterator[HangRecord]:
        """The record is written in the block, and removed after it, as nothing hung."""
        with (self._folder / CALL).open("w+b", buffering=0) as file:
            self._handle = file
            self.note("")
            file.seek(_LINE)
            try:
                yield self
            finally:
                self._handle = None
                (self._folder / CALL).unlink(missing_ok=True)

    def note(self, who: str, reason: str = "") -> None:
        """A call begins. It takes microseconds: the file is open, and need not survive the machine."""
        if self._handle is not None:
            line = json.dumps({"who": who, "reason": reason}).encode()[: _LINE - 1]
            self._handle.seek(0)
            self._handle.write(line.ljust(_LINE - 1) + b"\n")
            self._handle.seek(_LINE)

    @contextmanager
    def watched(self, seconds: float) -> Iterator[None]:
        """The process ends, with a traceback in the record, if the block takes longer and lets no thread run."""
        if self._handle is None:
            yield
            return
        faulthandler.dump_traceback_later(seconds, exit=True, file=self._handle)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()

    def give_up(self) -> None:
        """The call that is noted hangs: where it does is written behind its name."""
        if self._handle is not None:
            faulthandler.dump_traceback(self._handle)

    def _read(self) -> Hung:
        """What hung in earlier runs; the last one's record joins the list."""
        hung: Hung = {}
        with suppress(*_NO_RECORD):
            listed = json.loads(read(self._folder / LIST))
            hung = {str(who): str(reason) for who, reason in listed.items()}
        with suppress(*_NO_RECORD):
            data = read(self._folder / CALL)
            if len(data) > _LINE and (last := json.loads(data[:_LINE]))["who"]:
                hung[str(last["who"])] = str(last["reason"])
                write(self._folder / LIST, lambda file: file.write(json.dumps(hung, indent=1).encode()))
        with suppress(OSError):
            os.unlink(self._folder / CALL)
        return hung
