"""The paired tests: Wilcoxon's signed ranks and, where values are 0 or 1, McNemar's."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.special import bdtr, ndtr

from .mean_ranks import mean_ranks
from .resampling import Array

EXACT = 50  # differences that are not zero: up to here the null distribution is counted out


def signed_rank(differences: Array) -> tuple[Array, Array]:
    """Wilcoxon's signed-rank test of each column, two-sided, and the matched-pairs rank-biserial correlation.

    Args:
        differences: (n, k): n images, k pairs; NaN is left out, and so are zeros. Infinite ones have the highest ranks.

    Returns:
        ``p`` (k,) and ``effect`` (k,), (W+ - W-) / (W+ + W-) in [-1, 1], as in Kerby (2014); 1 and 0 where no
        difference is left. Up to 50 differences p is exact, given the ties; above, it is the normal approximation with
        the variance of tied ranks and no continuity correction.
    """
    sizes = np.where(differences == 0, np.nan, np.abs(differences))
    ranks = np.nan_to_num(mean_ranks(sizes))
    count = (~np.isnan(sizes)).sum(0)
    plus, minus = (ranks * (differences > 0)).sum(0), (ranks * (differences < 0)).sum(0)
    total = plus + minus
    effect = np.divide(plus - minus, total, out=np.zeros_like(total), where=total > 0)
    spread = np.sqrt((ranks**2).sum(0) / 4)
    z = np.divide(np.minimum(plus, minus) - total / 2, spread, out=np.zeros_like(total), where=spread > 0)
    p = np.minimum(1, 2 * ndtr(z))
    for column in np.flatnonzero((count <= EXACT) & (count > 0)):
        column_ranks = ranks[:, column]
        doubled = np.sort(np.round(2 * column_ranks[column_ranks > 0]).astype(np.int64))
        p[column] = _exact(doubled.tobytes(), round(2 * min(plus[column], minus[column])))
    return p, effect


def _exact(ranks: bytes, smaller: int) -> float:
    return min(1.0, 2 * float(_distribution(ranks)[smaller]))


@lru_cache(maxsize=4096)
def _distribution(ranks: bytes) -> Array:
    """P(the sum of the doubled ranks with a plus <= s) for every s, each sign being a fair coin."""
    doubled = np.frombuffer(ranks, dtype=np.int64)
    ways = np.zeros(int(doubled.sum()) + 1)
    ways[0] = 1
    for rank in doubled:
        ways[rank:] = ways[rank:] + ways[:-rank]
    return np.asarray(np.cumsum(ways) / 2.0 ** len(doubled))


def mcnemar(differences: Array) -> tuple[Array, Array]:
    """McNemar's exact test of each column, two-sided: wins against losses, a fair coin each.

    Args:
        differences: (n, k), of which only the signs count; NaN and zeros are left out.

    Returns:
        ``p`` (k,) and ``effect`` (k,), (wins - losses) / (wins + losses); 1 and 0 where there is neither.
    """
    wins, losses = (differences > 0).sum(0), (differences < 0).sum(0)
    both = wins + losses
    p = np.minimum(1, 2 * bdtr(np.minimum(wins, losses), both, 0.5))
    return np.asarray(p, dtype=np.float64), np.divide(wins - losses, both, out=np.zeros(both.shape), where=both > 0)


def holm(p: Array) -> Array:
    """P values of one family, adjusted by Holm (1979); NaN stays NaN and counts for nothing."""
    adjusted = np.full(p.shape, np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(steps))
    return adjusted


@lru_cache(maxsize=4096)
def _outside(count: int) -> int:
    """The place of the interval's lower end among so many values in order; -1 where there is none.

    Asked for once for each pair of methods, of which a large study has hundreds of thousands of the same count.
    """
    beyond = bdtr(np.arange(count + 1), count, 0.5)
    return int(np.searchsorted(beyond, 0.025, side="right")) - 1


def median_intervals(values: Array) -> Array:
    """(k, 3): of each column of (n, k) values, the median and its distribution-free 95 % interval.

    The interval is the sign test's, from order statistics. NaN for both limits with fewer than six values: no interval
    of so few has that confidence.
    """
    ordered, count = np.sort(values, axis=0), len(values)
    if not count:
        return np.full((values.shape[1], 3), np.nan)
    outside, half = _outside(count), count // 2
    middle = ordered[half] if count % 2 else (ordered[half - 1] + ordered[half]) / 2
    none = np.full(middle.shape, np.nan)
    low, high = (none, none) if outside < 0 else (ordered[outside], ordered[count - 1 - outside])
    return np.stack([middle, low, high], axis=1)
