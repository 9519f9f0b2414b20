"""The bootstrap: how far a mean could move with other images of the same kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float64]

RESAMPLES = 10_000
CONFIDENCE = 0.95
_DRAWS_AT_ONCE = 4_000_000
_GROUPS_AT_ONCE = 1_000


def bootstrap(values: Array, seed: int = 0, resamples: int = RESAMPLES) -> Array:
    """The 95 % percentile bootstrap interval of each column's mean.

    Args:
        values: (n, m): n images, m quantities that are resampled together.
        seed: the same seed and n give the same draws, whatever m is.
        resamples: how many.

    Returns:
        (2, m): low and high; NaN where n < 2. Equal to ``scipy.stats.bootstrap(method="percentile", paired=True)``
        with ``numpy.random.default_rng(seed)``.
    """
    images, columns = values.shape
    if images < 2:
        return np.full((2, columns), np.nan)
    tail = (1 - CONFIDENCE) / 2
    return np.asarray(np.quantile(resampled(values, seed, resamples), [tail, 1 - tail], axis=0))


def resampled(values: Array, seed: int = 0, resamples: int = RESAMPLES) -> Array:
    """(resamples, m): the means of the m columns of (n, m) when the rows are drawn again, with replacement."""
    images, columns = values.shape
    anchor = values[0]  # deviations from it, so that equal values have equal means, exactly
    deviations = values - anchor
    means = np.empty((resamples, columns))
    done = 0
    for counts in draws(images, seed, resamples):
        means[done : done + len(counts)] = counts @ deviations / images
        done += len(counts)
    return np.asarray(anchor + means)


def draws(images: int, seed: int = 0, resamples: int = RESAMPLES) -> Iterator[npt.NDArray[np.int64]]:
    """How often each image is drawn: blocks (r, images), ``resamples`` rows in all. A seed gives the same draws."""
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


def summaries(groups: Sequence[Array], seed: int) -> Array:
    """(g, 3): mean, low and high of each group of values; groups of one length have the same draws."""
    found = np.full((len(groups), 3), np.nan)
    lengths = np.array([len(group) for group in groups], dtype=np.int64)
    for length in np.unique(lengths[lengths > 0]):
        places = np.flatnonzero(lengths == length)
        for start in range(0, len(places), _GROUPS_AT_ONCE):
            some = places[start : start + _GROUPS_AT_ONCE]
            values = np.column_stack([groups[int(place)] for place in some])
            found[some, 0] = mean(values)
            found[some, 1:] = bootstrap(values, seed).T
    return found
