"""A run's folder is written by one run at a time. The lock goes when its process does, however that ends."""

from __future__ import annotations

import errno
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import BenchError
from ..files import make_folder
from ..results.lock_owner import FILE, LOCK, evict, owner_of, sign, sign_first, unsign
from ..results.run_folder import INFO, UNFINISHED

_MOMENT = 1.0  # seconds: ``benchbench status`` holds the lock for less
_TURN = 0.01  # seconds
_OTHER = "Give another --out"
_NO_LOCKS = {getattr(errno, name) for name in ("ENOSYS", "ENOTSUP", "EOPNOTSUPP", "ENOLCK", "EINVAL")}


@contextmanager
def locked(folder: Path, warn: Callable[[str], None], *, take_over: bool = False) -> Iterator[None]:
    """The folder, for this run alone. It is made where it is not there.

    Where the file system has locks, the system releases them when a process ends. Elsewhere the owner's name stands in
    a file: a run whose process is dead on this machine loses the folder, and a run of another machine keeps it.

    Args:
        warn: what is told of a dead run's folder that is taken.
        take_over: also take the folder from a run of another machine, where the file system has no locks.

    Raises:
        BenchError: another run writes into it, it holds something else than a run, or it cannot be written.
    """
    _refuse_foreign(folder)
    try:
        make_folder(folder)
        lock = _locked_by_system(folder) if _has_locks(folder) else None
        if lock is None:
            _lock_by_name(folder, warn, take_over)
    except OSError as error:
        raise BenchError(f"cannot write there: {error}", where=str(folder), hint=_OTHER) from None
    try:
        yield
    finally:
        try:
            unsign(folder)
        finally:
            if lock is not None:
                lock.release()


def _has_locks(folder: Path) -> bool:
    """Whether the file system has locks that the system releases when a process ends."""
    if os.name != "posix":
        return True
    import fcntl  # no such module elsewhere

    with tempfile.TemporaryFile(dir=folder) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return False
            raise
    return True


def _locked_by_system(folder: Path) -> FileLock:
    lock = FileLock(folder / LOCK, timeout=0)
    owner = owner_of(folder)
    at_work = owner is not None and owner.here and not owner.dead
    try:
        lock.acquire(timeout=0 if at_work else _MOMENT)
    except Timeout:
        raise _taken(folder, "Wait for it, or give another --out") from None
    try:
        sign(folder)
    except BaseException:
        lock.release()
        raise
    return lock


def _lock_by_name(folder: Path, warn: Callable[[str], None], take_over: bool) -> None:
    while not sign_first(folder):
        owner = owner_of(folder)
        if owner is None and os.path.lexists(folder / FILE):
            hint = "Remove it if no run writes into the folder"
            raise BenchError(f"{FILE} is not what a run wrote", where=str(folder), hint=hint)
        if owner is None:
            continue  # it has ended meanwhile
        if owner.dead:
            warn(f"{folder}: the lock of a dead run is removed ({owner})")
        elif take_over and not owner.here:
            warn(f"{folder}: taken from {owner}")
        elif owner.here:
            raise _taken(folder, "Wait for it, or give another --out")
        else:
            raise _taken(folder, "Wait for it, or give another --out. If that process is dead: --take-over")
        evict(folder, owner)
        time.sleep(_TURN)  # somebody else may be about to remove it


def _taken(folder: Path, hint: str) -> BenchError:
    owner = owner_of(folder)
    who = f": {owner}" if owner is not None and not owner.dead else ""
    return BenchError(f"another run writes into this folder{who}", where=str(folder), hint=hint)


def _refuse_foreign(folder: Path) -> None:
    """Raises BenchError where the folder has files and none of them is a run's."""
    if not folder.is_dir():
        return
    if str(folder) == "." and not (folder / INFO).exists():  # also of an empty --out
        raise BenchError("a run needs a folder of its own", where="--out", hint="Give a name, such as runs/mine")
    try:
        names = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    except OSError as error:
        raise BenchError(f"cannot read it: {error.strerror}", where=str(folder), hint=_OTHER) from None
    if names and not names & {INFO, UNFINISHED, "cells"}:
        some = ", ".join(sorted(names)[:3])
        message = f"the folder holds {some}{' and more' if len(names) > 3 else ''}, and no run"
        raise BenchError(message, where=str(folder), hint=_OTHER)
