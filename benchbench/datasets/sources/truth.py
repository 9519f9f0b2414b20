"""Where an object is, as data sets keep it: files of class indices or grey levels, and boxes; read when asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
import torch
from torch import Tensor

from ...errors import BenchError
from .decode import MAX_PIXELS, decode_indices, decode_levels, decode_mask
from .frame import Frame

Box: TypeAlias = tuple[float, float, float, float]  # x0, y0, x1, y1 in pixels, half-open


class MaskSource(Protocol):
    """A mask that is read when asked for."""

    @property
    def label(self) -> str:
        """What errors call it."""
        ...

    def read(self, frame: Frame, most: int = MAX_PIXELS) -> Tensor:
        """bool (H, W), upright, true on the object; ``frame``: of the photograph."""
        ...

    def content(self) -> bytes:
        """All that makes the mask what it is, without decoding it."""
        ...


class BoxSource(Protocol):
    """Boxes in the stored pixels of the photograph, read when asked for."""

    def read(self) -> Sequence[Box]:
        """The boxes; none of an object whose boxes are unknown."""
        ...

    def content(self) -> bytes:
        """All that makes the boxes what they are, without reading them."""
        ...


@dataclass(frozen=True)
class MaskFile:
    """A file that is not zero on the object."""

    path: Path

    @property
    def label(self) -> str:
        return self.path.name

    def read(self, frame: Frame, most: int = MAX_PIXELS) -> Tensor:
        return decode_mask(self.path, most, frame)

    def content(self) -> bytes:
        return file_bytes(self.path)


@dataclass(frozen=True)
class IndexMask:
    """A file of class indices, in which the object is where some of them are."""

    path: Path
    values: tuple[int, ...]

    @property
    def label(self) -> str:
        return self.path.name

    def read(self, frame: Frame, most: int = MAX_PIXELS) -> Tensor:
        return torch.from_numpy(np.isin(decode_indices(self.path, most, frame), self.values))

    def content(self) -> bytes:
        return f"indices {self.values} ".encode() + file_bytes(self.path)


@dataclass(frozen=True)
class LevelMask:
    """A grey file, in which the object is where the grey, 0 to 255 whatever the mode, reaches a level."""

    path: Path
    level: int = 128

    @property
    def label(self) -> str:
        return self.path.name

    def read(self, frame: Frame, most: int = MAX_PIXELS) -> Tensor:
        grey = decode_levels(self.path, most, frame)
        if grey.max() == 1 < self.level:
            hint = "Save the object as 255, or give level: 1 if the data set takes it"
            raise BenchError("the brightest grey of the mask is 1 of 255", where=self.label, hint=hint)
        return torch.from_numpy(grey >= self.level)

    def content(self) -> bytes:
        return f"level {self.level} ".encode() + file_bytes(self.path)


def file_bytes(path: Path) -> bytes:
    """All of a file.

    Raises:
        BenchError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:  # a name that a file cannot have is a ValueError
        reason = getattr(error, "strerror", None) or error
        raise BenchError(f"the file cannot be read: {reason}", where=path.name) from None


def sized(mask: Tensor, size: tuple[int, int], where: str) -> Tensor:
    """The mask.

    Raises:
        BenchError: it is not of the photograph's ``size`` (height, width).
    """
    if mask.shape != torch.Size(size):
        raise BenchError(
            f"the mask is {mask.shape[0]} x {mask.shape[1]} and its photograph {size[0]} x {size[1]} (height x width)",
            where=where,
            hint="Save the mask at the photograph's size",
        )
    return mask
