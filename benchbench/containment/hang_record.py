"""A file that outlives a run which ended in a call that nothing could interrupt: whose call that was.

The first line names the call that runs now; it is written over at each call. Behind it stands what Python printed when
the call was given up, by the run itself, or by the C library's watchdog of ``faulthandler`` where the call did not let
any other thread run. The next run moves the name to a list, and goes on without that code.

A worker has such a file too, for the shard that it works on; the command reads it if the worker ends.
"""

from __future__ import annotations

import faulthandler
import io
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from ..files import read, write

CALL, LIST = "call-in-progress.txt", "given-up.json"
_LINE = 1000  # bytes of the first line
_NO_RECORD = (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError)  # of a file that is none
Hung: TypeAlias = dict[str, str]  # by who, why it is called no more


@dataclass(frozen=True)
class LastCall:
    """The call in which a process ended.

    Attributes:
        who: whose call; "" between two calls.
        reason: why the code is called no more if the call was given up.
        given_up: whether it was.
        mark: of the code as it was then, see ``HangRecord``.
    """

    who: str
    reason: str
    given_up: bool
    mark: str = ""


def last_call(folder: Path) -> LastCall | None:
    """What the record in a folder names; None where there is none."""
    try:
        data = read(folder / CALL)
        line = json.loads(data[:_LINE])
        given_up = len(data) > _LINE and bool(line["who"])
        return LastCall(str(line["who"]), str(line["reason"]), given_up, str(line.get("mark", "")))
    except _NO_RECORD:
        return None


class HangRecord:
    """The record of one run's folder.

    Args:
        folder: of the run, which nobody else writes into.
        forget: whether code that hung before is called again.
        marks: by who, what changes with the code and its time limit: code that hung with another mark is called again.
            None: marks are not compared.

    Attributes:
        hung: the code that is called no more.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from benchbench.containment.hang_record import HangRecord
        >>> folder = Path(tempfile.mkdtemp())
        >>> with HangRecord(folder).kept() as record:
        ...     with record.call("method slow"):
        ...         pass
        >>> HangRecord(folder).hung
        {}
    """

    def __init__(self, folder: Path, *, forget: bool = False, marks: Mapping[str, str] | None = None) -> None:
        self._folder, self._marks = folder, marks
        self._noted: dict[str, str] = {}  # by who hung, its mark then
        self._handle: io.RawIOBase | None = None
        self._now = ("", "")
        if forget:
            (folder / LIST).unlink(missing_ok=True)
            (folder / CALL).unlink(missing_ok=True)
        self.hung: Hung = self._read()

    @contextmanager
    def kept(self) -> Iterator[HangRecord]:
        """The record is written in the block, and removed after it, as nothing hung."""
        with (self._folder / CALL).open("x+b", buffering=0) as file:
            self._handle = file
            self.note("")
            file.seek(_LINE)
            try:
                yield self
            finally:
                self._handle = None
                (self._folder / CALL).unlink(missing_ok=True)

    @contextmanager
    def call(self, who: str, reason: str = "", seconds: float | None = None) -> Iterator[None]:
        """The block is the code's.

        Args:
            reason: why it is called no more if the block has to be given up.
            seconds: after which the process ends, with a traceback in the record, if the block lets no thread run.
        """
        before, self._now = self._now, (who, reason)
        self.note(*self._now)
        try:
            with self._watched(seconds):
                yield
        finally:
            self._now = before
            self.note(*before)

    def note(self, who: str, reason: str = "") -> None:
        """A call begins. It takes microseconds: the file is open, and need not survive the machine."""
        if self._handle is not None:
            plain = {"who": who, "reason": reason, "mark": self._mark(who)}
            line = json.dumps(plain).encode()[: _LINE - 1]
            self._handle.seek(0)
            self._handle.write(line.ljust(_LINE - 1) + b"\n")
            self._handle.seek(_LINE)

    @contextmanager
    def _watched(self, seconds: float | None) -> Iterator[None]:
        if self._handle is None or seconds is None:
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

    def add(self, who: str, reason: str) -> None:
        """The code is called no more, by the next run neither."""
        self.hung[who] = reason
        self._noted[who] = self._mark(who)
        plain = {
            who: {"reason": reason, "mark": self._noted.get(who, self._mark(who))} for who, reason in self.hung.items()
        }
        write(self._folder / LIST, lambda file: file.write(json.dumps(plain, indent=1).encode()))

    def _mark(self, who: str) -> str:
        return (self._marks or {}).get(who, "")

    def _is_as_it_was(self, who: str, mark: str) -> bool:
        return self._marks is None or self._mark(who) == mark

    def _read(self) -> Hung:
        """What hung in earlier runs; the last one's record joins the list."""
        self.hung = {}
        with suppress(*_NO_RECORD):
            for who, each in json.loads(read(self._folder / LIST)).items():
                if self._is_as_it_was(who, each["mark"]):
                    self.hung[who], self._noted[who] = str(each["reason"]), str(each["mark"])
        last = last_call(self._folder)
        with suppress(OSError):
            if last is not None and last.given_up and self._is_as_it_was(last.who, last.mark):
                self.add(last.who, last.reason)
            os.unlink(self._folder / CALL)
        return self.hung
