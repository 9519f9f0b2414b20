"""A user's own folder of photographs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

from pydantic import Field

from ...errors import BenchError
from ...registry import dataset
from ...types import Dataset
from .decode import MAX_PIXELS
from .file_dataset import Files, Item
from .groups import groups_of_table, has_groups
from .labels import Classes, Labels, labels_of_folders, labels_of_table, no_labels
from .masks import masks_of
from .scan import Scan, scan

_LAYOUT = "root is a folder of photographs; its sub-folders, if it has any, are their classes"


@dataset("folder", title="{root}", source=_LAYOUT)
def folder(
    *,
    root: Path,
    labels: Path | None = None,
    masks: Path | None = None,
    groups: Path | None = None,
    classes: Classes | None = None,
    max_pixels: Annotated[int, Field(gt=0)] = MAX_PIXELS,
) -> Dataset:
    """Your own photographs: a folder, with labels from a CSV or from sub-folders, and masks if you have them.

    Photographs are found by extension (jpg, jpeg, png, bmp, webp, tif, tiff, gif, ppm) in ``root`` and below; names
    that begin with a dot are ignored, other files are ignored and counted in ``about``. Ids are the paths relative to
    ``root``, in sorted order.

    Labels come from the CSV if there is one; else from the sub-folders of ``root``: the integer that names each, if
    all are integers, or else their index in sorted order, as in torchvision's ImageFolder. Where ImageFolder would
    number integers differently, the run warns, and the report has the accuracy under each reading. If all names of
    sub-folders are names of the network's classes, or WordNet ids of ImageNet's, labels follow these. Photographs in
    ``root`` itself have no label; photographs both there and in sub-folders are ambiguous, and an error.

    Args:
        root: the folder.
        labels: a CSV with the columns ``file`` (relative to root) and ``label`` (an integer of at least 0), with its
            header. A photograph it does not name has no label.
        masks: a folder with the same relative names, as png, jpg, jpeg or bmp. Not zero is object. A photograph
            without one has no mask; a mask that fits no photograph is said.
        groups: a CSV with the columns ``file`` and ``group``. Photographs of one group (a patient, an object, a film)
            are not independent, and tests and intervals count them once. Not needed where the CSV of ``labels`` has
            the column ``group``. A photograph without a group is independent.
        classes: how sub-folders become labels: ``numeric`` (the number that names each), ``one-based`` (that number
            less one) or ``sorted`` (as ImageFolder does). Saying it silences the warning, and no names are compared.
        max_pixels: a photograph with more is not decoded, as its pixels may not fit in memory.

    Raises:
        BenchError: there is nothing to read, or the labels or masks do not fit the photographs.
    """
    _require_folder(root, "root")
    if masks is not None:
        _require_folder(masks, "masks")
    contents = scan(root, apart=[p for p in (labels, masks, groups) if p is not None])
    if not contents.photos:
        raise BenchError(
            f"no photographs in {root} ({contents.others} other files)",
            where="root",
            hint="Give a folder with jpg, png, bmp, webp, tif, gif or ppm files",
        )
    known = _labels(contents, labels, classes)
    masked, spare = masks_of(contents.photos, masks) if masks is not None else ({}, [])
    grouped = _groups(contents, labels, groups)
    items = [Item(id, path, known.of.get(id), masked.get(id), grouped.get(id)) for id, path in contents.photos.items()]
    about = _about(root, contents, known, items, spare)
    return Files(
        root.resolve().name or "folder", items, about, known.readings, max_pixels, known.names, names_decide=False
    )


def _groups(contents: Scan, labels: Path | None, groups: Path | None) -> dict[str, str]:
    if groups is not None:
        return groups_of_table(groups, contents.photos, "groups")
    if labels is not None and has_groups(labels):
        return groups_of_table(labels, contents.photos, "labels")
    return {}


def _labels(contents: Scan, labels: Path | None, classes: Classes | None) -> Labels:
    if classes is not None and (labels is not None or not any("/" in id for id in contents.photos)):
        hint = "Leave out classes" + (", or labels" if labels is not None else "")
        raise BenchError("classes needs sub-folders, and there are none", where="classes", hint=hint)
    if labels is not None:
        return labels_of_table(labels, contents.photos)
    inside = Counter("/" in id for id in contents.photos)
    if inside[True] and inside[False]:
        raise BenchError(
            f"{inside[False]} photographs in the folder itself and {inside[True]} in sub-folders: "
            "the sub-folders may or may not be classes",
            where="root",
            hint="Move all of them into sub-folders, or give labels: a CSV with the columns file,label",
        )
    return labels_of_folders(contents, classes) if inside[True] else no_labels()


def _about(root: Path, contents: Scan, known: Labels, items: list[Item], spare: list[str]) -> dict[str, str]:
    without = sum(item.label is None for item in items)
    masks = sum(item.mask is not None for item in items)
    about = {
        "root": str(root),
        "photographs": str(len(items)),
        "other files ignored": str(contents.others),
        "labels": known.rule + (f"; {without} photographs have none" if 0 < without < len(items) else ""),
        **({} if known.names else {"class names": f"none: {known.nameless}"}),
        "masks": f"{masks} of {len(items)} photographs" + (f"; {_spare(spare)}" if spare else ""),
    }
    groups = {item.group for item in items if item.group is not None}
    about |= {"groups": f"{len(groups)}"} if groups else {}
    warnings = [warning for warning in (known.warning, _spare(spare)) if warning]
    return {**about, "warning": ". ".join(warnings)} if warnings else about


def _spare(masks: list[str]) -> str:
    if not masks:
        return ""
    first = ", ".join(masks[:3]) + (f" and {len(masks) - 3} more" if len(masks) > 3 else "")
    return f"{len(masks)} mask{'s fit' if len(masks) > 1 else ' fits'} no photograph: {first}"


def _require_folder(path: Path, key: str) -> None:
    if not path.exists():
        raise BenchError(f"no folder {str(path)!r}", where=key, hint="Relative paths start where benchbench is run")
    if not path.is_dir():
        raise BenchError(f"{str(path)!r} is a file", where=key, hint="Give a folder")
