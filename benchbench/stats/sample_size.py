"""What a study of so many images can see, and how many more would settle what it leaves open."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri, owens_t

from .leaderboards import CONTEST
from .metric_scale import Scales
from .pairwise import ALPHA
from .resampling import Array
from .score_matrix import Scores, alike_columns, differences, scores
from .units import by_unit

POWER = 0.8
_ROUNDING = 1e-12
_MOST = 1 << 40  # images: what needs as many has no effect
_COMMON = 1 << 20
LARGEST = 5.0  # standard deviations: nearly every difference has one sign
COLUMNS = [*CONTEST, "method", "other", "n", "mean_difference", "spread", "d_z", "visible", "needed", "more"]


def images_needed(methods: int, effect: float, power: float = POWER) -> int:
    """Images for a paired Wilcoxon test at Holm's strictest step, all pairs of ``methods``, to see d_z = ``effect``.

    For normal differences, from the mean and the variance of the signed-rank sum under the alternative (Lehmann 1975,
    "Nonparametrics", section 4.2). For small effects that is the usual (z_alpha + z_power)^2 pi / (3 d_z^2), which
    promises too much for large ones.
    """
    return int(_images_needed(methods, np.array([effect]), power)[0])


def _images_needed(methods: int, effects: Array, power: float) -> Array:
    """(k,): ``images_needed`` for each effect (k,), all bisected at once."""
    fewest = np.full(len(effects), float(fewest_images(methods)))
    most = np.full(len(effects), float(_MOST))
    common = _power(_COMMON, effects, methods) >= power  # most effects; then few steps find it
    most[common] = fewest[common]
    while (short := common & (_power(most, effects, methods) < power)).any():
        fewest[short], most[short] = most[short] + 1, np.minimum(2 * most[short], _COMMON)
    while (fewest < most).any():
        middle = np.floor((fewest + most) / 2)
        enough = _power(middle, effects, methods) >= power
        most, fewest = np.where(enough, middle, most), np.where(enough, fewest, np.minimum(middle + 1, most))
    return most


@lru_cache(maxsize=1024)
def smallest_visible_effect(methods: int, images: int, power: float = POWER) -> float:
    """The smallest standardised paired difference d_z that the test of ``images_needed`` sees with so many images.

    Infinite where even differences of one sign on every image are too few.
    """
    if images < fewest_images(methods) or _power(images, LARGEST, methods) < power:
        return math.inf
    from scipy.optimize import brentq  # takes half a second

    return float(brentq(lambda effect: _power(images, effect, methods) - power, 0.0, LARGEST, xtol=1e-9))


def fewest_images(methods: int, alpha: float = ALPHA) -> int:
    """With fewer images no pair can be significant, whatever the values: 2 / 2^n stays above Holm's strictest step."""
    return fewest_for_pairs(_pairs(methods), alpha)


def fewest_for_pairs(pairs: float, alpha: float = ALPHA) -> int:
    """``fewest_images`` for so many pairs that were tested, where they are not all pairs of some methods.

    Of no pair as of one.
    """
    return 1 + math.ceil(math.log2(max(pairs, 1) / alpha) - 1e-12)


def power(results: pd.DataFrame, scales: Scales, controls: Collection[str] = (), power: float = POWER) -> pd.DataFrame:
    """One row per model, dataset, layer, metric, protocol and pair of methods.

    Returns:
        The contest's key, ``method``, ``other``; ``n``: independent images with both values; ``mean_difference`` and
        ``spread``, the standard deviation of the paired differences, in the metric's unit; ``d_z``: their ratio;
        ``visible``: the smallest mean difference that a Wilcoxon signed-rank test at Holm's strictest step sees with
        this power and so many images, for normal differences of this spread; ``needed``: images to see the difference,
        were it the true one; ``more``: how many of them are missing. ``needed`` and ``more`` are missing (NA)
        where the difference or the spread is zero, or n < 2.
    """
    return power_of(scores(results, scales, controls), power)


def power_of(comparisons: Iterable[Scores], power: float = POWER) -> pd.DataFrame:
    """``power`` of the values of comparisons, as ``scores`` gives them."""
    rows = [row for contest in comparisons for row in _rows(contest, power)]
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.astype({"n": "int64", "needed": "Int64", "more": "Int64"})


def _rows(contest: Scores, power: float) -> list[tuple[object, ...]]:
    places = [int(place) for place in np.flatnonzero(~contest.controls)]
    methods = max(2, int((~np.isnan(contest.values[:, places]).all(0)).sum()))  # a pair is two, even without values
    chosen = list(itertools.combinations(places, 2))
    if not chosen:
        return []
    first, second = (list(column) for column in zip(*chosen, strict=True))
    values = contest.values
    gaps = by_unit(differences(values[:, first], values[:, second], contest.scale.floor), contest.units)
    seen = _differences(gaps)
    sought = np.array([abs(each.effect) for each in seen])
    known = ~np.isnan(sought)
    needed = np.full(len(seen), np.nan)
    needed[known] = _images_needed(methods, sought[known], power)
    return [
        (
            *contest.key,
            contest.methods[method],
            contest.methods[other],
            *each.row(smallest_visible_effect(methods, each.n, power), images),
        )
        for (method, other), each, images in zip(chosen, seen, needed.tolist(), strict=True)
    ]


@dataclass(frozen=True)
class _Difference:
    """The paired differences of two methods: how many, their mean and spread, and d_z, NaN where there is none."""

    n: int
    average: float
    spread: float
    effect: float

    def row(self, visible: float, needed: float) -> tuple[object, ...]:
        """The columns from ``n`` on; ``visible`` in standard deviations, ``needed`` NaN where there is no effect."""
        seen = visible * self.spread if self.n > 1 else math.nan
        if math.isnan(needed):
            return self.n, self.average, self.spread, self.effect, seen, pd.NA, pd.NA
        return self.n, self.average, self.spread, self.effect, seen, int(needed), max(0, int(needed) - self.n)


def _differences(gaps: Array) -> list[_Difference]:
    """Of each column of (n, k) paired differences; NaN is left out."""
    seen = [_Difference(0, math.nan, math.nan, math.nan)] * gaps.shape[1]
    for columns, rows in alike_columns(~np.isnan(gaps)):
        for place, each in zip(columns, _of_rows(np.ascontiguousarray(gaps[rows][:, columns].T)), strict=True):
            seen[place] = each
    return seen


def _of_rows(rows: Array) -> list[_Difference]:
    """Of each row of (k, n) paired differences, all known; n is 1 or more."""
    n, nothing = rows.shape[1], np.full(len(rows), np.nan)
    average = rows.mean(1)
    spread = rows.std(1, ddof=1) if n > 1 else nothing
    rounding = _ROUNDING * np.abs(rows).max(1)
    has_effect = (n > 1) & (spread > rounding) & (np.abs(average) > rounding)
    effect = np.divide(average, spread, out=nothing.copy(), where=has_effect)
    columns = (average.tolist(), spread.tolist(), effect.tolist())
    return [_Difference(n, *values) for values in zip(*columns, strict=True)]


def _pairs(methods: int) -> float:
    return methods * (methods - 1) / 2


def _power(n: Array | int, effect: Array | float, methods: int) -> Array:
    """The chance that the test is significant, with normal differences of mean ``effect`` and variance 1.

    ``n`` and ``effect``: arrays of one shape, or numbers.
    """
    n = np.asarray(n, dtype=np.float64)
    step = math.sqrt(2) * np.asarray(effect)
    single, double = ndtr(effect), ndtr(step)  # P(d > 0), P(d + d' > 0)
    joint = double - 2 * owens_t(step, math.sqrt(1 / 3))  # P(d + d' > 0 and d + d'' > 0)
    pairs = n * (n - 1) / 2
    mean = n * single + pairs * double
    variance = n * single * (1 - single) + pairs * (2 * (single - double) ** 2 + 3 * double * (1 - double))
    variance += 2 * pairs * (n - 2) * (joint - double**2)
    null = np.sqrt(n * (n + 1) * (2 * n + 1) / 24)
    threshold = n * (n + 1) / 4 - ndtri(ALPHA / _pairs(methods) / 2) * null
    return np.asarray(ndtr((mean - threshold) / np.sqrt(np.maximum(variance, 1e-12))))
