"""A run's tables, read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..files import Damaged, unsealed
from ..paths import expanded
from ..vocabulary import INPUT
from .run_folder import checked_info, plainly, read_table, refuse_unfinished
from .schema import CURVES, MAPS, MISSING, PHOTOS, POOLED, RESULTS, SEEDS, FloatArray, typed
from .store import mask_of


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
    known = {(d["name"], sample): unit for d in info.get("datasets", ()) for sample, unit in units_of(d).items()}
    if all(sample == unit for (_, sample), unit in known.items()):
        return rows
    keys = zip(rows["dataset"], rows["sample"], strict=True)
    units = [None if pd.isna(sample) else known.get((dataset, sample), sample) for dataset, sample in keys]
    return rows.assign(unit=pd.Series(units, index=rows.index, dtype="string"))


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
        maps: one row per saliency map: model, dataset, sample, target, layer, method, file, row, cells, distinct, ties.
        photos: one row per explained image: model, dataset, sample, target, target_name, label, label_name,
            probability, file (a JPEG of what the network saw, in photos/), object_share (the share of that picture
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
            typed(read_table(folder, info, "results.parquet"), RESULTS),
            typed(read_table(folder, info, "curves.parquet"), CURVES),
            typed(read_table(folder, info, "maps/index.parquet"), MAPS),
            typed(read_table(folder, info, "photos/index.parquet"), PHOTOS),
        )

    @property
    def pooled(self) -> pd.DataFrame:
        """pooled.parquet, by the columns of schema.py.

        Raises:
            BenchError: it cannot be read.
        """
        return typed(read_table(self.folder, self.info, "pooled.parquet"), POOLED)

    @property
    def seeds(self) -> pd.DataFrame:
        """seeds.parquet, by the columns of schema.py; no rows where the run's last study made none.

        Raises:
            BenchError: it cannot be read.
        """
        if not self.info["study"].get("suite") or "seeds.parquet" not in self.info.get("files", {}):
            return typed(pd.DataFrame(), SEEDS)
        return typed(read_table(self.folder, self.info, "seeds.parquet"), SEEDS)

    def map(self, file: str, row: int) -> FloatArray:
        """One saliency map (h, w), at layer resolution and not normalised.

        Raises:
            BenchError: the file is not what the run wrote.
        """
        return np.array(self.stack(file)[row])  # a view would keep the file open

    def stack(self, file: str) -> FloatArray:
        """A file's maps (n, h, w), which are read from disk as they are looked at; the file is open meanwhile.

        Raises:
            BenchError: the file is not what the run wrote.
        """
        path = self.folder / "maps" / file
        if file not in self._sound:
            with plainly(self.folder):
                unsealed(self._inside(path))
            self._sound.add(file)
        maps: FloatArray = np.load(path, mmap_mode="r", allow_pickle=False)
        return maps

    def photo(self, file: str) -> bytes:
        """The JPEG of one image as the network saw it.

        Raises:
            BenchError: the file is not what the run wrote.
        """
        with plainly(self.folder):
            return unsealed(self._inside(self.folder / "photos" / file))

    def mask(self, photo: str) -> bytes | None:
        """The mask of one image in the frame of its photograph, a PNG; None where the run kept none.

        Raises:
            BenchError: the file is not what the run wrote.
        """
        file = mask_of(photo)
        return self.photo(file) if (self.folder / "photos" / file).is_file() else None

    def _inside(self, path: Path) -> Path:
        if path.parent.parent != self.folder or path.parent.is_symlink():
            raise Damaged(f"{path} is not in the run's folder")
        return path

    @cached_property
    def _sound(self) -> set[str]:
        """The map files that were read whole."""
        return set()
