"""Maps min-max normalised, and summed over the parts of a grid: what is kept of a map that is larger."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Grid: TypeAlias = npt.NDArray[np.float64]
Values: TypeAlias = npt.NDArray[np.floating[Any]]
FLAT = 1e-6  # of the largest magnitude: a smaller range is what rounding leaves of a map that says nothing


def contrast(values: Values) -> float:
    """The range of a map over its largest magnitude; at most ``FLAT`` where it is the same everywhere."""
    low, high = float(values.min()), float(values.max())
    largest = max(abs(low), abs(high))
    return (high - low) / largest if largest else 0.0


def normalised(values: Values) -> Grid:
    """(h, w) in [0, 1] in float64; all 0 where the map is the same everywhere, up to rounding.

    Otherwise it equals ``maps.normalise.minmax`` bit for bit. That function needs torch, which this package does not
    import, and it stretches a map whose range is rounding alone to [0, 1].
    """
    exact = values.astype(np.float64)
    if contrast(values) <= FLAT:
        return np.zeros_like(exact)
    normal: Grid = (exact - exact.min()) / (exact.max() - exact.min())
    return normal


def part_sums(values: Grid, side: int) -> Grid:
    """The sums of at most ``side`` x ``side`` parts."""
    for axis in (0, 1):
        if values.shape[axis] > side:
            values = np.add.reduceat(values, _edges(values.shape[axis], side), axis=axis)
    return values


def part_sizes(shape: tuple[int, int], side: int) -> Grid:
    """How many pixels each part has."""
    rows, columns = (np.diff([*_edges(length, side), length]) for length in shape)
    return np.outer(rows, columns).astype(np.float64)


def part_means(values: Grid, side: int) -> Grid:
    """The means of at most ``side`` x ``side`` parts of a map (h, w)."""
    means: Grid = part_sums(values, side) / part_sizes((values.shape[0], values.shape[1]), side)
    return means


def _edges(length: int, side: int) -> npt.NDArray[np.int64]:
    parts = min(length, side)
    return np.arange(parts) * length // parts
