"""Digest to file: content-addressed, whole or not there, and read only as written. Nothing is computed twice."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd

from ..errors import BenchError
from ..files import ASIDE, Damaged, read, sealed, unsealed, write
from .retries import Outcome, Retries, outcome
from .run_folder import INFO, info_digest, read_info
from .schema import FloatArray

FOLDERS = ("cells", "maps", "photos", "tables")
_OURS = re.compile(r"[0-9a-f]{24}(-\d+)?\.(json|npy|jpg|png)")  # the names of cells, maps, photos and masks


def mask_of(photo: str) -> str:
    """The file, beside a photograph's, with its mask: a black and white PNG of the same size."""
    return f"{photo.removesuffix('.jpg')}.png"


@dataclass(frozen=True)
class Store:
    """A run's folder: ``cells/`` (JSON), ``maps/`` (.npy of (n, h, w)), ``photos/`` (JPEG; PNG for masks) and tables.

    Every file has a digest of its name and content: a cell in front of it, a map or photo behind it, and run.json has
    those of the tables and its own.
    """

    folder: Path
    retries: Retries = field(default_factory=Retries)
    outcomes: dict[str, Outcome] = field(default_factory=dict)  # of the cells that are there, as far as they are known

    def wants(self, name: str) -> bool:
        """Whether the cell is to be computed: it or a map of it is absent, or it failed and is to be tried again."""
        cell = self.outcome(name)
        return cell is None or not cell.complete or self.retries.due(name, cell)

    def due(self, name: str) -> bool:
        """Whether the cell is there, failed, and is to be tried again."""
        cell = self.outcome(name)
        return cell is not None and self.retries.due(name, cell)

    def outcome(self, name: str) -> Outcome | None:
        """What is known of a cell, which is parsed once; None where it is absent or not what was written."""
        known = self.outcomes.get(name)
        if known is None and (self.folder / "cells" / f"{name}.json").is_file():
            try:
                cell = self.read_cell(name)
            except (OSError, Damaged):
                return None  # it is computed again
            known = self.outcomes[name] = outcome(cell, self._has_files(cell))
        return known

    def read_cell(self, name: str) -> dict[str, Any]:
        """The cell.

        Raises:
            Damaged: it is not what was written.
            OSError: it is absent.
        """
        return _cell_of(name, read(self.folder / "cells" / f"{name}.json"))

    def read_info(self) -> dict[str, Any] | None:
        """run.json of the results that the folder holds; None where there are none, or it is not what was written."""
        try:
            return read_info(self.folder)
        except (OSError, ValueError, RecursionError):
            return None

    def holds_maps(self, name: str) -> bool:
        """Whether the cell is there, with all its maps."""
        cell = self.outcome(name)
        return cell is not None and cell.complete

    def _has_files(self, cell: Mapping[str, Any]) -> bool:
        files = {entry.get("file") for entry in cell.get("samples", {}).values()} - {None, ""}
        return all((self.folder / "maps" / file).is_file() for file in files)

    def write_cell(self, name: str, cell: dict[str, Any]) -> None:
        whole = self.retries.counted(name, cell, self.outcome)
        text = json.dumps(whole, allow_nan=False).encode()
        self._write(f"cells/{name}.json", _head(name, text) + text + b"}")
        self.outcomes[name] = outcome(whole, True)

    def read_maps(self, file: str) -> FloatArray:
        """The maps of a file (n, h, w).

        Raises:
            Damaged: it is not what was written.
            OSError: it is absent.
        """
        maps: FloatArray = np.load(io.BytesIO(unsealed(self.folder / "maps" / file)), allow_pickle=False)
        return maps

    def write_maps(self, name: str, maps: FloatArray) -> None:
        self._write_sealed("maps", name, lambda file: np.save(file, maps, allow_pickle=False))

    def write_photo(self, name: str, save: Callable[[BinaryIO], Any]) -> None:
        self._write_sealed("photos", name, save)

    def has_photo(self, name: str, masked: bool = False) -> bool:
        """Whether a photograph is here, and its mask where it is ``masked``."""
        names = [name, mask_of(name)] if masked else [name]
        return all((self.folder / "photos" / each).is_file() for each in names)

    def write_results(self, tables: Mapping[str, pd.DataFrame | bytes], info: Mapping[str, Any]) -> None:
        """The tables (or a file's bytes), by file, and then run.json, with their digests and those of ``info``."""
        files = dict(info.get("files", {}))
        for name, rows in tables.items():
            data = rows if isinstance(rows, bytes) else _parquet(rows)
            files[name] = hashlib.sha256(data).hexdigest()
            self._write(name, data)
        whole = json.loads(json.dumps({**info, "files": files}, default=str, allow_nan=False))
        self._write(INFO, json.dumps({**whole, "digest": info_digest(whole)}, indent=1).encode())

    def mend(self) -> list[str]:
        """Remove what is not what was written, and what a killed run left half written.

        Returns:
            The damaged files: what they held is computed again.

        Raises:
            BenchError: a folder stands in the place of a file, or a link in that of a folder.
        """
        damaged = []
        for path in self._stored():
            if path.name.startswith(ASIDE):
                path.unlink()
            elif _OURS.fullmatch(path.name) and not self._is_sound(path):
                _remove(path)
                damaged.append(f"{path.parent.name}/{path.name}")
        return [*damaged, *self._damaged_tables()]

    def _damaged_tables(self) -> list[str]:
        """run.json and the tables that it names; they are written anew at the end of a run."""
        path = self.folder / INFO
        if not os.path.lexists(path):
            return []
        _refuse_folder(path)
        info = self.read_info()
        if info is None:
            return [INFO]
        for name in info["files"]:
            _refuse_folder(self.folder / name)
        return [name for name, seal in info["files"].items() if _digest_of(self.folder / name) != seal]

    def _stored(self) -> Iterator[Path]:
        for name in FOLDERS:
            folder = self.folder / name
            if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
                problem = "is a link or a file; a run needs a folder there"
                raise BenchError(f"{name}/ {problem}", where=str(self.folder), hint="Remove it, or give another --out")
            if folder.is_dir():
                yield from sorted(folder.iterdir())
        yield from sorted(self.folder.glob(f"{ASIDE}*"))

    def _is_sound(self, path: Path) -> bool:
        try:
            if path.parent.name == "cells":
                _cell_of(path.stem, read(path))
            else:
                unsealed(path)
        except (OSError, Damaged):
            return False
        return True

    def _write_sealed(self, folder: str, name: str, save: Callable[[BinaryIO], Any]) -> None:
        out = io.BytesIO()
        save(out)
        self._write(f"{folder}/{name}", sealed(name, out.getvalue()))

    def _write(self, name: str, data: bytes) -> None:
        write(self.folder / name, lambda file: file.write(data))


def _parquet(rows: pd.DataFrame) -> bytes:
    out = io.BytesIO()
    rows.to_parquet(out, index=False)
    return out.getvalue()


def _head(name: str, text: bytes) -> bytes:
    seal = hashlib.sha256(f"{name}\n".encode() + text).hexdigest()
    return f'{{"digest": "{seal}", "cell": '.encode()


_HEAD = len(_head("", b""))


def _cell_of(name: str, data: bytes) -> dict[str, Any]:
    head, text = data[:_HEAD], data[_HEAD:-1]
    if head != _head(name, text) or data[-1:] != b"}":
        raise Damaged(f"cell {name} is not what was written")
    cell: dict[str, Any] = json.loads(text)
    return cell


def _digest_of(path: Path) -> str:
    try:
        return hashlib.sha256(read(path)).hexdigest()
    except (OSError, Damaged):
        return ""


def _remove(path: Path) -> None:
    _refuse_folder(path)
    path.unlink()


def _refuse_folder(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        raise BenchError("it is a folder", where=str(path), hint="Remove it: a file of the run is written to this path")
