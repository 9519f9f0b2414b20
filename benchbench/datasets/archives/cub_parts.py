"""CUB-200-2011's points of parts as truth: the wanted parts that are visible, each a disc."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor

from ...errors import BenchError, nearest
from ..sources.decode import MAX_PIXELS
from ..sources.frame import Frame
from .archive import Archive

ALL = "all"
_NAMES, _POINTS = "parts/parts.txt", "parts/part_locs.txt"
Point: TypeAlias = tuple[float, float]


@dataclass(frozen=True)
class Discs:
    """The pixels that are at most ``radius`` from a point; a pixel is where its column and its row say.

    Attributes:
        label: what errors call it.
        points: x and y, in the pixels that the photograph stores.
        radius: in pixels.

    Example:
        >>> from benchbench.datasets.archives.cub_parts import Discs
        >>> from benchbench.datasets.sources.frame import Frame
        >>> Discs("beak", ((1.0, 0.0), (4.5, 1.0)), 1.0).read(Frame(2, 6)).int()
        tensor([[1, 1, 1, 0, 0, 0],
                [0, 1, 0, 0, 1, 1]], dtype=torch.int32)
    """

    label: str
    points: tuple[Point, ...]
    radius: float

    def read(self, frame: Frame, most: int = MAX_PIXELS) -> Tensor:
        rows, columns = (torch.arange(side, dtype=torch.float64) for side in frame.stored)
        near = torch.zeros(frame.stored, dtype=torch.bool)
        for x, y in self.points:
            near |= (columns - x).square() + (rows - y).square()[:, None] <= self.radius**2
        return frame.turned(near)

    def content(self) -> bytes:
        return f"discs of {self.radius} at {self.points}".encode()


def visible_points(home: Path, wanted: Sequence[str], archive: Archive) -> Callable[[str], tuple[Point, ...]]:
    """From an image's number to the points of its wanted parts that are visible, in the order of the parts' numbers.

    Args:
        home: the folder that has ``parts``.
        wanted: names in parts/parts.txt, or ``ALL`` among them.
        archive: what an error says to download.

    Raises:
        BenchError: a file is not there or cannot be read, or a name is not in parts.txt; from the function: an image
            lacks a part.
    """
    names = {name: number for number, name in _numbered(archive.lines(archive.require(home / _NAMES, "parts")))}
    every = ALL in wanted
    unknown = [] if every else [name for name in wanted if name not in names]
    if unknown:
        raise BenchError(f"unknown part {unknown[0]!r}", where="parts", hint=nearest(unknown[0], [*names, ALL]))
    chosen = {number: name for name, number in names.items() if every or name in wanted}
    located = _located(archive.lines(archive.require(home / _POINTS, "parts")), chosen)

    def points(image: str) -> tuple[Point, ...]:
        known = located.get(image, {})
        missing = next((name for number, name in chosen.items() if number not in known), None)
        if missing is not None:
            raise BenchError(f"image {image} has no line for the part {missing!r}", where=f"{home / _POINTS}")
        return tuple(point for number in chosen if (point := known[number]) is not None)

    return points


def _numbered(lines: Sequence[str]) -> list[tuple[str, str]]:
    """Each part's number and name, which may have spaces."""
    return [(number, name.strip()) for number, _, name in (line.partition(" ") for line in lines)]


def _located(lines: Sequence[str], chosen: Mapping[str, str]) -> dict[str, dict[str, Point | None]]:
    """By image and part, the point; None where the part is not visible."""
    places: dict[str, dict[str, Point | None]] = {}
    for line in lines:
        try:
            image, part, x, y, visible = line.split()
            if part in chosen:
                places.setdefault(image, {})[part] = (float(x), float(y)) if _shown(visible) else None
        except ValueError:
            hint = "A line is image id, part id, x, y, and 1 where the part is visible or 0"
            raise BenchError(f"cannot read the line {line!r}", where="part_locs.txt", hint=hint) from None
    return places


def _shown(word: str) -> bool:
    if word not in ("0", "1"):
        raise ValueError
    return word == "1"
