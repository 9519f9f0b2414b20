"""How a run is getting on, read from its folder: by its log, without a network, and without disturbing the run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias

from ..errors import BenchError
from ..formatting import duration, plural
from ..paths import expanded
from .lock_owner import LockOwner, is_written, owner_of
from .run_folder import INFO, UNFINISHED, read_info
from .run_log import last_events

RunState: TypeAlias = Literal["running", "finished", "interrupted", "failed", "dead"]
_WHAT_TO_DO: Mapping[RunState, str] = {
    "interrupted": "the same command continues",
    "failed": "the same command tries again; finished work is kept",
    "dead": "its process has ended without a word: the same command continues",
}


@dataclass(frozen=True)
class RunStatus:
    """How a run is getting on.

    Attributes:
        folder: the run's.
        state: ``running``; ``finished``; ``interrupted`` by the user; ``failed``, with the reason; or ``dead``: the run
            is unfinished and its process is gone.
        number: of the run in this folder, from 1; 0 where the folder has no log.
        started, ended: times in UTC, or "".
        process, machine: who writes or wrote it, where that is known.
        shards_done, shards: of the study, those that were there before included.
        rows_done, rows: of the table of results, one for each metric, map and image; without parts and costs.
        failed_rows: how many rows failed so far in this run; of a finished run, in its table.
        warnings: how many.
        seconds_left: by the run's own estimate; None where it is not known, or the run does not run.
        last: the last line of work.
        seconds_since_last: since anything was written to the log.
        reason: why it failed.
    """

    folder: str
    state: RunState
    number: int
    started: str
    ended: str
    process: int | None
    machine: str
    shards_done: int
    shards: int
    rows_done: int
    rows: int
    failed_rows: int
    warnings: int
    seconds_left: float | None
    last: str
    seconds_since_last: float | None
    reason: str

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)

    def lines(self) -> list[str]:
        """In words."""
        return [line for line in (self._state(), self._work(), self._times(), self._trouble(), self._last()) if line]

    def _state(self) -> str:
        place = f" (process {self.process} on {self.machine})" if self.process and self.state != "finished" else ""
        advice = _WHAT_TO_DO.get(self.state, "")
        reason = f": {self.reason}" if self.reason else ""
        return f"{self.folder}: {self.state}{place}{reason}{'; ' if advice else ''}{advice}"

    def _work(self) -> str:
        parts = [
            f"{self.shards_done:,} of {plural(self.shards, 'shard')}" if self.shards else "",
            f"{self.rows_done:,} of {plural(self.rows, 'row')}" if self.rows else "",
        ]
        return ", ".join(filter(None, parts))

    def _times(self) -> str:
        if not self.started:
            return ""
        end = _time_of(self.ended) or datetime.now(UTC)
        start = _time_of(self.started)
        taken = f", {'took' if self.ended else 'for'} {duration((end - start).total_seconds())}" if start else ""
        left = "" if self.seconds_left is None else f"; about {duration(self.seconds_left)} left"
        return f"started {self.started}{taken}{left}"

    def _trouble(self) -> str:
        return f"{plural(self.failed_rows, 'failed row')}, {plural(self.warnings, 'warning')}"

    def _last(self) -> str:
        since = f" ({duration(self.seconds_since_last)} ago)" if self.seconds_since_last is not None else ""
        return f"last: {self.last}{since}" if self.last and self.state != "finished" else ""


def run_status(folder: str | Path) -> RunStatus:
    """How the run of a folder is getting on.

    Raises:
        BenchError: the folder holds no run.
    """
    place = expanded(folder)
    events, begun = last_events(place), os.path.lexists(place / UNFINISHED)
    if not events and not begun and not (place / INFO).is_file():
        if is_written(place):
            return _of_events(place, [], owner_of(place), "running")
        hint = "Give the folder that benchbench run writes"
        raise BenchError(f"{place} is not the folder of a run", where="status", hint=hint)
    if not events and not begun:
        return _of_info(place)
    state = _state(place, events)
    status = _of_events(place, events, owner_of(place), state)
    return status if state != "finished" else _with_table(status, place)


def _state(folder: Path, events: Sequence[Mapping[str, Any]]) -> RunState:
    if is_written(folder):
        return "running"  # also again, and before its work is planned, or while a suite is asked
    last = events[-1] if events else {}
    outcome = last.get("outcome") if last.get("event") == "end" else ""
    known: tuple[RunState, ...] = ("finished", "interrupted", "failed")
    return next((state for state in known if state == outcome), "dead")


def _of_events(
    folder: Path, events: Sequence[Mapping[str, Any]], owner: LockOwner | None, state: RunState
) -> RunStatus:
    start, plan, end = (_first(events, name) for name in ("start", "plan", "end"))
    shards = [event for event in events if event.get("event") == "shard"]
    parts = [event for event in events if event.get("event") in ("shard", "derived shard")]
    last = events[-1] if events else {}
    with_work: Mapping[str, Any] = next((event for event in reversed(events) if isinstance(event.get("work"), str)), {})
    timed: Mapping[str, Any] = next(
        (e for e in reversed(events) if isinstance(e.get("seconds_left"), (int, float))), {}
    )
    since = _seconds_since(last)
    process = owner.process if owner is not None else start.get("process")
    return RunStatus(
        str(folder),
        state,
        _count(last, "run"),
        str(start.get("time", owner.since if owner is not None else "")),
        str(end.get("time", "")),
        process if type(process) is int else None,
        owner.host if owner is not None else str(start.get("machine", "")),
        _count(plan, "shards_there") + len(shards),
        _count(plan, "shards"),
        _count(plan, "rows_there") + sum(_count(part, "rows") for part in parts),
        _count(plan, "rows"),
        sum(_count(part, "failed_rows") for part in parts),
        sum(event.get("event") == "warning" for event in events),
        _left(timed) if state == "running" else None,
        str(with_work.get("work", "")),
        since,
        str(end.get("reason", "")),
    )


def _of_info(folder: Path) -> RunStatus:
    """Of a finished run that has no log: an older version made it."""
    info = _info(folder)
    when = str(info.get("created", ""))
    counts = _counts(info)
    rows = sum(counts.values())
    warnings = info.get("warnings", ())
    failed, many = counts.get("failed", 0), len(warnings) if isinstance(warnings, list) else 0
    return RunStatus(
        str(folder), "finished", 0, when, when, None, "", 0, 0, rows, rows, failed, many, None, "", None, ""
    )


def _with_table(status: RunStatus, folder: Path) -> RunStatus:
    """Of a finished run, with the failed rows that its table has, those of earlier runs included."""
    counts = _counts(_info(folder))
    whole = replace(status, shards_done=status.shards)
    return replace(whole, failed_rows=counts.get("failed", 0)) if counts else whole


def _info(folder: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError, RecursionError):
        return read_info(folder)
    return {}


def _counts(info: Mapping[str, Any]) -> dict[str, int]:
    counts = info.get("counts")
    return {key: each for key, each in counts.items() if type(each) is int} if isinstance(counts, dict) else {}


def _left(event: Mapping[str, Any]) -> float | None:
    since = _seconds_since(event)
    return None if since is None or "seconds_left" not in event else max(float(event["seconds_left"]) - since, 0.0)


def _seconds_since(event: Mapping[str, Any]) -> float | None:
    when = _time_of(event.get("time"))
    return None if when is None else max((datetime.now(UTC) - when).total_seconds(), 0.0)


def _time_of(text: Any) -> datetime | None:
    try:
        when = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _first(events: Sequence[Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    return next((event for event in events if event.get("event") == name), {})


def _count(event: Mapping[str, Any], key: str) -> int:
    value = event.get(key)
    return value if type(value) is int else 0
