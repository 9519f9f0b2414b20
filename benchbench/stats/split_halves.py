"""Would other images of the same kind give the same order? Split-half reliability of a metric's ranking."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable

import numpy as np
import pandas as pd

from .leaderboards import CONTEST
from .metric_scale import Scales
from .resampling import Array
from .score_matrix import Scores, differences, scores
from .units import by_unit, numbered

SPLITS = 1_000
FEWEST = 4  # independent images
_ROUNDING = 1e-12
_DRAWS_AT_ONCE = 4_000_000


def split_half(
    results: pd.DataFrame, scales: Scales, controls: Collection[str] = (), seed: int = 0, splits: int = SPLITS
) -> pd.DataFrame:
    """One row per model, dataset, layer, metric and protocol: how alike two random halves of the images order methods.

    Only images on which every method has a value count; a method without any is left out first. Images of one unit
    are never in different halves. Two methods' means are equal where their values tie on every image.

    Returns:
        The contest's key; ``n`` independent images; ``methods``; ``tau``: Kendall's tau-b of the methods' means in the
        two halves, its mean over the splits, with ``low`` and ``high``, its 2.5 % and 97.5 % quantiles; ``whole``: the
        same for two samples of all n images (``stepped_up``). NaN with fewer than two methods or four images, or where
        all means are equal.
    """
    return split_half_of(scores(results, scales, controls), seed, splits)


def split_half_of(comparisons: Iterable[Scores], seed: int = 0, splits: int = SPLITS) -> pd.DataFrame:
    """``split_half`` of the values of comparisons, as ``scores`` gives them."""
    rows = [_row(contest, seed, splits) for contest in comparisons]
    return pd.DataFrame(rows, columns=[*CONTEST, "n", "methods", "tau", "low", "high", "whole"])


def _row(contest: Scores, seed: int, splits: int) -> tuple[object, ...]:
    values = contest.values[:, ~contest.controls & ~np.isnan(contest.values).all(0)]
    complete = np.asarray(~np.isnan(values).any(1))
    left, right = np.triu_indices(values.shape[1], 1)
    gaps = differences(values[complete][:, left], values[complete][:, right], contest.scale.floor)
    gaps = by_unit(gaps, numbered([name for name, known in zip(contest.belongs, complete, strict=True) if known]))
    n, methods = len(gaps), values.shape[1]
    none = (*contest.key, n, methods, math.nan, math.nan, math.nan, math.nan)
    if n < FEWEST or methods < 2:
        return none
    taus = concordance(*halves(gaps, seed, splits))
    taus = taus[~np.isnan(taus)]
    if not len(taus):
        return none
    tau = float(taus.mean())
    low, high = np.quantile(taus, [0.025, 0.975])
    return (*contest.key, n, methods, tau, float(low), float(high), stepped_up(tau))


def stepped_up(tau: float) -> float:
    """Of two halves' agreement that of two samples of twice the size, in [-1, 1].

    Spearman and Brown's 2 tau / (1 + tau) for an agreement. For a disagreement its mirror image, 2 tau / (1 - tau), as
    Krus and Helmstadter (1993) have it: the formula itself leaves [-1, 1] below -1/3.
    """
    return 2 * tau / (1 + abs(tau))


def halves(values: Array, seed: int, splits: int) -> tuple[Array, Array]:
    """(splits, m) twice: the means of the columns of (n, m) over a random half of the rows and over another one.

    A mean that is 0 but for the rounding of its sum is 0.
    """
    n, draw = len(values), np.random.default_rng(seed)
    rounding = _ROUNDING * np.abs(values).max(0, initial=0.0)
    means = np.empty((2, splits, values.shape[1]))
    step = max(1, _DRAWS_AT_ONCE // max(1, n))
    for done in range(0, splits, step):
        rows = slice(done, min(done + step, splits))
        order = draw.permuted(np.tile(np.arange(n), (rows.stop - done, 1)), axis=1)
        for half, start in enumerate((0, n // 2)):
            chosen = np.zeros(order.shape)
            np.put_along_axis(chosen, order[:, start : start + n // 2], 1.0, axis=1)
            total = chosen @ values
            means[half, rows] = np.where(np.abs(total) <= rounding, 0.0, total) / (n // 2)
    return means[0], means[1]


def kendall(means: Array, other_means: Array) -> Array:
    """(s,): Kendall's tau-b of each row of (s, m) with the same row of the other; NaN where all of a row are equal."""
    left, right = np.triu_indices(means.shape[1], 1)
    return concordance(means[:, left] - means[:, right], other_means[:, left] - other_means[:, right])


def concordance(gaps: Array, other_gaps: Array) -> Array:
    """(s,): Kendall's tau-b of two orders, each row given by the differences of all pairs (s, m * (m - 1) / 2)."""
    first, second = np.sign(gaps), np.sign(other_gaps)
    norm = np.sqrt((first**2).sum(1) * (second**2).sum(1))
    return np.asarray(np.divide((first * second).sum(1), norm, out=np.full(len(gaps), np.nan), where=norm > 0))
