"""What a baseline keeps of a saliency map: enough to tell by how much another one differs, in a few hundred bytes."""

from __future__ import annotations

import base64
import hashlib
import math
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from ..table import FloatArray

Grid: TypeAlias = npt.NDArray[np.float64]
SIDE = 16  # a larger map is kept as the means of so many parts on a side
FINE, COARSE = 1e-5, 1e-3  # of the map's own range: what the two digests are rounded to
FLAT = 1e-6  # of the largest magnitude: a smaller range is what rounding leaves of a map that says nothing
_STEPS = 65535


@dataclass(frozen=True)
class Sketch:
    """A map after min-max normalisation, as every metric and picture sees it.

    Attributes:
        shape: of the map, (h, w).
        fine, coarse: digests of the whole map, rounded to 1e-5 and to 1e-3 of its range. Equal digests are equal maps;
            unequal ones say nothing by themselves, as a value may lie on the border of two roundings.
        cells: the map, or the means of at most 16 x 16 parts of it, as 16-bit numbers in base64; empty if it is flat.
    """

    shape: tuple[int, int]
    fine: str
    coarse: str
    cells: str

    @classmethod
    def of(cls, values: FloatArray) -> Sketch:
        """Of a map (h, w), not normalised; it is finite, as the engine stores no other."""
        normal = normalised(values)
        if normal is None:
            return cls((values.shape[0], values.shape[1]), "", "", "")
        kept = np.round(_parts(normal) * _STEPS).astype("<u2")
        cells = base64.b64encode(kept.tobytes()).decode()
        return cls((values.shape[0], values.shape[1]), _digest(normal, FINE), _digest(normal, COARSE), cells)

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
        found = np.frombuffer(base64.b64decode(self.cells, validate=True), "<u2") / _STEPS
        return found.reshape(min(self.shape[0], SIDE), min(self.shape[1], SIDE))


@dataclass(frozen=True)
class Difference:
    """Between two maps: the largest of a cell, in shares of the range, and Spearman's correlation of the cells."""

    largest: float
    rank: float


SAME = Difference(0.0, 1.0)
OTHER = Difference(math.inf, math.nan)


def difference(one: Sketch, other: Sketch) -> Difference:
    """``SAME`` where the fine digests are equal; ``OTHER`` where the shapes differ, or one of them is flat."""
    if one.shape != other.shape or one.flat != other.flat:
        return OTHER
    if one.flat or one.fine == other.fine:
        return SAME
    return Difference(float(np.abs(one.grid - other.grid).max()), spearman(one.grid, other.grid))


def spearman(one: Grid, other: Grid) -> float:
    """Of all cells, ties at their mean rank; NaN where one of them does not vary."""
    first, second = (rankdata(grid) - (grid.size + 1) / 2 for grid in (one, other))
    scale = math.sqrt(float((first**2).sum() * (second**2).sum()))
    return float((first * second).sum()) / scale if scale else math.nan


def normalised(values: FloatArray) -> Grid | None:
    """(h, w) in [0, 1]; None where the map is flat."""
    exact = values.astype(np.float64)
    low, high = float(exact.min()), float(exact.max())
    if high - low <= FLAT * max(abs(low), abs(high)):
        return None
    return (exact - low) / (high - low)


def _parts(normal: Grid) -> Grid:
    for axis in (0, 1):
        length = normal.shape[axis]
        if length > SIDE:
            edges = np.arange(SIDE + 1) * length // SIDE
            sums = np.add.reduceat(normal, edges[:-1], axis=axis)
            sizes = np.diff(edges)
            normal = sums / (sizes[:, None] if axis == 0 else sizes)
    return normal


def _digest(normal: Grid, step: float) -> str:
    return hashlib.sha256(np.round(normal / step).astype("<i4").tobytes()).hexdigest()[:8]
