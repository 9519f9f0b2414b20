"""Spearman's correlation and the area under the ROC curve, with intervals for few units."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from .mean_ranks import mean_ranks
from .resampling import CONFIDENCE

_EDGE = 1e-9
_Z = float(ndtri((1 + CONFIDENCE) / 2))


def spearman(first: ArrayLike, second: ArrayLike) -> tuple[float, float, float]:
    """Spearman's rank correlation with its 95 % interval, by Fisher's z.

    The standard error of z is sqrt((1 + r^2 / 2) / (n - 3)), Bonett and Wright 2000 (Psychometrika 65, 23-28). For a
    perfect order, whose z is infinite, the interval is that of the next possible value below it, 1 - 12 / (n^3 - n),
    and its far end is 1.

    Args:
        first, second: n values each.

    Returns:
        The correlation, and the ends of the interval; NaN for the correlation where all values of a side are equal,
        and for the ends where n < 4.

    Example:
        >>> spearman([1, 2, 3, 4, 5], [1, 2, 3, 5, 4])[0]
        0.9
    """
    ranks = np.stack([mean_ranks(first), mean_ranks(second)])
    n = len(ranks[0])
    if n < 2 or any(np.ptp(each) == 0 for each in ranks):
        return math.nan, math.nan, math.nan
    value = min(1.0, max(-1.0, round(float(np.corrcoef(ranks[0], ranks[1])[0, 1]), 12)))
    if n < 4:
        return value, math.nan, math.nan
    most = 1 - 12 / (n**3 - n)
    inner = min(most, max(-most, value))
    half = _Z * math.sqrt((1 + inner**2 / 2) / (n - 3))
    low, high = math.tanh(math.atanh(inner) - half), math.tanh(math.atanh(inner) + half)
    return value, -1.0 if value <= -most else low, 1.0 if value >= most else high


def roc_area(positive: ArrayLike, negative: ArrayLike) -> tuple[float, float, float]:
    """The probability that a positive unit has the larger value, ties counting half, with its 95 % interval.

    The interval is Newcombe's method 5 (2006, Statistics in Medicine 25, 559-573): the areas t for which
    |t - area| <= z sqrt(t (1 - t) (1 + (N - 1) ((1 - t) / (2 - t) + t / (1 + t))) / (m n)), with N = (m + n) / 2. It
    holds for few units, and is no point where the area is 1.

    Args:
        positive: m values.
        negative: n values.

    Returns:
        The area, and the ends of the interval; NaN where a side has no unit, and for the ends where m + n < 4.

    Example:
        >>> roc_area([0.9, 0.8], [0.1, 0.8])[0]
        0.875
    """
    above, below = (np.asarray(values, dtype=np.float64) for values in (positive, negative))
    m, n = len(above), len(below)
    if not m or not n:
        return math.nan, math.nan, math.nan
    difference = np.subtract.outer(above, below)
    area = float(((difference > 0) + (difference == 0) / 2).mean())
    if m + n < 4:
        return area, math.nan, math.nan
    from scipy.optimize import brentq  # takes half a second

    def excess(t: float) -> float:
        spread = t * (1 - t) * (1 + ((m + n) / 2 - 1) * ((1 - t) / (2 - t) + t / (1 + t))) / (m * n)
        return abs(t - area) - _Z * math.sqrt(max(spread, 0.0))

    inside = min(1 - _EDGE, max(_EDGE, area))  # at 0 and 1 the spread is 0, and the area itself a root beside the limit
    low = 0.0 if area == 0 else float(brentq(excess, 0.0, inside))
    high = 1.0 if area == 1 else float(brentq(excess, inside, 1.0))
    return area, low, high
