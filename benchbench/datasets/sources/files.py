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

from ...errors import BenchError
from ...types import Sample
from .decode import MAX_PIXELS, decode, decode_mask


@dataclass(frozen=True)
class Item:
    """One photograph on disk, with its label, its mask's file and its group where known."""

    id: str
    path: Path
    label: int | None = None
    mask: Path | None = None
    group: str | None = None


@dataclass(frozen=True)
class Files:
    """A Dataset of photographs on disk, decoded when asked for.

    ``readings``: other numberings of its classes, by name, from the label to the label that it would be.
    """

    concurrent: ClassVar[bool] = True  # threads may read it at once
    name: str
    items: Sequence[Item]
    about: Mapping[str, str] = field(default_factory=dict)
    readings: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    max_pixels: int = MAX_PIXELS

    @cached_property
    def ids(self) -> Sequence[str]:
        return [item.id for item in self.items]

    @property
    def masked(self) -> bool:
        """Whether any photograph has a mask."""
        return any(item.mask is not None for item in self.items)

    @cached_property
    def groups(self) -> Sequence[str | None]:
        return [item.group for item in self.items]

    def __getitem__(self, index: int) -> Sample:
        """The photograph at its own size, with its mask.

        Raises:
            BenchError: a file cannot be decoded, or the mask is not of the photograph's size.
        """
        item = self.items[index]
        image = decode(item.path, self.max_pixels)
        mask = None if item.mask is None else _mask(item.mask, (image.height, image.width), self.max_pixels)
        return Sample(item.id, image, item.label, mask, item.group)

    def fingerprint(self, index: int) -> str:
        """Of the file's bytes, the label and the mask's bytes.

        Raises:
            BenchError: a file cannot be read any more.
        """
        item = self.items[index]
        return fingerprint(_bytes(item.path), str(item.label), b"" if item.mask is None else _bytes(item.mask))


def fingerprint(*parts: bytes | str) -> str:
    """A digest of the parts in their order; where one ends and the next begins is part of it."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(f"{len(data)}:".encode() + data)
    return total.hexdigest()


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BenchError(f"the file cannot be read: {error.strerror}", where=path.name) from None


def _mask(path: Path, size: tuple[int, int], most: int) -> Tensor:
    mask: Tensor = decode_mask(path, most)
    if mask.shape != torch.Size(size):
        raise BenchError(
            f"the mask is {mask.shape[0]} x {mask.shape[1]} and its photograph {size[0]} x {size[1]} (height x width)",
            where=path.name,
            hint="Save the mask at the photograph's size",
        )
    return mask
