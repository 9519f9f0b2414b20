"""A dataset of files: what the folder and the photographs have in common."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from ...types import Sample
from .decode import MAX_PIXELS, decode_framed
from .frame import Frame
from .truth import Box, BoxSource, MaskFile, MaskSource, file_bytes, sized


@dataclass(frozen=True)
class Item:
    """One photograph on disk, with its label, its mask, its group and its boxes where known.

    ``mask``: a file that is not zero on the object, or another source of a mask. ``boxes``: as they are, or a source;
    both in the pixels that the photograph's file stores, whatever its EXIF orientation.
    ``void``: pixels that a segmentation does not judge.
    """

    id: str
    path: Path
    label: int | None = None
    mask: Path | MaskSource | None = None
    group: str | None = None
    boxes: Sequence[Box] | BoxSource | None = None
    void: MaskSource | None = None

    @property
    def mask_source(self) -> MaskSource | None:
        return MaskFile(self.mask) if isinstance(self.mask, Path) else self.mask


@dataclass(frozen=True)
class Files:
    """A Dataset of photographs on disk, decoded when asked for.

    ``readings``: other numberings of its classes, by name, from the label to the label that it would be.
    ``class_names``: by label; empty where the classes have no names.
    ``names_decide``: whether a label means nothing to a network that does not know its name.
    ``counterparts``: by class name, ImageNet's class index, where the data set is known to mean the same by it.
    ``decoded_by``: the modules of libraries that decode it and that the engine does not import.
    """

    concurrent: ClassVar[bool] = True  # threads may read it at once
    name: str
    items: Sequence[Item]
    about: Mapping[str, str] = field(default_factory=dict)
    readings: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    max_pixels: int = MAX_PIXELS
    class_names: tuple[str, ...] = ()
    names_decide: bool = True
    counterparts: Mapping[str, int] = field(default_factory=dict)
    decoded_by: tuple[str, ...] = ()

    @cached_property
    def ids(self) -> Sequence[str]:
        return [item.id for item in self.items]

    @property
    def masked(self) -> bool:
        """Whether any photograph has a mask."""
        return any(item.mask is not None for item in self.items)

    @property
    def boxed(self) -> bool:
        """Whether any photograph has boxes."""
        return any(item.boxes is not None for item in self.items)

    @cached_property
    def labels(self) -> Sequence[int | None]:
        """By index, without decoding."""
        return [item.label for item in self.items]

    @cached_property
    def groups(self) -> Sequence[str | None]:
        return [item.group for item in self.items]

    def __getitem__(self, index: int) -> Sample:
        """The photograph at its own size and upright, with its mask and boxes turned as it is.

        Raises:
            BenchError: a file cannot be decoded, or the mask is not of the photograph's size.
        """
        item = self.items[index]
        image, frame = decode_framed(item.path, self.max_pixels)
        mask, void = (
            None if each is None else sized(each.read(frame, self.max_pixels), frame.upright, each.label)
            for each in (item.mask_source, item.void)
        )
        return Sample(item.id, image, item.label, mask, item.group, _boxes(item, frame), void)

    def fingerprint(self, index: int) -> str:
        """Of the file's bytes, the label and the mask's bytes; and of the boxes and the void pixels, if any.

        Raises:
            BenchError: a file cannot be read any more.
        """
        item, source = self.items[index], self.items[index].mask_source
        more = [] if item.boxes is None else [_boxes_content(item)]
        more += [] if item.void is None else [b"void " + item.void.content()]
        mask = b"" if source is None else source.content()
        return fingerprint(file_bytes(item.path), str(item.label), mask, *more)


def fingerprint(*parts: bytes | str) -> str:
    """A digest of the parts in their order; where one ends and the next begins is part of it."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(f"{len(data)}:".encode() + data)
    return total.hexdigest()


def _boxes(item: Item, frame: Frame) -> Tensor | None:
    """Upright."""
    if item.boxes is None:
        return None
    boxes = item.boxes if isinstance(item.boxes, Sequence) else item.boxes.read()
    if not boxes:
        return None
    stored = torch.tensor([list(box) for box in boxes], dtype=torch.float32).reshape(-1, 4)
    return frame.turned_boxes(stored)


def _boxes_content(item: Item) -> bytes:
    if item.boxes is None or isinstance(item.boxes, Sequence):
        return f"boxes {[tuple(map(float, box)) for box in item.boxes or ()]}".encode()
    return item.boxes.content()
