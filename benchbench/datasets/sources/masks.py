"""Which mask belongs to which photograph of a folder."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from ...errors import BenchError
from .scan import scan

EXTENSIONS = frozenset({".png", ".jpg", ".jpeg", ".bmp"})


def masks_of(photos: Mapping[str, Path], folder: Path) -> tuple[dict[str, Path], list[str]]:
    """The mask's file of each photograph's id that has one, and the masks that fit no photograph.

    They have the same relative name but for the extension; names are compared as composed Unicode (NFC).

    Raises:
        BenchError: no mask fits any photograph, or two files fit each other's one.
    """
    by_stem: dict[str, str] = {}
    for name in (name for name in scan(folder).photos if PurePosixPath(name).suffix.lower() in EXTENSIONS):
        if _stem(name) in by_stem:
            raise _ambiguous(f"the masks {by_stem[_stem(name)]!r} and {name!r} are of one photograph")
        by_stem[_stem(name)] = name
    masks: dict[str, Path] = {}
    owners: dict[str, str] = {}
    for id in photos:
        mask = by_stem.get(_stem(id))
        if mask is None:
            continue
        if mask in owners:
            raise _ambiguous(f"the mask {mask!r} fits both {owners[mask]!r} and {id!r}")
        owners[mask], masks[id] = id, folder / mask
    if not masks:
        raise BenchError(
            f"no file of {folder} has a photograph's relative name ({len(by_stem)} masks, {len(photos)} photographs)",
            where="masks",
            hint="Name them as the photographs: the mask of cats/a.jpg is cats/a.png",
        )
    return masks, [name for name in by_stem.values() if name not in owners]


def _stem(name: str) -> str:
    return unicodedata.normalize("NFC", PurePosixPath(name).with_suffix("").as_posix())


def _ambiguous(what: str) -> BenchError:
    return BenchError(what, where="masks", hint="Rename or remove one of the two")
