"""log.jsonl: what happened in a run's folder, one JSON object a line, appended while it happens."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import unicode
from ..files import Damaged, read

LOG = "log.jsonl"
OLDER = "log-older.jsonl"  # takes the log's place where it has grown too large
MOST_BYTES = 20_000_000
LONGEST = 500  # letters of a text
MOST_OF_A_KIND = 1_000  # lines of one event that a run may repeat without end, such as warnings
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)


@dataclass(eq=False)
class RunLog:
    """The log of one run.

    Every line has ``time`` (UTC), ``run`` (the number of the run in this folder, from 1) and ``event``. A line is
    written whole, at once. Where the log cannot be written, the run goes on, and ``warn`` is told once.

    Attributes:
        folder: the run's.
        warn: is told that the log cannot be written.
        number: of the run.
    """

    folder: Path
    warn: Callable[[str], None]
    number: int = 0
    _held: list[bytes] = field(default_factory=list)  # lines before ``open``
    _opened: bool = False
    _broken: bool = False
    _counts: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        events = _events(self.folder / LOG) or _events(self.folder / OLDER)
        self.number = self.number or 1 + max((event["run"] for event in events[-1:]), default=0)

    def write(self, event: str, **values: Any) -> None:
        """A line with the event and its values, which are made plain: texts are cut, what is no number becomes null."""
        count = self._counts[event] = self._counts.get(event, 0) + 1
        if event == "warning" and count > MOST_OF_A_KIND:
            return
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        entry = {"time": time, "run": self.number, "event": event, **{key: plain(each) for key, each in values.items()}}
        line = (json.dumps(entry, allow_nan=False) + "\n").encode()
        if self._opened:
            self._append(line)
        else:
            self._held.append(line)

    def open(self) -> None:
        """From here on, lines go to the file, and first those that were written before.

        A folder that is no run's yet has no file of ours before that, so that a request which is refused leaves none.
        """
        if self._opened:
            return
        self._opened = True
        path = self.folder / LOG
        with suppress(OSError):
            if path.stat().st_size > MOST_BYTES:
                os.replace(path, self.folder / OLDER)
        with suppress(OSError, Damaged):
            if read(path)[-1:] not in (b"", b"\n"):  # a killed run left half a line
                self._append(b"\n")
        for line in self._held:
            self._append(line)
        self._held.clear()

    def _append(self, line: bytes) -> None:
        if self._broken:
            return
        try:
            handle = os.open(self.folder / LOG, _FLAGS, 0o644)
            try:
                os.write(handle, line)
            finally:
                os.close(handle)
        except OSError as error:
            self._broken = True
            self.warn(f"{self.folder / LOG} cannot be written: {error}. The run goes on without it")


def plain(value: Any) -> Any:
    """The value as JSON has it: a text is cut after ``LONGEST`` letters, and what is neither is said as text.

    Example:
        >>> from benchbench.results.run_log import plain
        >>> plain({"a": float("nan"), "b": ("x", 2)})
        {'a': None, 'b': ['x', 2]}
    """
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {unicode(str(key)): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    text = unicode(str(value))
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def last_events(folder: Path) -> list[dict[str, Any]]:
    """The events of the last run that the folder's log knows, oldest first; none where there is no log.

    Lines that are torn or no event are left out.
    """
    return _events(folder / LOG)


def _events(path: Path) -> list[dict[str, Any]]:
    """The events of the file's last run, read from its end."""
    try:
        lines = read(path).splitlines()
    except (OSError, Damaged):
        return []
    events: list[dict[str, Any]] = []
    for line in reversed(lines):
        event = _event(line)
        if event is None:
            continue
        if events and event["run"] != events[0]["run"]:
            break
        events.append(event)
    return events[::-1]


def _event(line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    sound = isinstance(event, dict) and isinstance(event.get("event"), str) and type(event.get("run")) is int
    return event if sound else None
