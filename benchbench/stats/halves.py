"""Would other images of the same kind give the same order? Split-half reliability of a metric's ranking."""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np
import pandas as pd

from .means import CONTEST
from .resampling import Array
from .scores import Scales, Scores, scores

SPLITS = 1_000
FEWEST = 4  # images


def split_half(
    results: pd.DataFrame, scales: Scales, controls: Collection[str] = (), seed: int = 0, splits: int = SPLITS
) -> pd.DataFrame:
    """One row per model, dataset, layer, metric and protocol: how alike two random halves of the images order methods.

    Only images on which every method has a value count; a method without any is left out first.

    Returns:
        The contest's key; ``n`` images; ``methods``; ``tau``: Kendall's tau-b of the methods' means in the two halves,
        its mean over the splits, with ``low`` and ``high``, its 2.5 % and 97.5 % quantiles; ``whole``: the same for
        two samples of all n images, as Spearman and Brown step it up, 2 tau / (1 + tau). NaN with fewer than two
        methods or four images, or where all means are equal.
    """
    found = [_row(one, seed, splits) for one in scores(results, scales, controls)]
    return pd.DataFrame(found, columns=[*CONTEST, "n", "methods", "tau", "low", "high", "whole"])


def _row(contest: Scores, seed: int, splits: int) -> tuple[object, ...]:
    values = contest.values[:, ~contest.controls & ~np.isnan(contest.values).all(0)]
    values = values[~np.isnan(values).any(1)]
    n, methods = values.shape
    if n < FEWEST or methods < 2:
        return (*contest.key, n, methods, math.nan, math.nan, math.nan, math.nan)
    one, other = halves(values, seed, splits)
    taus = kendall(one, other, contest.resolution)
    taus = taus[~np.isnan(taus)]
    if not len(taus):
        return (*contest.key, n, methods, math.nan, math.nan, math.nan, math.nan)
    tau = float(taus.mean())
    low, high = np.quantile(taus, [0.025, 0.975])
    return (*contest.key, n, methods, tau, float(low), float(high), 2 * tau / (1 + tau) if tau > -1 else -math.inf)


def halves(values: Array, seed: int, splits: int) -> tuple[Array, Array]:
    """(splits, m) twice: the means of the columns of (n, m) over a random half of the rows and over another one."""
    n = len(values)
    order = np.random.default_rng(seed).permuted(np.tile(np.arange(n), (splits, 1)), axis=1)
    first = np.zeros((splits, n))
    np.put_along_axis(first, order[:, : n // 2], 1.0, axis=1)
    second = np.zeros((splits, n))
    np.put_along_axis(second, order[:, n // 2 : 2 * (n // 2)], 1.0, axis=1)
    return first @ values / (n // 2), second @ values / (n // 2)


def kendall(one: Array, other: Array, resolution: float = 0.0) -> Array:
    """(s,): Kendall's tau-b of each row of (s, m) with the same row of the other; NaN where all of a row are equal."""
    left, right = np.triu_indices(one.shape[1], 1)
    first, second = (_signs(rows[:, left] - rows[:, right], resolution) for rows in (one, other))
    norm = np.sqrt((first**2).sum(1) * (second**2).sum(1))
    return np.asarray(np.divide((first * second).sum(1), norm, out=np.full(len(one), np.nan), where=norm > 0))


def _signs(gaps: Array, resolution: float) -> Array:
    return np.where(np.abs(gaps) <= resolution, 0.0, np.sign(gaps))
