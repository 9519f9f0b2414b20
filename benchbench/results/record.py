"""A run's tables, read back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from ..files import Damaged
from ..paths import expanded
from ..untrusted_picture import read_picture
from ..vocabulary import INPUT
from .array_file import maps_of
from .pack import SUFFIX, mapped
from .pack_folder import PackFolder
from .run_folder import checked_info, plainly, read_typed, refuse_unfinished
from .schema import CURVES, MAPS, MISSING, PHOTOS, POOLED, RESULTS, SEEDS, FloatArray, typed
from .store import CELLS, mask_of

_PACK = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,90}}{re.escape(SUFFIX)}")
SMALL = 1 << 18  # bytes of a file of maps that is kept in memory
SMALL_FILES = 256  # that are kept


def with_network_rows(record: Record) -> Record:
    """The record with what explains a network as a whole standing at each of its layers, to be compared there.

    Where a model and dataset have no other layer, the input image stays one. Where images are not independent,
    results and curves say so in a column ``unit`` (``with_units``). What an unfinished run has not computed is left
    out (``computed``).
    """
    tables = (computed(record.results), record.curves, record.maps)
    results, curves, maps = (with_network_table(rows) for rows in tables)
    results, curves = (with_units(rows, record.info) for rows in (results, curves))
    return Record(record.folder, record.info, results, curves, maps, record.photos)


def computed(results: pd.DataFrame) -> pd.DataFrame:
    """The rows that a run has computed, failed ones too; those that an unfinished run has not are left out.

    So a method is judged by the images that are there, and loses none of the others.
    """
    missing = results["status"] == MISSING
    return results[~missing].reset_index(drop=True) if missing.any() else results


def with_network_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of one table of a record, as ``with_network_rows`` has them."""
    whole = rows["layer"] == INPUT
    if not whole.any() or whole.all():
        return rows
    places = rows.loc[~whole, ["model", "dataset", "layer"]].drop_duplicates()
    copies = rows[whole].drop(columns="layer").merge(places, on=["model", "dataset"], how="left")
    alone = copies["layer"].isna()
    copies["layer"] = copies["layer"].astype("string").mask(alone, INPUT)
    joined = pd.concat([rows[~whole], copies[list(rows.columns)]], ignore_index=True)
    return joined.astype(rows.dtypes.to_dict())


def with_units(rows: pd.DataFrame, info: Mapping[str, Any]) -> pd.DataFrame:
    """The rows with a column ``unit``, the independent unit of each image; as they are where each image is one.

    Args:
        rows: of a table with ``dataset`` and ``sample``.
        info: run.json.
    """
    if all(map(_is_independent, info.get("datasets", ()))):
        return rows
    known = {data["name"]: units_of(data) for data in info.get("datasets", ())}
    if all(sample == unit for units in known.values() for sample, unit in units.items()):
        return rows
    unit = rows["sample"].copy()
    for name, units in known.items():
        here = rows["dataset"] == name
        unit[here] = rows.loc[here, "sample"].map(units).astype("string").fillna(rows.loc[here, "sample"])
    return rows.assign(unit=unit)


def _is_independent(dataset: Mapping[str, Any]) -> bool:
    """Whether each sample of a dataset of run.json is plainly a unit of its own: ``units_of`` takes longer."""
    marks = dataset.get("samples", {})
    return len(set(marks.values())) == len(marks) and not dataset.get("copies") and not dataset.get("groups")


def units_of(dataset: Mapping[str, Any]) -> dict[str, str]:
    """By sample of a dataset of run.json, the first sample of its unit.

    Samples are one unit where their content is equal (their fingerprints, or the pictures that the network sees), and
    where they are of one group.
    """
    parents: dict[str, str] = {}

    def root(sample: str) -> str:
        while parents[sample] != sample:
            sample = parents[sample]
        return sample

    marks: dict[tuple[str, str], str] = {}
    copies, groups = dataset.get("copies", {}), dataset.get("groups", {})
    for sample, mark in dataset.get("samples", {}).items():
        parents[sample] = sample
        named = [("mark", mark), ("picture", copies.get(sample, sample)), ("group", groups.get(sample))]
        for key in ((kind, name) for kind, name in named if name is not None):
            other = root(marks.setdefault(key, sample))
            parents[max(root(sample), other)] = min(root(sample), other)
    return {sample: root(sample) for sample in parents}


@dataclass(frozen=True, eq=False)
class Record:
    """A run's folder, read back: all that a report needs, without a network or a GPU.

    Attributes:
        folder: where it was read from.
        info: run.json.
        results, curves: the tables, by the columns of schema.py.
        maps: one row per saliency map: model, dataset, sample, target, layer, method, file (``PACK.zip/PART``, a .npy
            in cells/), row, cells, distinct, ties.
        photos: one row per explained image: model, dataset, sample, target, target_name, label, label_name,
            probability, file (a JPEG of what the network saw), object_share (the share of that picture
            that the mask covers, or the boxes without a mask; else missing).
    """

    folder: Path
    info: dict[str, Any]
    results: pd.DataFrame
    curves: pd.DataFrame
    maps: pd.DataFrame
    photos: pd.DataFrame

    @classmethod
    def load(cls, folder: str | Path) -> Record:
        """Read a run's folder.

        Raises:
            BenchError: it is not the folder of a finished run, or a file of it is not what the run wrote.
        """
        folder = expanded(folder)
        refuse_unfinished(folder)
        info = checked_info(folder)
        return cls(
            folder,
            info,
            read_typed(folder, info, "results.parquet", RESULTS),
            read_typed(folder, info, "curves.parquet", CURVES),
            read_typed(folder, info, "maps/index.parquet", MAPS),
            read_typed(folder, info, "photos/index.parquet", PHOTOS),
        )

    @property
    def pooled(self) -> pd.DataFrame:
        """pooled.parquet, by the columns of schema.py.

        Raises:
            BenchError: it cannot be read.
        """
        return read_typed(self.folder, self.info, "pooled.parquet", POOLED)

    @property
    def seeds(self) -> pd.DataFrame:
        """seeds.parquet, by the columns of schema.py; no rows where the run's last study made none.

        Raises:
            BenchError: it cannot be read.
        """
        if not self.info["study"].get("suite") or "seeds.parquet" not in self.info.get("files", {}):
            return typed(pd.DataFrame(), SEEDS)
        return read_typed(self.folder, self.info, "seeds.parquet", SEEDS)

    def map(self, file: str, row: int) -> FloatArray:
        """One saliency map (h, w), at layer resolution and not normalised.

        Raises:
            BenchError: the file is not what the run wrote.
        """
        maps = self.stack(file)
        with plainly(self.folder):
            if not 0 <= row < len(maps):
                raise Damaged(f"{file} has no map {row}")
        return np.array(maps[row])  # a view would keep the file open

    def stack(self, file: str) -> FloatArray:
        """A file's maps (n, h, w). Large ones are read from disk as they are looked at; the file is open meanwhile.

        Raises:
            BenchError: the file is not what the run wrote.
        """
        with plainly(self.folder):
            pack, part = self._place(file)
            index = self._packs.index(pack)
            key = (file, index.stamp)
            if key in self._small:
                return self._small[key]
            if key in self._sound:
                return mapped(index, part)
            content = index.read(part)
            if len(content) > SMALL:
                self._sound.add(key)
                return mapped(index, part)
            while len(self._small) >= SMALL_FILES:
                self._small.pop(next(iter(self._small)))
            maps = maps_of(content, file)
            maps.flags.writeable = False
            return self._small.setdefault(key, maps)

    def check(self, file: str) -> None:
        """Look whether a map's or a photograph's file is in its pack; it is not read.

        Raises:
            BenchError: the pack is not what the run wrote, or has no such file.
        """
        with plainly(self.folder):
            pack, part = self._place(file)
            if part not in self._packs.index(pack).parts:
                raise Damaged(f"{pack} has no {part}")

    def photo(self, file: str) -> bytes:
        """The JPEG of one image as the network saw it.

        Raises:
            BenchError: the file is not what the run wrote.
        """
        with plainly(self.folder):
            return self._packs.read(*self._place(file))

    def picture(self, file: str) -> Image.Image:
        """One image as the network saw it, RGB.

        Raises:
            BenchError: the file is not what the run wrote.
        """
        return read_picture(self.photo(file), lambda image: image.convert("RGB"), formats=["JPEG"], name=file)

    def mask(self, photo: str) -> bytes | None:
        """The mask of one image in the frame of its photograph, a PNG; None where the run kept none.

        Raises:
            BenchError: the file is not what the run wrote.
        """
        with plainly(self.folder):
            pack, part = self._place(mask_of(photo))
            return self._packs.read(pack, part) if part in self._packs.index(pack).parts else None

    def _place(self, file: str) -> tuple[str, str]:
        """The pack and the part that a table names."""
        pack, _, part = str(file).partition("/")  # of a foreign table the name may be missing
        if not _PACK.fullmatch(pack) or not part or "/" in part or self._packs.folder.is_symlink():
            raise Damaged(f"{file} is not in the run's folder")
        return pack, part

    @cached_property
    def _packs(self) -> PackFolder:
        return PackFolder(self.folder / CELLS)

    @cached_property
    def _sound(self) -> set[tuple[str, tuple[int, ...]]]:
        """The large files of maps that were read whole, with the stamp of their pack."""
        return set()

    @cached_property
    def _small(self) -> dict[tuple[str, tuple[int, ...]], FloatArray]:
        """Small files of maps: readers ask for one map after the other, and the maps of a shard are in one file."""
        return {}
