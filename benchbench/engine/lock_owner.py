"""Who writes into a run's folder: user, host, process and time, in a file beside the results."""

from __future__ import annotations

import getpass
import json
import os
import platform
import tempfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from ..errors import safe
from ..files import ASIDE, publish, read

FILE = ".owner.json"
_MOST = 2**31  # of the ids of processes
_END = 1e12  # seconds since 1970, beyond which no process began
_CLOCK = 2.0  # seconds by which two readings of when a process began may differ


@dataclass(frozen=True)
class LockOwner:
    """A process that writes into a folder.

    Attributes:
        user, host, process: who, where, and the process id there.
        began: when the process began, in seconds since 1970: process ids are used again.
        since: when it took the folder, in ISO 8601.
    """

    user: str
    host: str
    process: int
    began: float
    since: str

    @classmethod
    def me(cls) -> LockOwner:
        """This process, now."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(_user(), platform.node(), os.getpid(), psutil.Process().create_time(), now)

    @property
    def here(self) -> bool:
        """Whether the process is, or was, on this machine."""
        return self.host == platform.node()

    @property
    def dead(self) -> bool:
        """Whether the process is known to have ended: only of this machine's processes."""
        if not self.here:
            return False
        try:
            return abs(psutil.Process(self.process).create_time() - self.began) > _CLOCK
        except psutil.NoSuchProcess:
            return True
        except psutil.Error:  # it is there, and somebody else's
            return False

    def __str__(self) -> str:
        """``process 123 of ann on host x, since 12:03 (2 h 5 min ago)``."""
        since = datetime.fromisoformat(self.since)
        minutes = max(0, int((datetime.now(UTC) - since).total_seconds() // 60))
        age = f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
        local = since.astimezone()
        day = "" if local.date() == datetime.now().astimezone().date() else f"{local:%Y-%m-%d} "
        who = safe(f"{self.user} on host {self.host}")
        return f"process {self.process} of {who}, since {day}{local:%H:%M} ({age} ago)"


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        return f"user {os.getuid()}" if hasattr(os, "getuid") else "an unknown user"


def owner_of(folder: Path) -> LockOwner | None:
    """Who has the folder, or had it when it died; None where nobody is known."""
    try:
        owner = LockOwner(**json.loads(read(folder / FILE)))
        since = datetime.fromisoformat(owner.since)
        since.astimezone()
    except (OSError, ValueError, TypeError, OverflowError, RecursionError):
        return None
    texts = isinstance(owner.user, str) and isinstance(owner.host, str)
    numbers = type(owner.process) is int and 0 < owner.process < _MOST
    numbers = numbers and type(owner.began) in (int, float) and abs(owner.began) < _END
    return owner if texts and numbers and since.tzinfo else None


def sign(folder: Path) -> None:
    """Write that this process has the folder."""
    publish(folder / FILE, json.dumps(asdict(LockOwner.me())))


def sign_first(folder: Path) -> bool:
    """Write that this process has the folder, unless the file of an owner is there; whether it was written."""
    handle, name = tempfile.mkstemp(dir=folder, prefix=ASIDE)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(json.dumps(asdict(LockOwner.me())))
        os.link(name, folder / FILE)  # on shared file systems too, one of several succeeds
    except FileExistsError:
        return False
    finally:
        os.unlink(name)
    return True


def unsign(folder: Path) -> None:
    """Remove this process's name, if it is there still."""
    owner = owner_of(folder)
    if owner is not None and owner.here and owner.process == os.getpid():
        (folder / FILE).unlink(missing_ok=True)


def evict(folder: Path, owner: LockOwner) -> None:
    """Remove the file of an owner, and no other owner's that was faster."""
    aside = folder / f"{ASIDE}owner-{os.getpid()}"
    try:
        os.rename(folder / FILE, aside)
    except FileNotFoundError:
        return
    try:
        if LockOwner(**json.loads(read(aside))) != owner:
            os.link(aside, folder / FILE)
    except (FileExistsError, ValueError, TypeError):
        pass
    finally:
        aside.unlink(missing_ok=True)
