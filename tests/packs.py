"""Packs of a run's folder, as tests look into them and damage them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from benchbench.results.pack import Pack, read_pack, write_pack
from benchbench.results.pack_folder import owner


def packs(folder: Path) -> list[Pack]:
    return [read_pack(path) for path in sorted((folder / "cells").glob("*.zip"))]


def parts(folder: Path, ending: str = "") -> dict[str, bytes]:
    """By ``PACK.zip/PART``, the content of the parts whose names end so."""
    return {
        f"{pack.path.name}/{name}": pack.read(name)
        for pack in packs(folder)
        for name in pack.parts
        if name.endswith(ending)
    }


def lose(folder: Path, ending: str) -> None:
    """Write every pack as if it had never had the parts whose names end so, nor what belongs to them."""
    for pack in packs(folder):
        gone = {owner(name) for name in pack.parts if name.endswith(ending)}
        kept = {name: partial(bytes, pack.read(name)) for name in pack.parts if owner(name) not in gone}
        write_pack(pack.path, kept, {name: note for name, note in pack.notes.items() if name in kept})


def flip(folder: Path, ending: str) -> list[str]:
    """Change a byte in the middle of each part whose name ends so; returns ``PACK.zip/PART`` of these."""
    changed = []
    for pack in packs(folder):
        data = bytearray(pack.path.read_bytes())
        for name, part in pack.parts.items():
            if name.endswith(ending):
                data[part.start + part.stored // 2] ^= 4
                changed.append(f"{pack.path.name}/{name}")
        pack.path.write_bytes(data)
    return changed
