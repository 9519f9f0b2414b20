"""Quantiles near an end of large samples: the numbers of ``numpy.quantile``, without an order of what lies between."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from .resampling import Array

_LOOKED_AT = 1_000  # samples that say where the tail begins, roughly
_MARGIN = 4  # standard deviations that the tail is taken longer than it has to be
_MOST_TAKEN = 4  # times what is needed


def tail_quantiles(samples: Array, at: Sequence[float]) -> Array:
    """(len(at), m): quantiles of each row of (m, r) samples in random order, as ``numpy.quantile`` interpolates them.

    Args:
        at: shares of the samples, all below one half or all above.

    Example:
        >>> tail_quantiles(np.arange(5.0)[None], [0.1, 0.25]).tolist()
        [[0.4], [1.0]]
    """
    count, is_low = samples.shape[1], max(at) < 0.5
    places = (count - 1) * np.asarray(at, dtype=np.float64)
    before = np.floor(places).astype(np.int64)
    after = np.minimum(before + 1, count - 1)
    needed = int(after.max()) + 1 if is_low else count - int(before.min())
    ordered = _tails(samples, needed, is_low)
    first = 0 if is_low else count - needed
    low, high = ordered[:, before - first].T, ordered[:, after - first].T
    return _between(low, high, (places - before)[:, None])


def _tails(samples: Array, needed: int, is_low: bool) -> Array:
    """(m, needed): of each row, its smallest or largest samples, in order."""
    some = samples[:, :_LOOKED_AT]
    expected = needed / samples.shape[1] * some.shape[1]
    rank = min(some.shape[1] - 1, math.ceil(expected + _MARGIN * math.sqrt(expected)))
    rank = rank if is_low else some.shape[1] - 1 - rank
    begins = np.partition(some, rank, axis=1)[:, rank, None]
    inside = samples <= begins if is_low else samples >= begins
    counts = inside.sum(1)
    if counts.min() < needed or counts.max() > _MOST_TAKEN * needed:  # in no random order, or many are equal
        counts = np.full(len(samples), samples.shape[1])
        inside = np.ones(samples.shape, dtype=bool)
    taken = np.full((len(samples), int(counts.max())), np.inf if is_low else -np.inf)
    filled = np.arange(taken.shape[1]) < counts[:, None]
    taken[filled] = samples[inside]
    taken.sort(axis=1)
    return taken[:, :needed] if is_low else taken[:, taken.shape[1] - needed :]


def _between(low: Array, high: Array, share: Array) -> Array:
    """Linear between two values; from the nearer of them, as NumPy does it, so that rounding is the same."""
    step = high - low
    return np.where(share < 0.5, low + step * share, high - step * (1 - share))
