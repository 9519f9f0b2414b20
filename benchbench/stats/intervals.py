"""Limits of a mean that hold at every number of images, for values with a known range.

Gaffke (2005) and Learned-Miller and Thomas (2019, arXiv:1905.06208): the upper limit at 1 - alpha is that quantile of
the mean of the n values and of the range's upper end, weighted at random by Dirichlet(1, ..., 1). The lower limit takes
the lower end in its place. What n images cannot have shown is in it: the share of values at the end of the range that
all n images could have missed by chance.

- For values of 0 and 1 it is the exact interval of Clopper and Pearson.
- For equal values it is the zero of n: of n differences that are 0, the mean is below 1 - alpha^(1/n) of the range.
- With many images it is the bootstrap's interval: the one added value loses its weight.

Nobody has proved that it holds for all bounded distributions, and no counterexample is known; tests/stats simulates it.
A mean of values without bounds has no limit that holds without an assumption (Bahadur and Savage 1956): on a side
where the range is open the limit is Student's, which assumes that means are nearly normal.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from scipy.special import betaincinv, stdtrit

from .resampling import CONFIDENCE, RESAMPLES, Array, mean
from .tail_quantiles import tail_quantiles

TAIL = (1 - CONFIDENCE) / 2
_WEIGHTS_AT_ONCE = 2_000_000
_GROUPS_AT_ONCE = 1_000
_COLUMNS_AT_ONCE = 16  # so that what is drawn for them stays in a processor's cache
_COLUMNS_OF_WEIGHTS = 1_024  # for which weights are drawn once, where they are too many to be held


def limits(values: Array, low: float = -math.inf, high: float = math.inf, seed: int = 0, tail: float = TAIL) -> Array:
    """Lower and upper limit of each column's mean.

    Args:
        values: (n, m): n independent units, m quantities.
        low, high: the range of the values; infinite on a side without a bound.
        seed: of the weights: the same seed and n give the same ones, whatever m is.
        tail: the chance that the mean lies beyond one limit, at most; 2.5 % for a 95 % interval.

    Returns:
        (2, m); NaN where n < 2, and, on a side without a bound, where all values are equal.
    """
    return np.asarray(limits_at(values, [tail], low, high, seed)[0])


def limits_at(values: Array, tails: Sequence[float], low: float, high: float, seed: int = 0) -> Array:
    """(tails, 2, m): ``limits`` at several tails, of the same weights."""
    units, columns = values.shape
    bounds = np.full((len(tails), 2, columns), np.nan)
    if units < 2 or not columns:
        return bounds
    ends = (min(low, float(values.min())), max(high, float(values.max())))
    for place, tail in enumerate(tails):
        bounds[place] = _student(values, tail)
    sides = [side for side in (0, 1) if math.isfinite((low, high)[side])]
    are_few = units + 1 <= _WEIGHTS_AT_ONCE // RESAMPLES
    weights = list(_weights(units, seed)) if are_few else []
    step = _COLUMNS_AT_ONCE if are_few else _COLUMNS_OF_WEIGHTS
    drawn = {side: np.empty((min(step, columns), RESAMPLES)) for side in sides}
    for start in range(0, columns if sides else 0, step):
        _weighted(values[:, start : start + step], ends, weights or _weights(units, seed), drawn)
        for side in sides:
            means = drawn[side][: columns - start]
            wanted = [1 - tail if side else tail for tail in tails]
            for first, some in _blocks(means.T):
                these = slice(start + first, start + first + some.shape[1])
                quantiles = tail_quantiles(some.T, wanted)
                exact = np.stack([_exact(values[:, these], ends[side], 1 if side else -1, tail) for tail in tails])
                bounds[:, side, these] = np.where(np.isnan(exact), quantiles, exact)
    return bounds


def _weighted(values: Array, ends: tuple[float, float], weights: Iterable[Array], drawn: Mapping[int, Array]) -> None:
    """Write means of the values and of the range's end, by blocks of ``weights``.

    Args:
        drawn: by side, the first rows of (m, resamples) get the means with the range's end there.
    """
    units = len(values)
    ordered = [(first, np.sort(some, axis=0)) for first, some in _blocks(values)]  # the images' order changes nothing
    done = 0
    for block in weights:
        rows = slice(done, done + len(block))
        for first, some in ordered:
            these, anchor = slice(first, first + some.shape[1]), some[0]
            inside = anchor[:, None] + (some - anchor).T @ block[:, :units].T
            for side, means in drawn.items():
                np.multiply((ends[side] - anchor)[:, None], block[:, units], out=means[these, rows])
                means[these, rows] += inside
        done += len(block)


def _blocks(values: Array) -> Iterator[tuple[int, Array]]:
    """Some columns at a time, each time with the place of the first."""
    for start in range(0, values.shape[1], _COLUMNS_AT_ONCE):
        yield start, values[:, start : start + _COLUMNS_AT_ONCE]


def _weights(units: int, seed: int) -> Iterator[Array]:
    """Blocks (r, units + 1) of Dirichlet(1, ..., 1), ``RESAMPLES`` rows in all."""
    draw = np.random.default_rng(seed)
    step = max(1, _WEIGHTS_AT_ONCE // (units + 1))
    for start in range(0, RESAMPLES, step):
        parts = draw.standard_exponential((min(step, RESAMPLES - start), units + 1))
        yield parts / parts.sum(1, keepdims=True)


def _exact(values: Array, end: float, sign: int, tail: float) -> Array:
    """(m,): the limit in closed form where all values but those at the end are equal; NaN elsewhere."""
    units = len(values)
    at_end = values == end
    inner = np.where(at_end, np.nan, values)
    count = at_end.sum(0)
    rest = np.where(count < units, np.fmin.reduce(inner, axis=0), end)
    same = (count == units) | (rest == np.fmax.reduce(inner, axis=0))
    inside = np.minimum(count, units - 1)
    share = np.where(count == units, 0.0, betaincinv(inside + 1, units - inside, 1 - tail))
    return np.asarray(np.where(same, rest + sign * np.abs(end - rest) * share, np.nan), dtype=np.float64)


def _student(values: Array, tail: float) -> Array:
    units = len(values)
    spread = values.std(0, ddof=1)
    half = float(stdtrit(units - 1, 1 - tail)) * spread / math.sqrt(units)
    half = np.where((values == values[0]).all(0), np.nan, half)
    middle = mean(values)
    return np.stack([middle - half, middle + half])


def summaries(groups: Sequence[Array], bounds: Sequence[tuple[float, float]], seed: int) -> Array:
    """(g, 3): mean, low and high of each group of values; groups of one length have the same weights.

    Args:
        bounds: by group, the range of its values.
    """
    summary = np.full((len(groups), 3), np.nan)
    alike: dict[tuple[int, float, float], list[int]] = {}
    for place, (group, (low, high)) in enumerate(zip(groups, bounds, strict=True)):
        if len(group):
            alike.setdefault((len(group), low, high), []).append(place)
    for (_, low, high), places in alike.items():
        for start in range(0, len(places), _GROUPS_AT_ONCE):
            some = places[start : start + _GROUPS_AT_ONCE]
            values = np.column_stack([groups[place] for place in some])
            summary[some, 0] = mean(values)
            summary[some, 1:] = limits(values, low, high, seed).T
    return summary


def fewest_equivalent(share: float, alpha: float = 0.05) -> int:
    """With fewer units no two methods can be shown equivalent within ``share`` of the metric's range.

    Of n differences that are all 0, the mean is below 1 - alpha^(1/n) of the range: 299 for 1 %, 59 for 5 %.
    """
    return math.ceil(math.log(alpha) / math.log1p(-share) - 1e-9)
