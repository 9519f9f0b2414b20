"""What a baseline keeps of a saliency map: enough to tell by how much another one differs, in a few hundred bytes."""

from __future__ import annotations

import base64
import hashlib
import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from ..results.schema import FloatArray
from ..stats.mean_ranks import mean_ranks
from .map_parts import FLAT, Grid, contrast, normalised, part_means, part_sizes, part_sums

SIDE = 16  # a larger map is kept by so many parts on a side
ROUNDING = 1e-4  # of a map's range
HASHED = 5e-4  # of the root mean square, whose 16-bit floats differ by half of it where pixels do by hardly anything
FINE, COARSE = 1e-5, 1e-3  # of the map's own range: what the two digests are rounded to
_STEPS = 65535


@dataclass(frozen=True)
class Sketch:
    """A map after min-max normalisation, as every metric and picture sees it.

    Attributes:
        shape: of the map, (h, w).
        contrast: the map's range over its largest magnitude: the smaller, the more of the map is rounding.
        fine, coarse: digests of the whole map, rounded to 1e-5 and to 1e-3 of its range. Equal digests are equal maps;
            unequal ones say nothing by themselves, as a value may lie on the border of two roundings.
        cells: the map, or the means of 16 x 16 parts of it, as 16-bit numbers in base64; empty if it is flat.
        signed: of a map that is larger, its parts' sums under fixed random signs over the root of their size, as
            16-bit floats in base64: their differences have the mean square of the pixels' differences (Charikar,
            Chen and Farach-Colton 2002), which means may hide.
    """

    shape: tuple[int, int]
    contrast: float
    fine: str
    coarse: str
    cells: str
    signed: str = ""

    @classmethod
    def of(cls, values: FloatArray) -> Sketch:
        """Of a map (h, w), not normalised; it is finite, as the engine stores no other."""
        shape, range_of = (values.shape[0], values.shape[1]), contrast(values)
        if range_of <= FLAT:
            return cls(shape, 0.0, "", "", "")
        normal = normalised(values)
        cells = np.round(part_means(normal, SIDE) * _STEPS).astype("<u2")
        signed = (part_sums(normal * _signs(shape), SIDE) / np.sqrt(part_sizes(shape, SIDE))).astype("<f2")
        larger = max(shape) > SIDE
        return cls(
            shape,
            float(f"{range_of:.1e}"),
            _digest(normal, FINE),
            _digest(normal, COARSE),
            _encoded(cells),
            _encoded(signed) if larger else "",
        )

    @property
    def flat(self) -> bool:
        """The map is the same everywhere: it says nothing."""
        return not self.cells

    @cached_property
    def grid(self) -> Grid:
        """What ``cells`` holds, in [0, 1]: (min(h, 16), min(w, 16)).

        Raises:
            ValueError: they do not fit the shape.
        """
        return self._decoded(self.cells, "<u2") / _STEPS

    @cached_property
    def hashed(self) -> Grid:
        """What ``signed`` holds, (min(h, 16), min(w, 16)); the grid itself of a map that is no larger.

        Raises:
            ValueError: it does not fit the shape.
        """
        return self._decoded(self.signed, "<f2") if max(self.shape) > SIDE else self.grid

    def _decoded(self, text: str, kind: str) -> Grid:
        values = np.frombuffer(base64.b64decode(text, validate=True), kind).astype(np.float64)
        if not np.isfinite(values).all():
            raise ValueError("a number is not finite")
        return values.reshape(min(self.shape[0], SIDE), min(self.shape[1], SIDE))


@dataclass(frozen=True)
class Difference:
    """Between two maps, in shares of the maps' range.

    Attributes:
        largest: of a cell, or of a part's mean.
        rms: the root of the mean square over all pixels, estimated of maps larger than 16 x 16.
        rank: Spearman's correlation of the cells.
        noise: what rounding may make of a map of so little contrast.
    """

    largest: float
    rms: float
    rank: float
    noise: float = 0.0

    @property
    def size(self) -> float:
        """The larger of ``largest`` and ``rms``."""
        return max(self.largest, self.rms)

    def beyond(self, tolerance: float) -> bool:
        return self.size > tolerance + self.noise

    @property
    def moved(self) -> bool:
        """By more than other machines, threads and batches make of nearly all methods' maps."""
        return self.largest > ROUNDING + self.noise or self.rms > HASHED


SAME = Difference(0.0, 0.0, 1.0)
OTHER = Difference(math.inf, math.inf, math.nan)


def difference(first: Sketch, second: Sketch) -> Difference:
    """``SAME`` where the fine digests are equal; ``OTHER`` where the shapes differ, or one of them is flat."""
    if first.shape != second.shape or first.flat != second.flat:
        return OTHER
    if first.flat or first.fine == second.fine:
        return SAME
    off = first.grid - second.grid
    rms = math.sqrt(float(((first.hashed - second.hashed) ** 2).mean()))
    noise = FLAT / min(first.contrast, second.contrast)
    return Difference(float(np.abs(off).max()), rms, spearman(first.grid, second.grid), noise)


def spearman(first: Grid, second: Grid) -> float:
    """Of all cells, ties at their mean rank; NaN where one of them does not vary."""
    ranks, other_ranks = (mean_ranks(grid.ravel()) - (grid.size + 1) / 2 for grid in (first, second))
    scale = math.sqrt(float((ranks**2).sum() * (other_ranks**2).sum()))
    return float((ranks * other_ranks).sum()) / scale if scale else math.nan


@lru_cache(maxsize=16)
def _signs(shape: tuple[int, int]) -> Grid:
    """-1 or 1 for each pixel: the same on every machine, as no random generator is asked."""
    count = shape[0] * shape[1]
    drawn = hashlib.shake_128(f"{shape[0]} x {shape[1]}".encode()).digest(count // 8 + 1)
    bits = np.unpackbits(np.frombuffer(drawn, np.uint8))[:count].reshape(shape)
    return np.where(bits == 1, 1.0, -1.0)


def _digest(normal: Grid, step: float) -> str:
    return hashlib.sha256(np.round(normal / step).astype("<i4").tobytes()).hexdigest()[:8]


def _encoded(values: npt.NDArray[np.generic]) -> str:
    return base64.b64encode(values.tobytes()).decode()
