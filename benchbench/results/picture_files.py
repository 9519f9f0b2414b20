"""Where the maps and photographs of a run are in its folder, and how they get into another one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ..files import read, write
from .record import Record
from .run_folder import plainly
from .store import mask_of


def picture_files(record: Record) -> Iterator[str]:
    """The files, by their paths in the folder, that a run's tables of maps and photographs name; each is checked.

    Raises:
        BenchError: a file is not what the run wrote.
    """
    known: dict[str, None] = {}
    for file in dict.fromkeys(record.maps["file"].dropna()):
        record.stack(file)
        known[f"maps/{file}"] = None
    for file in dict.fromkeys(name for name in record.photos["file"].dropna() if name):
        record.photo(file)
        known[f"photos/{file}"] = None
        if record.mask(file) is not None:
            known[f"photos/{mask_of(file)}"] = None
    yield from known


def copy_pictures(records: Sequence[Record], out: Path) -> None:
    """Put the maps and photographs of several runs into one folder; of those with equal names, the first run's.

    Raises:
        BenchError: a file is not what its run wrote.
        OSError: it cannot be written.
    """
    copied: set[str] = set()
    for record in records:
        for name in picture_files(record):
            if name not in copied:
                copied.add(name)
                with plainly(record.folder):
                    data = read(record.folder / name)
                write(out / name, lambda file, data=data: file.write(data))  # type: ignore[misc]
