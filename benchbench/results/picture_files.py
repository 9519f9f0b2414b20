"""Where the maps and photographs of a run are in its folder, and how they get into another one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from .pack import SUFFIX
from .pack_folder import owner
from .record import Record
from .store import Store, mask_of


def picture_packs(record: Record) -> list[str]:
    """The file names of the packs that a run's tables of maps and photographs name.

    Raises:
        BenchError: a pack is damaged, or has not what a table names.
    """
    packs: dict[str, None] = {}
    for file in _files(record.maps, record.photos):
        record.check(file)
        packs[file.partition("/")[0]] = None
    return list(packs)


def apart(maps: pd.DataFrame, taken: pd.DataFrame) -> pd.DataFrame:
    """The maps with names for their files that no file of others has, for both to be in one folder.

    The maps of a shard have the same name in two runs, and may be of other images where some failed.

    Args:
        maps, taken: rows of maps/index.parquet, of two runs.
    """
    known = {_cell(file) for file in _files(taken)}
    names = {file: _free(file, known) for file in _files(maps)}
    return maps.assign(file=maps["file"].map(names).astype(maps["file"].dtype))


def _free(file: str, known: set[tuple[str, str]]) -> str:
    """The name, with as many letters in it as make its cell a new one: ``PACK.zip/CELLb-0.npy``."""
    while _cell(file) in known:
        cell, _, number = file.rpartition("-")
        file = f"{cell}b-{number}"
    return file


def _cell(file: str) -> tuple[str, str]:
    """The pack, and whose the part is: a pack that is written into loses what else it has of the same owner."""
    pack, _, part = file.partition("/")
    return pack, owner(part)


def copy_pictures(record: Record, names: Mapping[str, str], out: Path) -> None:
    """Put maps and photographs of a run, with their masks, into another folder.

    Args:
        names: by ``PACK.zip/PART`` of the run, that of the other folder.

    Raises:
        BenchError: a part is not what its run wrote.
        OSError: it cannot be written.
    """
    store = Store(out)
    by_pack: dict[str, list[tuple[str, str]]] = {}
    for file, name in names.items():
        pack, _, part = name.partition("/")
        by_pack.setdefault(pack, []).append((file, part))
    for pack, files in by_pack.items():
        with store.pack(pack.removesuffix(SUFFIX)) as draft:
            for file, part in files:
                if part.endswith(".npy"):
                    draft.write_maps(part, np.array(record.stack(file)))
                    continue
                draft.write_photo(part, record.photo(file))
                if (mask := record.mask(file)) is not None:
                    draft.write_photo(mask_of(part), mask)


def _files(*tables: pd.DataFrame) -> list[str]:
    """What the tables name, each once."""
    return [file for table in tables for file in dict.fromkeys(table["file"].dropna()) if file]
