"""A working copy: the folder on this machine that holds what a store has of a run, and what is still to be sent there.

All that reads and writes runs works on this folder. Of each file the copy remembers the object that it was when the two
were last the same. So the store's word counts where both differ, and what this machine computed and could not send is
kept.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ..errors import BenchError
from ..files import Damaged, publish, read
from ..results.lock_owner import COPY
from ..results.run_folder import INFO, UNFINISHED
from ..results.store import CELLS
from .object_folder import ObjectFolder, StoredObject, is_name

_THREADS = 8  # that wait for the store


class FileMark(NamedTuple):
    """What a file is known by: it changes when the file is written."""

    size: int
    time: int
    number: int


@dataclass(eq=False)
class WorkingCopy:
    """The copy of a run.

    Args:
        store: what it is a copy of.
        folder: the run's folder on this machine.
    """

    store: ObjectFolder
    folder: Path
    _same: dict[str, tuple[str, FileMark]] = field(default_factory=dict)  # by name, when both were the same

    def __post_init__(self) -> None:
        with suppress(OSError, Damaged, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            objects = json.loads(read(self.folder / COPY))["objects"]
            self._same = {str(name): (str(stamp), FileMark(*mark)) for name, (stamp, mark) in objects.items()}

    def fetch(self, wanted: Callable[[str], bool] = is_name) -> int:
        """Make the folder what the store has; how many objects the store has.

        A file stays that was written here after both were the same, if its object is as it was. Files whose objects
        were removed are removed.

        Args:
            wanted: whether an object is fetched, by its name.

        Raises:
            BenchError: there is something else than a run.
            StoreFailure: the store does not answer.
            OSError: the folder cannot be written.
        """
        there = self.store.listing()
        self._refuse_foreign(there)
        for name in [name for name in self._same if name not in there]:
            (self.folder / name).unlink(missing_ok=True)
            del self._same[name]
        lacking = {name: each for name, each in there.items() if wanted(name) and not self._has(name, each)}
        try:
            _all(lambda item: self._fetch(*item), lacking.items())
        finally:
            if there:
                self._remember()
        return len(there)

    def files(self) -> dict[str, FileMark]:
        """The run's files here, by name; what is hidden or not whole is none."""
        return {name: mark for name, mark in _files_in(self.folder, "") if is_name(name)}

    def unsent(self) -> list[str]:
        """The names of the files that the store does not have as they are here."""
        return [name for name, mark in self.files().items() if self._mark(name) != mark]

    def send(self, names: Collection[str] | None = None, hold: Collection[str] = ()) -> None:
        """Send what the store does not have, so that whoever reads there meanwhile reads a run at any time.

        The plan of a run that is not finished goes first, run.json last, and the plan is removed after that.

        Args:
            names: of the files; None for all, and to remove from the store what the run has removed.
            hold: names that wait for the next time.

        Raises:
            StoreFailure: the store does not take it; what was sent before is there.
        """
        here = self.files()
        marks = {name: mark for name, mark in here.items() if self._mark(name) != mark and name not in hold}
        if names is not None:
            marks = {name: mark for name, mark in marks.items() if name in names}
        gone = [] if names is not None else self._gone(here)
        try:
            for group in _in_order(marks):
                _all(lambda name: self._send(name, marks[name]), group)
            for name in gone:
                self.store.remove(name)
                del self._same[name]
        finally:
            if marks or gone:
                self._remember()

    def _refuse_foreign(self, there: Collection[str]) -> None:
        """Raises BenchError where the store has something else than a run: it may be large."""
        if there and not {name.partition("/")[0] for name in there} & {INFO, UNFINISHED, CELLS}:
            some = ", ".join(sorted(there)[:3])
            message = f"there is {some}{' and more' if len(there) > 3 else ''}, and no run"
            raise BenchError(message, where=self.store.url.shown, hint="Give the URL of a run, or of a new one")

    def _gone(self, here: Mapping[str, FileMark]) -> list[str]:
        """What a run has removed: of its own files, not its results; nothing if the folder is no run's any more."""
        if not here.keys() & {INFO, UNFINISHED}:
            return []
        return [name for name in self._same if "/" not in name and name not in here]

    def _has(self, name: str, there: StoredObject) -> bool:
        same = self._same.get(name)
        return same is not None and same[0] == there.stamp and (self.folder / name).is_file()

    def _mark(self, name: str) -> FileMark | None:
        same = self._same.get(name)
        return None if same is None else same[1]

    def _fetch(self, name: str, there: StoredObject) -> None:
        self.store.get(name, self.folder / name, there.size)
        self._same[name] = (there.stamp, _mark_of((self.folder / name).stat()))

    def _send(self, name: str, mark: FileMark) -> None:
        try:
            there = self.store.put(name, self.folder / name)
        except FileNotFoundError:  # the run has removed it meanwhile
            return
        self._same[name] = (there.stamp, mark)

    def _remember(self) -> None:
        if self.folder.is_dir():
            publish(self.folder / COPY, json.dumps({"objects": dict(sorted(self._same.items()))}))


def top_only(name: str) -> bool:
    """Whether an object is in the run's folder itself: what tells how a run is getting on."""
    return "/" not in name


def _in_order(names: Iterable[str]) -> list[list[str]]:
    """The plan; cells; tables and the rest; run.json."""
    places = {UNFINISHED: 0, INFO: 3}
    groups: list[list[str]] = [[], [], [], []]
    for name in names:
        groups[places.get(name, 1 if name.startswith(f"{CELLS}/") else 2)].append(name)
    return groups


def _all(work: Callable[..., None], items: Iterable[object]) -> None:
    """The work of every item, of several at a time; the first error is raised when all have ended."""
    with ThreadPoolExecutor(_THREADS) as pool:
        works = [pool.submit(work, item) for item in items]
    for each in works:
        each.result()


def _files_in(folder: Path, before: str) -> Iterator[tuple[str, FileMark]]:
    try:
        entries = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _files_in(folder / entry.name, f"{before}{entry.name}/")
        elif entry.is_file(follow_symlinks=False):
            with suppress(FileNotFoundError):
                yield f"{before}{entry.name}", _mark_of(entry.stat(follow_symlinks=False))


def _mark_of(status: os.stat_result) -> FileMark:
    return FileMark(status.st_size, status.st_mtime_ns, status.st_ino)
