"""Files that are whole or not there, and that are read back only as they were written."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from .errors import BenchError

ASIDE = ".writing-"  # in front of the names of files that are not whole yet
_FLAGS = os.O_RDONLY | sum(getattr(os, flag, 0) for flag in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"))
_NO_FOLDER_FLUSH = (errno.EINVAL, errno.ENOTSUP, errno.EACCES)  # network file systems; a folder that may not be read


class Damaged(ValueError):  # noqa: N818 - what a file is
    """A file is not what was written under its name."""


def write(path: Path, save: Callable[[BinaryIO], Any]) -> None:
    """Write a file whole or not at all, also if the machine loses its power; ``save`` may read what it wrote.

    Its content is flushed to the disk before it gets its name, and the folder that holds the name afterwards.

    Raises:
        OSError: it cannot be written.
    """
    make_folder(path.parent)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=ASIDE)
    try:
        with os.fdopen(handle, "w+b") as file:
            save(file)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
        _flush_folder(path.parent)
    except BaseException:
        with suppress(OSError):  # of a folder that was removed, or a disk that went read-only, the first error counts
            os.unlink(name)
        raise


def make_folder(folder: Path) -> None:
    """Make a folder and those around it, and flush the folders that hold the new names."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for each in reversed(missing):
        each.mkdir(exist_ok=True)
        _flush_folder(each.parent)


def _flush_folder(folder: Path) -> None:
    """Flush the names of a folder to the disk, where the system can: Windows does not open folders.

    Raises:
        OSError: the disk fails.
    """
    if os.name != "posix":
        return
    try:
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        if error.errno not in _NO_FOLDER_FLUSH:
            raise


def publish(path: Path, content: str | bytes, hint: str = "Give another --out", *, parents: bool = False) -> Path:
    """Write a file for people, whole or not at all; a link is followed, a device is written to. Returns the path.

    Args:
        parents: make its folder where it is not there.
        content: text is written in UTF-8, what is no Unicode in it as its escape.

    Raises:
        BenchError: it cannot be written there.
    """
    data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    try:
        place = path.resolve()
        if place.exists() and not place.is_file() and not place.is_dir():
            place.write_bytes(data)
        elif not parents and not place.parent.exists():
            raise BenchError("cannot write it: no such folder", where=str(path), hint=hint)
        else:
            write(place, lambda file: file.write(data))
    except OSError as error:
        raise BenchError(f"cannot write it: {error.strerror}", where=str(path), hint=hint) from None
    return path


def read(path: Path) -> bytes:
    """The content of a file, which is opened as ``opened`` says.

    Raises:
        Damaged: it is a folder, a link, a pipe or a device.
        OSError: it is not there, or cannot be read.
    """
    with opened(path) as file:
        return file.read()


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """A file, open for reading. A pipe is not waited for, and a link, which may lead anywhere, is not followed.

    Raises:
        Damaged: it is a folder, a link, a pipe or a device.
        OSError: it is not there, or cannot be read.
    """
    try:
        handle = os.open(path, _FLAGS)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise Damaged(f"{path.name} is a link") from None
        raise
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise Damaged(f"{path.name} is not a file")
    except BaseException:
        os.close(handle)
        raise
    with os.fdopen(handle, "rb") as file:
        yield file


def remove(path: Path) -> None:
    """Remove a file or a link.

    Raises:
        BenchError: it is a folder.
    """
    refuse_folder(path)
    path.unlink()


def refuse_folder(path: Path) -> None:
    """Raises BenchError if a folder is in the place of a file of a run."""
    if path.is_dir() and not path.is_symlink():
        raise BenchError("it is a folder", where=str(path), hint="Remove it: a file of the run is written to this path")
