"""Who writes into a run's folder: user, host, process and time, in a file beside the results."""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import platform
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from ..errors import safe
from ..files import ASIDE, read, write

FILE = ".owner.json"
STOP = ".stop"  # a file that asks the run which writes into the folder to stop after its shard
COPY = ".copy.json"  # in a folder that is the working copy of a store: its owner is the store's
LOCK = ".lock"  # the file that is locked where the file system has locks
_PROC = Path("/proc")
_MOST = 2**31  # of the ids of processes
_PATIENCE = 60.0  # seconds that somebody may take to remove a file
_CLOCK = 2.0  # seconds by which two readings of when a process began may differ, where the clock tells it


@dataclass(frozen=True)
class LockOwner:
    """A process that writes into a folder.

    Attributes:
        user, host, process: who, where, and the process id there.
        began: when the process began, see ``birth``: process ids are used again.
        since: when it took the folder, in ISO 8601.
    """

    user: str
    host: str
    process: int
    began: str
    since: str

    @classmethod
    def me(cls) -> LockOwner:
        """This process, now."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(safe(_user()), safe(platform.node()), os.getpid(), birth(os.getpid()), now)

    @classmethod
    def read(cls, plain: Any) -> LockOwner | None:
        """Of a file's content, which anybody may have written; None where it is no owner's."""
        names = {field.name for field in fields(cls)}
        if not isinstance(plain, dict) or plain.keys() != names or type(plain["process"]) is not int:
            return None
        if not 0 < plain["process"] < _MOST or not all(isinstance(plain[name], str) for name in names - {"process"}):
            return None
        try:
            known = datetime.fromisoformat(plain["since"]).astimezone(UTC)
            known.astimezone()  # as it is shown
        except (ValueError, OverflowError):
            return None
        texts = {name: safe(plain[name]) for name in ("user", "host", "began")}
        return cls(**texts, process=plain["process"], since=known.isoformat(timespec="seconds"))

    @property
    def here(self) -> bool:
        """Whether the process is, or was, on this machine."""
        return self.host == safe(platform.node())

    @property
    def dead(self) -> bool:
        """Whether the process is known to have ended: only of this machine's processes.

        So has a process that was killed and that its parent has not waited for, as in containers whose first process
        waits for nobody: its number stays until that parent ends.
        """
        if not self.here or not 0 < self.process < _MOST:
            return self.here
        try:
            return not _same_birth(birth(self.process), self.began) or _is_zombie(self.process)
        except psutil.ZombieProcess:
            return True
        except psutil.NoSuchProcess:
            return not psutil.pid_exists(self.process)  # some systems hide other people's
        except psutil.Error:  # it is there, and somebody else's
            return False

    def __str__(self) -> str:
        """``process 123 of ann on host x, since 12:03 (2 h 5 min ago)``."""
        since = datetime.fromisoformat(self.since)
        minutes = max(0, int((datetime.now(UTC) - since).total_seconds() // 60))
        age = f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
        local = since.astimezone()
        day = "" if local.date() == datetime.now().astimezone().date() else f"{local:%Y-%m-%d} "
        return f"process {self.process} of {self.user} on host {self.host}, since {day}{local:%H:%M} ({age} ago)"


def birth(process: int) -> str:
    """When a process began, in words that no other process of the machine has.

    On Linux these are the id of the machine's start and the ticks of its clock since then: nobody sets that clock.
    Elsewhere they are seconds since 1970, which depend on the clock that people set.

    Raises:
        psutil.NoSuchProcess: there is none.
    """
    try:
        stat = (_PROC / str(process) / "stat").read_text(errors="replace")
        start = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{start}:{stat.rpartition(')')[2].split()[19]}"  # proc_pid_stat(5): the 22nd, the name is the second
    except (OSError, IndexError):
        return f"{psutil.Process(process).create_time():.2f}"


def _is_zombie(process: int) -> bool:
    """Whether a process has ended and its parent has not waited for it.

    Raises:
        psutil.NoSuchProcess: there is none.
    """
    return bool(psutil.Process(process).status() == psutil.STATUS_ZOMBIE)


def _same_birth(now: str, then: str) -> bool:
    if ":" in now:
        return now == then
    with suppress(ValueError):
        return abs(float(now) - float(then)) <= _CLOCK
    return False


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        return f"user {os.getuid()}" if hasattr(os, "getuid") else "an unknown user"


def owner_of(folder: Path) -> LockOwner | None:
    """Who has the folder, or had it when it died; None where nobody is known."""
    return _owner_in(folder / FILE)


def _owner_in(path: Path) -> LockOwner | None:
    try:
        return LockOwner.read(json.loads(read(path)))
    except (OSError, ValueError, RecursionError):
        return None


def sign(folder: Path) -> None:
    """Write that this process has the folder. A link in the file's place is replaced.

    Raises:
        OSError: it cannot be written.
    """
    write(folder / FILE, lambda file: file.write(_plain(LockOwner.me())))


def _plain(owner: LockOwner) -> bytes:
    return json.dumps(asdict(owner)).encode()


def sign_first(folder: Path) -> bool:
    """Write that this process has the folder, unless the file of an owner is there; whether it was written."""
    handle, name = tempfile.mkstemp(dir=folder, prefix=ASIDE)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(_plain(LockOwner.me()))
        os.link(name, folder / FILE)  # on shared file systems too, one of several succeeds
    except FileExistsError:
        return False
    except FileNotFoundError:
        if not folder.exists():
            raise
        return False  # the folder's run has cleared away what it takes for a dead run's
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name)
    return True


def unsign(folder: Path) -> None:
    """Remove this process's name, if it is there still and the folder can be written."""
    owner = owner_of(folder)
    if owner is not None and owner.here and owner.process == os.getpid():
        with suppress(OSError):  # a disk that went read-only: the name is of a process that will have ended
            (folder / FILE).unlink()


def evict(folder: Path, owner: LockOwner) -> None:
    """Remove the file of an owner, and no other owner's that was faster.

    Whoever makes a second name of the file, which has the owner's digest in it, may remove it, and nobody else. So the
    file is the owner's from when that name is made until it is removed. Who dies in between keeps it for ``_PATIENCE``.
    """
    mark = hashlib.sha256(_plain(owner)).hexdigest()[:24]
    second = folder / f"{ASIDE}owner-{mark}"
    try:
        os.link(folder / FILE, second, follow_symlinks=False)
    except FileNotFoundError:
        return
    except FileExistsError:
        with suppress(FileNotFoundError):
            if time.time() - second.lstat().st_ctime > _PATIENCE:
                second.unlink()
        return
    try:
        if _owner_in(second) == owner:
            (folder / FILE).unlink(missing_ok=True)
    finally:
        second.unlink(missing_ok=True)


def lock_is_held(folder: Path) -> bool:
    """Whether a process, of any machine, holds the folder's lock; False where that cannot be known.

    Of a working copy the name of an owner is the lock. Of another folder the lock is taken for a moment, shared: a run
    that begins just then tries again, see ``engine.lock``.
    """
    if (folder / COPY).exists() and (folder / FILE).exists():
        return True
    try:
        import fcntl
    except ImportError:  # Windows
        return False
    try:
        handle = os.open(folder / LOCK, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(handle)
    return False


def is_written(folder: Path) -> bool:
    """Whether a process that writes into the folder still runs.

    On this machine the owner's process is looked up. Of other machines the lock says it.
    """
    owner = owner_of(folder)
    return not owner.dead if owner is not None and owner.here else lock_is_held(folder)
