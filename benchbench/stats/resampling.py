"""Resampling: how often each unit is drawn, and means that are exact."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float64]

RESAMPLES = 10_000
CONFIDENCE = 0.95
_DRAWS_AT_ONCE = 4_000_000


def draws(images: int, seed: int = 0, resamples: int = RESAMPLES) -> Iterator[npt.NDArray[np.int64]]:
    """How often each image is drawn, with replacement: blocks (r, images), ``resamples`` rows in all.

    A seed gives the same draws.
    """
    draw = np.random.default_rng(seed)
    step = max(1, _DRAWS_AT_ONCE // images)
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        drawn = draw.integers(0, images, (rows, images)) + images * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * images).reshape(rows, images)


def mean(values: Array) -> Array:
    """The mean of each column (n, m) -> (m,); exact where all values of a column are equal, NaN where n is 0."""
    if not len(values):
        return np.full(values.shape[1], np.nan)
    return np.asarray(values[0] + (values - values[0]).mean(0))
