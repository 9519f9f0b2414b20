"""A run's folder, wherever it is: a path as it is, and a URL as its working copy, which is sent back."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import BenchError
from ..files import publish
from ..results.lock_owner import FILE, STOP
from ..results.store import CELLS
from .object_folder import ObjectFolder, StoreFailure, is_name
from .run_url import RunURL, is_url, local_path
from .store_lock import LostLock, StoreLock, owner_in
from .uploads import PAUSE, Uploads
from .working_copy import WorkingCopy

CACHE = "BENCHBENCH_CACHE"  # the environment variable that says where working copies are
_RUN, _FETCH = "run.lock", "fetch.lock"
_MOMENT = 0.3  # seconds: who reads holds a run's lock for less, to see whether it is free


def warned(what: str) -> None:
    """A warning, where nothing else shows it."""
    print(f"WARNING: {what}", file=sys.stderr)


@contextmanager
def run_place(
    place: str | Path, warn: Callable[[str], None] = warned, *, take_over: bool = False, pause: float = PAUSE
) -> Iterator[Path]:
    """The folder on this machine that a run writes into. That of a URL is its working copy.

    The copy has what the store has when the block begins. What is written in the block is sent while it is, and at its
    end. The store is locked meanwhile, as far as stores can be.

    Args:
        place: a path or a URL.
        warn: is told what the store does not do, and of a lock that is removed.
        take_over: take the folder from a run of another machine.
        pause: seconds between two looks for what is to be sent.

    Raises:
        BenchError: another run writes there, or the URL or its driver is wrong.
        StoreFailure: the store does not answer or, at the end, does not take the results.
    """
    if not is_url(place):
        yield local_path(place)
        return
    url = RunURL.of(str(place))
    copy, home = _copy_of(url)
    with _said_of(copy), _alone(home, copy):
        lock = StoreLock(copy.store, warn)
        lock.take(take_over=take_over)
        uploads = Uploads(copy, lock, warn, pause)
        try:
            with FileLock(home / _FETCH):
                copy.fetch()
                (copy.folder / FILE).unlink(missing_ok=True)
                (copy.folder / STOP).unlink(missing_ok=True)
            uploads.begin()
            yield from _sent(uploads, copy, warn)
        finally:
            with suppress(StoreFailure):  # said already, and the next run says whose lock it is
                lock.release()


def _sent(uploads: Uploads, copy: WorkingCopy, warn: Callable[[str], None]) -> Iterator[Path]:
    """The copy's folder, for a block after whose end everything is sent."""
    kept = f"The results are in {copy.folder} and not all in the store. The same command on this machine sends them"
    try:
        yield copy.folder
    except BaseException as error:
        try:
            uploads.end()
        except LostLock as lost:
            raise lost from error
        except (BenchError, OSError) as failure:
            warn(f"{failure}. {kept}")
        raise
    try:
        uploads.end()
    except StoreFailure as failure:
        raise StoreFailure(failure.what, where=failure.where, hint=kept) from None


@contextmanager
def place_to_read(place: str | Path, wanted: Callable[[str], bool] = is_name, *, new: bool = False) -> Iterator[Path]:
    """The folder on this machine that a run is read from. That of a URL is its working copy, as the store is now.

    Files that the block writes, such as report.html, are sent to the store at its end.

    Args:
        place: a path or a URL.
        wanted: of a URL, the objects that are fetched, by name.
        new: a URL where nothing is yet is no error.

    Raises:
        BenchError: the URL or its driver is wrong, or there is no run.
        StoreFailure: the store does not answer, or does not take what the block wrote.
    """
    if not is_url(place):
        yield local_path(place)
        return
    copy = _read_copy(RunURL.of(str(place)), wanted, new)
    with _said_of(copy):
        before = copy.files()
        yield copy.folder
        written = {name for name, mark in copy.files().items() if before.get(name) != mark}
        if written and not _is_at_work(copy):
            copy.send(names={name for name in written if not name.startswith(f"{CELLS}/")})


def local_copy(place: str | Path) -> Path:
    """The folder on this machine that a run is read from, as ``place_to_read`` has it; nothing is sent back.

    Raises:
        BenchError: the URL or its driver is wrong, or there is no run.
    """
    return _read_copy(RunURL.of(str(place)), is_name, new=False).folder if is_url(place) else local_path(place)


def _read_copy(url: RunURL, wanted: Callable[[str], bool], new: bool) -> WorkingCopy:
    copy, home = _copy_of(url)
    with FileLock(home / _FETCH):
        if _is_at_work(copy):  # a run of this machine, whose folder is ahead of the store
            return copy
        count = copy.fetch(wanted)
        if not count and not new:
            raise BenchError("there is no run", where=url.shown, hint="Give the URL that benchbench run wrote to")
        _note_owner(copy)
    return WorkingCopy(copy.store, copy.folder)


def _note_owner(copy: WorkingCopy) -> None:
    """Whoever has the store's folder, beside the copy's files, where ``status`` looks."""
    content = copy.store.text(FILE)
    owner = None if content is None else owner_in(content)
    if owner is None:
        (copy.folder / FILE).unlink(missing_ok=True)
    elif copy.folder.is_dir():
        publish(copy.folder / FILE, json.dumps(asdict(owner)))


def _copy_of(url: RunURL) -> tuple[WorkingCopy, Path]:
    """The copy of a URL, and the folder around it, which has its locks."""
    home = cache_folder() / url.key
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BenchError(f"cannot keep a working copy: {error}", where=str(home), hint=f"Set {CACHE}") from None
    return WorkingCopy(ObjectFolder.at(url), home / url.name), home


def cache_folder() -> Path:
    """Where working copies are: BENCHBENCH_CACHE, or else benchbench/runs in the user's cache folder."""
    folder = os.environ.get(CACHE)
    if folder:
        return local_path(folder)
    return local_path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "benchbench" / "runs"


@contextmanager
def _alone(home: Path, copy: WorkingCopy) -> Iterator[None]:
    """The copy, for one run of this machine."""
    lock = FileLock(home / _RUN, timeout=_MOMENT)
    try:
        lock.acquire()
    except Timeout:
        hint = "Wait for it, or give another --out"
        message = "another run of this machine writes into this folder"
        raise BenchError(message, where=copy.store.url.shown, hint=hint) from None
    try:
        yield
    finally:
        lock.release()


def _is_at_work(copy: WorkingCopy) -> bool:
    """Whether a run of this machine writes into the copy."""
    lock = FileLock(copy.folder.parent / _RUN, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        return True
    lock.release()
    return False


@contextmanager
def _said_of(copy: WorkingCopy) -> Iterator[None]:
    """Errors that name the copy's folder name the URL; ``_sent`` alone says where the copy is."""
    try:
        yield
    except StoreFailure:
        raise
    except BenchError as error:
        folder, shown = str(copy.folder), copy.store.url.shown
        error.what, error.where = (text.replace(folder, shown) for text in (error.what, error.where))
        raise
