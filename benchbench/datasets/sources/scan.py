"""Which files of a folder are photographs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import BenchError

EXTENSIONS = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm"})


@dataclass(frozen=True)
class Scan:
    """What is in a folder: photographs by id (posix path relative to it), sorted; its sub-folders; other files."""

    photos: Mapping[str, Path]
    folders: Sequence[str]
    others: int


def scan(root: Path, apart: Iterable[Path] = ()) -> Scan:
    """Everything below ``root``, through links too; hidden names, and the paths ``apart``, are left out.

    Raises:
        BenchError: a name is not text.
    """
    skipped = {path.resolve() for path in apart}
    files = [path for path in _walk(root, skipped, frozenset()) if path.resolve() not in skipped]
    photos = {_id(path, root): path for path in files if path.suffix.lower() in EXTENSIONS}
    folders = [p.name for p in root.iterdir() if p.is_dir() and not _hidden(p) and p.resolve() not in skipped]
    return Scan({id: photos[id] for id in sorted(photos)}, sorted(folders), len(files) - len(photos))


def _walk(folder: Path, skipped: set[Path], above: frozenset[Path]) -> Iterator[Path]:
    """All files that are not hidden; a link that leads to a folder above itself is not followed again."""
    here = folder.resolve()
    if here in above or here in skipped:
        return
    for path in folder.iterdir():
        if _hidden(path):
            continue
        if path.is_dir():
            yield from _walk(path, skipped, above | {here})
        elif path.is_file():
            yield path


def _hidden(path: Path) -> bool:
    return path.name.startswith(".")


def _id(path: Path, root: Path) -> str:
    name = path.relative_to(root).as_posix()
    try:
        os.fsencode(name).decode()
    except UnicodeDecodeError:
        raise BenchError(f"the name {name!r} is not UTF-8 text", where="root", hint="Rename the file") from None
    return name
