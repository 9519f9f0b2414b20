"""Independent units: images of equal content are one, and so are those of a group (a patient, an object, a film).

A table says which unit an image belongs to in its column ``unit``; without the column each image is a unit.
Whatever is computed of each image is first averaged over the images of a unit. Tests, intervals and resamples then
see units.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from .resampling import Array

Places: TypeAlias = npt.NDArray[np.int64]
_ROUNDING = 1e-12  # of the mean magnitude of a unit's values: what is smaller is the rounding of a sum


def units_of(rows: pd.DataFrame) -> pd.Series[str]:
    """The unit of each row."""
    return rows["unit"] if "unit" in rows else rows["sample"]


def numbered(names: Sequence[str] | Places) -> Places:
    """(n,): 0, 1, ... for each name, or each number, in the order of their first appearance."""
    values = names if isinstance(names, np.ndarray) else np.asarray(names, dtype=object)
    return np.asarray(pd.factorize(values)[0], dtype=np.int64)


def by_unit(values: Array, units: Places) -> Array:
    """(u, ...): the mean over each unit's images of (n, ...) values; NaN is left out, and stays where nothing is known.

    Equal values have that mean exactly. A mean of differences that cancel but for rounding is 0.

    Args:
        units: (n,): which unit each image belongs to, 0 .. u - 1.
    """
    count = int(units.max(initial=-1)) + 1
    if count == len(units):
        return values
    shape = (count, *values.shape[1:])
    known = ~np.isnan(values)
    anchor, size, total, seen = (np.zeros(shape) for _ in range(4))
    for row in range(len(values) - 1, -1, -1):
        anchor[units[row]] = np.where(known[row], values[row], anchor[units[row]])
    filled = np.where(known, values, 0.0)
    np.add.at(total, units, np.where(known, values - anchor[units], 0.0))
    np.add.at(size, units, np.abs(filled))
    np.add.at(seen, units, known)
    means = anchor + np.divide(total, seen, out=np.full(shape, np.nan), where=seen > 0)
    mean_size = np.divide(size, seen, out=np.zeros(shape), where=seen > 0)
    return np.where((np.abs(means) <= _ROUNDING * mean_size) & (seen > 1), 0.0, means)


def gaps_by_unit(gaps: Array, units: Places) -> Array:
    """(u, k): ``by_unit`` of paired differences (n, k), infinite where one of the two methods failed.

    The method that failed on more images of a unit loses the unit. Where both failed on as many, the other images
    decide; where there are none, the unit is a tie.
    """
    if int(units.max(initial=-1)) + 1 == len(units):
        return gaps
    infinite = np.isinf(gaps)
    unit_gaps = by_unit(np.where(infinite, np.nan, gaps), units)
    net, lost = np.zeros(unit_gaps.shape), np.zeros(unit_gaps.shape)
    np.add.at(net, units, np.where(infinite, np.sign(gaps), 0.0))
    np.add.at(lost, units, infinite)
    tied = np.where(np.isnan(unit_gaps) & (lost > 0), 0.0, unit_gaps)
    return np.asarray(np.where(net != 0, np.copysign(np.inf, net), tied), dtype=np.float64)
