"""Digest to cell: content-addressed, whole or not there, and read only as written. Nothing is computed twice."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..errors import BenchError
from ..files import ASIDE, Damaged, read, refuse_folder, remove, write
from .array_file import maps_of
from .cell_file import is_sound, read_cell_file, write_cell_file
from .pack import SUFFIX
from .pack_folder import PackFolder
from .retries import Outcome, Retries, outcome
from .run_folder import FORMAT, INFO, info_digest, read_info
from .schema import FloatArray

CELLS = "cells"
FOLDERS = (CELLS, "maps", "photos", "tables")
_OURS = re.compile(r"[0-9a-f]{24}\.json")  # the names of cells that are files


def mask_of(photo: str) -> str:
    """The name, beside a photograph's, of its mask: a black and white PNG of the same size."""
    return f"{photo.removesuffix('.jpg')}.png"


@dataclass(frozen=True, eq=False)
class Draft:
    """What is to be written into a pack: all of it, when its block ends."""

    store: Store
    parts: dict[str, bytes] = field(default_factory=dict)
    outcomes: dict[str, Outcome] = field(default_factory=dict)  # of the cells among the parts

    def write_cell(self, name: str, cell: dict[str, Any]) -> None:
        whole = self.store.retries.counted(name, cell, self.store.outcome)
        self.parts[_text(name)] = json.dumps(whole, allow_nan=False).encode()
        self.outcomes[name] = outcome(whole)

    def write_maps(self, name: str, maps: FloatArray) -> None:
        """Maps (n, h, w) of a cell, as ``CELL-0.npy``; they stay as long as the cell is not written anew."""
        out = io.BytesIO()
        np.save(out, maps, allow_pickle=False)
        self.parts[name] = out.getvalue()

    def write_photo(self, name: str, content: bytes) -> None:
        """A JPEG, or the PNG that is its mask."""
        self.parts[name] = content

    def notes(self) -> dict[str, Any]:
        """By part, what the pack keeps of its cell beside it."""
        return {_text(cell): note for cell, each in self.outcomes.items() if (note := each.note())}


@dataclass(frozen=True)
class Store:
    """A run's folder: ``cells/`` with a pack for each shard, and tables.

    A pack has the cells (JSON) of a shard, its maps (.npy of (n, h, w)) and its photographs (JPEG; PNG for masks), each
    with its digest. Cells of no shard, such as costs, are files with a digest in front. run.json has the digests of
    the tables and its own.
    """

    folder: Path
    retries: Retries = field(default_factory=Retries)
    outcomes: dict[str, Outcome] = field(default_factory=dict)  # of cells that are files, as far as they are known

    @cached_property
    def packs(self) -> PackFolder:
        return PackFolder(self.folder / CELLS)

    def wants(self, name: str) -> bool:
        """Whether the cell is to be computed: it is absent, or it failed and is to be tried again."""
        cell = self.outcome(name)
        return cell is None or self.retries.due(name, cell)

    def due(self, name: str) -> bool:
        """Whether the cell is there, failed, and is to be tried again."""
        cell = self.outcome(name)
        return cell is not None and self.retries.due(name, cell)

    def holds_maps(self, name: str) -> bool:
        """Whether the cell is there, with all its maps."""
        return self.outcome(name) is not None

    def outcome(self, name: str) -> Outcome | None:
        """What is known of a cell, without reading it where it is in a pack; None if it is absent or damaged."""
        if _text(name) in self.packs.places:
            try:
                return Outcome.noted(self.packs.note(_text(name)))
            except Damaged:
                return None  # it is computed again
        known = self.outcomes.get(name)
        if known is None and name in self._files:
            try:
                known = self.outcomes[name] = outcome(self.read_cell(name))
            except (OSError, Damaged):
                return None  # it is computed again
        return known

    def read_cell(self, name: str) -> dict[str, Any]:
        """The cell.

        Raises:
            Damaged: it is not what was written.
            OSError: it is absent.
        """
        pack = self.packs.places.get(_text(name))
        if pack is None:
            return read_cell_file(self._file(name))
        cell: dict[str, Any] = json.loads(self.packs.read(pack, _text(name)))
        return cell

    def write_cell(self, name: str, cell: dict[str, Any]) -> None:
        """A cell of no shard, in a file."""
        whole = self.retries.counted(name, cell, self.outcome)
        write_cell_file(self._file(name), whole)
        self._files.add(name)
        self.outcomes[name] = outcome(whole)

    @contextmanager
    def pack(self, name: str) -> Iterator[Draft]:
        """What is written into the draft goes into the pack of this name when the block ends; nothing if it raises.

        Raises:
            Damaged: a part of the pack that is to stay is not what was written.
            OSError: it cannot be written.
        """
        draft = Draft(self)
        yield draft
        if draft.parts:
            self.packs.publish(f"{name}{SUFFIX}", draft.parts, draft.notes())

    def drop(self, cells: Iterable[str]) -> None:
        """Remove cells from their packs, with their maps; pack by pack, in the order of the cells.

        Raises:
            Damaged: a part of a pack that is to stay is not what was written.
            OSError: a pack cannot be written.
        """
        owners: dict[str, set[str]] = {}
        for cell in cells:
            if (pack := self.packs.places.get(_text(cell))) is not None:
                owners.setdefault(pack, set()).add(cell)
        for pack, names in owners.items():
            self.packs.discard(pack, names)

    def forget(self, cells: Iterable[str]) -> None:
        """Treat cells as absent, and leave their packs as they are."""
        for cell in cells:
            self.packs.places.pop(_text(cell), None)

    def packs_with(self, cells: Iterable[str]) -> dict[str, bytes]:
        """The packs that have any of these cells, for another process: by file name, as they are."""
        names = {pack for cell in cells if (pack := self.packs.places.get(_text(cell))) is not None}
        return {name: read(self.folder / CELLS / name) for name in sorted(names)}

    def receive(self, name: str, parts: Mapping[str, bytes], notes: Mapping[str, Any]) -> None:
        """Write what another process computed for a pack. Photographs that are in another pack stay there.

        Raises:
            Damaged: a part of the pack that is to stay is not what was written.
            OSError: it cannot be written.
        """
        cells = {part.removesuffix(".json") for part in parts if part.endswith(".json")}
        pictures = {part for part in parts if part.endswith((".jpg", ".png")) and part in self.packs.places}
        self.retries.written.update(cells)
        if parts:
            kept = {part: content for part, content in parts.items() if part not in pictures}
            self.packs.publish(f"{name}{SUFFIX}", kept, notes)

    def read_maps(self, name: str) -> FloatArray:
        """Maps (n, h, w) by their name in a cell.

        Raises:
            Damaged: they are not what was written, or absent.
            OSError: their pack cannot be read.
        """
        pack, _, part = self.place(name).partition("/")
        return maps_of(self.packs.read(pack, part), name)

    def has_photo(self, name: str, masked: bool = False) -> bool:
        """Whether a photograph is here, and its mask where it is ``masked``."""
        names = [name, mask_of(name)] if masked else [name]
        return all(each in self.packs.places for each in names)

    def has_photos(self, name: str) -> bool:
        """Whether the photographs and masks that a cell of predictions names are here; the cell is not read."""
        cell = self.outcome(name)
        photos = None if cell is None else cell.photos
        return photos is not None and all(self.has_photo(photo, masked) for photo, masked in photos.items())

    def place(self, part: str) -> str:
        """Where maps or a photograph are, as tables name it: ``PACK.zip/PART``.

        Raises:
            Damaged: they are absent.
        """
        pack = self.packs.places.get(part)
        if pack is None:
            raise Damaged(f"{part} is in no pack")
        return f"{pack}/{part}"

    def read_info(self) -> dict[str, Any] | None:
        """run.json of the results that the folder holds; None where there are none, or it is not what was written.

        Raises:
            BenchError: it is of another format.
        """
        try:
            return read_info(self.folder)
        except (OSError, ValueError, RecursionError):
            return None

    def write_results(self, tables: Mapping[str, pd.DataFrame | bytes], info: Mapping[str, Any]) -> None:
        """The tables (or a file's bytes), by file, and then run.json, with their digests and those of ``info``."""
        files = dict(info.get("files", {}))
        for name, rows in tables.items():
            data = rows if isinstance(rows, bytes) else _parquet(rows)
            files[name] = hashlib.sha256(data).hexdigest()
            self._write(name, data)
        whole = json.loads(json.dumps({**info, "format": FORMAT, "files": files}, default=str, allow_nan=False))
        self._write(INFO, json.dumps({**whole, "digest": info_digest(whole)}, indent=1).encode())

    def mend(self) -> list[str]:
        """Remove what is not what was written, and what a killed run left half written.

        Returns:
            The damaged files, and parts of packs: what they held is computed again.

        Raises:
            BenchError: a folder is in the place of a file, or a link in that of a folder; or the folder's run is of
                another format.
            OSError: a file cannot be read.
        """
        damaged = self._damaged_tables()
        for path in list(self._stored()):
            if path.name.startswith(ASIDE):
                path.unlink()
            elif path.parent.name == CELLS and _OURS.fullmatch(path.name) and not is_sound(path):
                remove(path)
                self._files.discard(path.stem)
                damaged.append(f"{CELLS}/{path.name}")
        return [*(f"{CELLS}/{name}" for name in self.packs.mend()), *damaged]

    def _damaged_tables(self) -> list[str]:
        """run.json and the tables that it names; they are written anew at the end of a run."""
        path = self.folder / INFO
        if not os.path.lexists(path):
            return []
        refuse_folder(path)
        info = self.read_info()
        if info is None:
            return [INFO]
        for name in info["files"]:
            refuse_folder(self.folder / name)
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

    @cached_property
    def _files(self) -> set[str]:
        """The cells that are files."""
        return {path.stem for path in (self.folder / CELLS).glob("*.json")}

    def _file(self, name: str) -> Path:
        return self.folder / CELLS / f"{name}.json"

    def _write(self, name: str, data: bytes) -> None:
        write(self.folder / name, lambda file: file.write(data))


def _text(cell: str) -> str:
    """The name of a cell's part in a pack."""
    return f"{cell}.json"


def _parquet(rows: pd.DataFrame) -> bytes:
    out = io.BytesIO()
    rows.to_parquet(out, index=False)
    return out.getvalue()


def _digest_of(path: Path) -> str:
    try:
        return hashlib.sha256(read(path)).hexdigest()
    except (OSError, Damaged):
        return ""
