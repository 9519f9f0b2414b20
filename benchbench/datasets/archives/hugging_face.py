"""Hugging Face data sets that are already on the disk."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ...errors import BenchError
from ...registry import dataset
from ...types import Sample
from ..sources.accept import as_image, as_label, as_mask, image_bytes
from ..sources.file_dataset import fingerprint
from ..sources.frame import frame_of, orientation_of

_INSTALL = "pip install 'benchbench-saliency[hf]'"
_SAVE = 'Save it once, with a network: datasets.load_dataset("NAME", split="SPLIT").save_to_disk("ROOT")'


@dataclass(frozen=True, eq=False)
class HuggingFaceImages:
    """A Dataset of the rows of a Hugging Face data set, decoded when asked for."""

    name: str
    rows: Any
    image: str
    label: str
    mask: str
    about: Mapping[str, str] = field(default_factory=dict)
    class_names: tuple[str, ...] = ()

    @cached_property
    def ids(self) -> Sequence[str]:
        width = max(4, len(str(len(self.rows) - 1)))
        return [f"{i:0{width}d}" for i in range(len(self.rows))]

    @property
    def masked(self) -> bool:
        """Whether the rows have masks."""
        return bool(self.mask)

    @cached_property
    def labels(self) -> Sequence[int | None]:
        """By index, without decoding."""
        if not self.label:
            return [None] * len(self.rows)
        return [_known(label) for label in self.rows[self.label]]

    def __getitem__(self, index: int) -> Sample:
        """The row as a Sample.

        Raises:
            BenchError: it cannot be decoded.
        """
        where = f"row {index}"
        try:
            row = self.rows[index]
            turned = self._orientations(row, index)
        except Exception as error:  # a decoder raises whatever broken bytes lead it to
            raise BenchError(f"cannot be decoded: {type(error).__name__}: {error}", where=where) from None
        image = as_image(row[self.image], where)
        mask = None
        if self.mask and row[self.mask] is not None:
            mask = as_mask(_shown(row[self.mask], image, *turned), image, where)
        return Sample(self.ids[index], image, as_label(_known(row[self.label]) if self.label else None, where), mask)

    @cached_property
    def _files(self) -> Any:
        """The rows of files in place of pictures; None where there are no masks, or a column has no files."""
        from datasets import Image as Picture

        if not self.mask or not all(isinstance(self.rows.features[c], Picture) for c in (self.image, self.mask)):
            return None
        rows = self.rows.select_columns([self.image, self.mask])
        return rows.cast_column(self.image, Picture(decode=False)).cast_column(self.mask, Picture(decode=False))

    def _orientations(self, row: Mapping[str, Any], index: int) -> tuple[int | None, int | None]:
        """The EXIF orientations of the photograph's and the mask's files, by which datasets turned each of them."""
        if self._files is None:
            return None, None
        files, photo = self._files[index], row[self.image]
        orientation = _orientation(files[self.image])
        left = isinstance(photo, Image.Image) and orientation_of(photo) == orientation  # early versions do not turn
        return None if left else orientation, _orientation(files[self.mask])

    def fingerprint(self, index: int) -> str:
        """Of the picture, the label and the mask; decodes the row.

        A row that cannot be decoded has its reason's digest.
        """
        try:
            sample = self[index]
        except BenchError as error:
            return fingerprint("error", str(error))
        mask = b"" if sample.mask is None else sample.mask.numpy().tobytes()
        return fingerprint(image_bytes(sample.image), str(sample.label), mask)


def _known(label: int | None) -> int | None:
    """None for -1, which Hugging Face gives to rows whose label is held back."""
    return None if label == -1 else label


def _orientation(file: Mapping[str, Any] | None) -> int | None:
    if file is None:
        return None
    with Image.open(file["path"] if file["bytes"] is None else io.BytesIO(file["bytes"])) as picture:
        return orientation_of(picture)


def _shown(mask: Image.Image, image: Image.Image | Tensor, orientation: int | None, of_mask: int | None) -> Tensor:
    """The mask, turned as the photograph was if its file has no orientation and the size of the stored photograph."""
    values = torch.from_numpy(np.asarray(mask.convert("L")) > 0)
    if isinstance(image, Tensor) or of_mask is not None:
        return values
    frame = frame_of(image, orientation)
    return frame.turned(values) if tuple(values.shape) == frame.stored else values


@dataset("huggingface", title="{root}", source=_SAVE)
def huggingface(*, root: Path, split: str = "", image: str = "image", label: str = "label", mask: str = "") -> Any:
    """A Hugging Face data set that ``save_to_disk`` wrote, read by ``datasets.load_from_disk``; no network is used.

    Ids are the rows' numbers. Where the label's column knows the names of its classes, they are the data's class names.
    Needs the package datasets, the extra ``hf``.

    Args:
        root: the folder that ``save_to_disk`` wrote.
        split: which one, where the folder has several.
        image: the column of images.
        label: the column of class indices; "" where there is none.
        mask: the column of masks, images that are not zero on the object; "" (the default) where there is none.

    Raises:
        BenchError: the package is not installed, the folder is none of its data sets, or a column is missing.
    """
    if importlib.util.find_spec("datasets") is None:
        raise BenchError("the package datasets is not installed", where="huggingface", hint=f"Install it: {_INSTALL}")
    rows = _load(root, split)
    for key, column in (("image", image), ("label", label), ("mask", mask)):
        if column and column not in rows.column_names:
            message = f"there is no column {column!r}: the columns are {', '.join(rows.column_names)}"
            raise BenchError(message, where=f"{key}", hint=f"Give {key}: COLUMN")
    names = tuple(getattr(rows.features[label], "names", ()) or ()) if label else ()
    about = {
        "root": str(root),
        **({"split": split} if split else {}),
        "rows": f"{len(rows)}",
        "labels": f"the column {label}" + (f", {len(names)} classes with names" if names else "") if label else "none",
        **({} if names else {"class names": _nameless(label)}),
        "masks": f"the column {mask}" if mask else "none: mask names no column",
        "source": str(rows.info.homepage or "not said by the data set"),
        "licence": str(rows.info.license or "not said by the data set"),
    }
    return HuggingFaceImages("huggingface", rows, image, label, mask, about, names)


def _nameless(label: str) -> str:
    return f"none: the column {label} has numbers alone" if label else "none: there are no labels"


def _load(root: Path, split: str) -> Any:
    from datasets import DatasetDict, load_from_disk

    try:
        rows = load_from_disk(str(root))
    except Exception as error:  # FileNotFoundError, or whatever a broken table leads it to
        reason = f"{root} is no data set on disk: {' '.join(str(error).split())}"
        raise BenchError(reason, where="root", hint=_SAVE) from None
    if not isinstance(rows, DatasetDict):
        if split and split != str(rows.split):
            known = "has no splits" if rows.split is None else f"is the split {rows.split} alone"
            raise BenchError(f"the folder {known}", where="split", hint="Leave out split")
        return rows
    if split not in rows:
        hint = f"Give split: {' or '.join(rows)}"
        raise BenchError(f"the folder has the splits {', '.join(rows)}", where="split", hint=hint)
    return rows[split]
