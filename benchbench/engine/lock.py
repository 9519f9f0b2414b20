"""A run's folder is written by one run at a time, and says whether that run has ended."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import BenchError
from ..files import publish
from ..results.run_folder import INFO, UNFINISHED

_LOCK = ".lock"
_OTHER = "Give another --out"


@contextmanager
def locked(folder: Path, warn: Callable[[str], None]) -> Iterator[None]:
    """The folder, for this run alone. It is made where it is not there.

    Args:
        warn: what is told that the file system has no locks.

    Raises:
        BenchError: another run writes into it, it holds something else than a run, or it cannot be written.
    """
    _refuse_foreign(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / _LOCK, timeout=0)
        try:
            lock.acquire()
        except NotImplementedError:
            warn(f"{folder}: its file system has no locks; two runs at once would mix their results")
    except Timeout:
        message = "another run writes into this folder now"
        raise BenchError(message, where=str(folder), hint=f"Wait for it. {_OTHER}") from None
    except OSError as error:
        raise BenchError(f"cannot write there: {error}", where=str(folder), hint=_OTHER) from None
    try:
        yield
    finally:
        lock.release()


def _refuse_foreign(folder: Path) -> None:
    """Raises BenchError where the folder has files and none of them is a run's."""
    if not folder.is_dir():
        return
    if str(folder) == "." and not (folder / INFO).exists():  # also of an empty --out
        raise BenchError("a run needs a folder of its own", where="--out", hint="Give a name, such as runs/mine")
    names = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    if names and not names & {INFO, UNFINISHED, "cells"}:
        some = ", ".join(sorted(names)[:3])
        message = f"the folder holds {some}{' and more' if len(names) > 3 else ''}, and no run"
        raise BenchError(message, where=str(folder), hint=_OTHER)


def mark(folder: Path) -> None:
    """Say that the folder's run has not ended: readers refuse it until ``unmark``."""
    content = {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "process": os.getpid(),
        "machine": platform.node(),
    }
    publish(folder / UNFINISHED, json.dumps(content))


def unmark(folder: Path) -> None:
    (folder / UNFINISHED).unlink(missing_ok=True)
