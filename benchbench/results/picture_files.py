"""Where the maps and photographs of a run are in its folder, and how they get into another one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from .pack import SUFFIX
from .pack_folder import owner
from .record import Record
from .store import CELLS, Store, mask_of


def picture_files(record: Record) -> Iterator[str]:
    """The packs, by their paths in the folder, that a run's tables of maps and photographs name; each part is checked.

    Raises:
        BenchError: a part is not what the run wrote.
    """
    packs: dict[str, None] = {}
    for file in _maps(record):
        record.stack(file)
        packs[file.partition("/")[0]] = None
    for file in _photos(record):
        record.photo(file)
        packs[file.partition("/")[0]] = None
    yield from (f"{CELLS}/{pack}" for pack in packs)


def copy_pictures(records: Sequence[Record], out: Path) -> None:
    """Put the maps and photographs of several runs into one folder; of those with equal names, the first run's.

    Raises:
        BenchError: a part is not what its run wrote.
        OSError: it cannot be written.
    """
    store, copied = Store(out), set[tuple[str, str]]()
    for record in records:
        known = set(copied)
        by_pack: dict[str, list[str]] = {}
        for file in (*_maps(record), *_photos(record)):
            pack, _, part = file.partition("/")
            if (pack, owner(part)) not in known:
                by_pack.setdefault(pack, []).append(file)
                copied.add((pack, owner(part)))
        for pack, files in by_pack.items():
            with store.pack(pack.removesuffix(SUFFIX)) as draft:
                for file in files:
                    part = file.partition("/")[2]
                    if part.endswith(".npy"):
                        draft.write_maps(part, np.array(record.stack(file)))
                    else:
                        draft.write_photo(part, record.photo(file))


def _maps(record: Record) -> list[str]:
    return list(dict.fromkeys(record.maps["file"].dropna()))


def _photos(record: Record) -> list[str]:
    """Photographs, and their masks."""
    photos = [file for file in dict.fromkeys(record.photos["file"].dropna()) if file]
    return [*photos, *(mask_of(file) for file in photos if record.mask(file) is not None)]
