"""A folder of temporary files that lasts no longer than its process, however that ends."""

from __future__ import annotations

import os
import stat
import tempfile
import weakref
from pathlib import Path
from shutil import rmtree

from filelock import FileLock, Timeout

PREFIX = "benchbench-workers-"
_LOCK, _HELD, _FILES = "lock", "held", "files"


class ScratchFolder:
    """A folder among the machine's temporary files, for the process that makes it and for what that starts.

    The process holds a lock in it, which the system releases when the process ends. ``close`` removes the folder, and
    so does the end of the process. A process that is killed removes nothing: whoever makes the next such folder on the
    machine, as the same user, removes those whose lock is free.

    Attributes:
        path: where files are written.

    Example:
        >>> from benchbench.engine.workers.scratch_folder import ScratchFolder
        >>> folder = ScratchFolder()
        >>> (folder.path / "some.txt").write_text("kept")
        4
        >>> folder.close()
        >>> folder.path.exists()
        False
    """

    def __init__(self) -> None:
        remove_abandoned()
        outer = Path(tempfile.mkdtemp(prefix=PREFIX))
        lock = FileLock(outer / _LOCK, timeout=0, thread_local=False)  # any thread may close the folder
        lock.acquire()
        self.path = outer / _FILES
        self.path.mkdir()
        (outer / _HELD).touch()  # from now on a free lock means that the process has ended
        self._end = weakref.finalize(self, _end, lock, outer)

    def close(self) -> None:
        """Remove the folder; nothing the second time."""
        self._end()


def _end(lock: FileLock, outer: Path) -> None:
    lock.release()
    _remove(outer)


def remove_abandoned() -> None:
    """Remove this user's folders whose processes have ended."""
    for outer in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if _is_ours(outer) and _is_free(outer / _LOCK):
            _remove(outer)


def _is_ours(outer: Path) -> bool:
    """Whether it is this user's, and no link; not while it is being made."""
    try:
        about = outer.lstat()
        return stat.S_ISDIR(about.st_mode) and _is_mine(about) and (outer / _HELD).exists()
    except OSError:  # another process has removed it meanwhile
        return False


def _is_mine(about: os.stat_result) -> bool:
    return not hasattr(os, "getuid") or about.st_uid == os.getuid()


def _is_free(path: Path) -> bool:
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except (Timeout, OSError):  # it is held; or another process has removed the folder meanwhile
        return False
    lock.release()
    return True


def _remove(outer: Path) -> None:
    """What somebody still writes into stays for the next time: a worker may outlive a killed command by a second."""
    files = outer / _FILES
    rmtree(files, ignore_errors=True)
    if not files.exists():
        rmtree(outer, ignore_errors=True)
