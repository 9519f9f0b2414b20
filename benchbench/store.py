"""Digest to file: content-addressed and atomic. Nothing is computed twice; a killed run leaves no half file."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd

from .table import FloatArray


def digest(*parts: Any) -> str:
    """A name for what these parts (plain data) determine."""
    text = json.dumps(parts, sort_keys=True, default=str, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


@dataclass(frozen=True)
class Store:
    """A run's folder: ``cells/`` (JSON), ``maps/`` (.npy of (n, h, w)), ``photos/`` (JPEG) and the tables."""

    folder: Path

    def find_cell(self, name: str) -> dict[str, Any] | None:
        """The cell; None where it is absent or unreadable, as after a power failure: it is then computed again."""
        try:
            cell = json.loads(self._cell(name).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        return cell if isinstance(cell, dict) else None

    def read_info(self) -> dict[str, Any] | None:
        """run.json of the results that the folder holds; None where there are none, or it cannot be read."""
        try:
            info = json.loads((self.folder / "run.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        return info if isinstance(info, dict) and {"created", "datasets"} <= set(info) else None

    def read_cell(self, name: str) -> dict[str, Any]:
        cell: dict[str, Any] = json.loads(self._cell(name).read_text(encoding="utf-8"))
        return cell

    def holds_maps(self, name: str) -> bool:
        """Whether the cell is there, with all its maps."""
        cell = self.find_cell(name)
        return cell is not None and all(self.has_maps(e["file"]) for e in cell["samples"].values() if e["file"])

    def has_maps(self, file: str) -> bool:
        path = self.folder / "maps" / file
        return path.is_file() and path.stat().st_size > 0

    def write_cell(self, name: str, cell: dict[str, Any]) -> None:
        text = json.dumps(cell, allow_nan=False)
        write(self._cell(name), lambda file: file.write(text.encode()))

    def read_maps(self, file: str) -> FloatArray:
        maps: FloatArray = np.load(self.folder / "maps" / file, allow_pickle=False)
        return maps

    def write_maps(self, name: str, maps: FloatArray) -> None:
        write(self.folder / "maps" / name, lambda file: np.save(file, maps, allow_pickle=False))

    def write_photo(self, name: str, save: Callable[[BinaryIO], Any]) -> None:
        write(self.folder / "photos" / name, save)

    def has_photo(self, name: str) -> bool:
        return (self.folder / "photos" / name).is_file()

    def write_table(self, name: str, rows: pd.DataFrame) -> None:
        write(self.folder / name, lambda file: rows.to_parquet(file, index=False))

    def write_json(self, name: str, data: dict[str, Any]) -> None:
        text = json.dumps(data, indent=1, default=str, allow_nan=False)
        write(self.folder / name, lambda file: file.write(text.encode()))

    def _cell(self, name: str) -> Path:
        return self.folder / "cells" / f"{name}.json"


def write(path: Path, save: Callable[[BinaryIO], Any]) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    try:
        with os.fdopen(handle, "wb") as file:
            save(file)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
