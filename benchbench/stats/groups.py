"""Who cannot be told apart: mean ranks over images, and the groups of a critical-difference diagram."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from .means import CONTEST
from .pairs import ALPHA
from .scores import Scales, Scores, scores


@dataclass(frozen=True)
class Ranked:
    """The methods of one contest, the best mean rank first, and who cannot be told apart.

    Attributes:
        key: model, dataset, layer, metric, protocol.
        methods, ranks: names and mean ranks over ``n`` images, 1 the best; controls and methods to which the metric
            does not apply on all these images are not ranked.
        groups: (first, last) places of the longest runs of methods in which no two differ significantly
            (Wilcoxon or McNemar, Holm over all pairs); runs of two or more.
    """

    key: tuple[str, ...]
    n: int
    methods: tuple[str, ...]
    ranks: tuple[float, ...]
    groups: tuple[tuple[int, int], ...]


def ranked(results: pd.DataFrame, scales: Scales, tested: pd.DataFrame, controls: Collection[str] = ()) -> list[Ranked]:
    """The contests with two methods or more, in the order of the results.

    Args:
        tested: what ``pairs`` gave for the same results, with the same controls.
    """
    split = {tuple(map(str, key)): rows for key, rows in tested.groupby(CONTEST, sort=False)}
    found = [_ranked(one, split.get(one.key)) for one in scores(results, scales, controls)]
    return [contest for contest in found if contest is not None]


def _ranked(contest: Scores, tested: pd.DataFrame | None) -> Ranked | None:
    gain = contest.gain
    applies = ~np.isnan(gain)
    fair = np.flatnonzero(~contest.controls & (applies.sum(0) == applies.sum(0).max(initial=0)))
    rows = applies[:, fair].all(1)
    if tested is None or len(fair) < 2 or not rows.any():
        return None
    ranks = image_ranks(gain[np.ix_(rows, fair)], contest.resolution).mean(0)
    order = np.argsort(ranks, kind="stable")
    names = [contest.methods[place] for place in fair[order]]
    apart = _apart(names, tested)
    return Ranked(contest.key, int(rows.sum()), tuple(names), tuple(map(float, ranks[order])), _groups(apart))


def image_ranks(gain: np.ndarray, resolution: float) -> np.ndarray:
    """(n, m): the rank of each method on each image, 1 the best, ties sharing the mean of their ranks."""
    steps = np.where(np.isfinite(gain), gain, 0.0)
    if resolution > 0:
        steps = np.round(steps / resolution)
    return np.asarray(rankdata(-np.where(np.isneginf(gain), -np.inf, steps), axis=1))


def _apart(names: list[str], tested: pd.DataFrame) -> np.ndarray:
    """(m, m): which two differ significantly."""
    place = {name: at for at, name in enumerate(names)}
    apart = np.zeros((len(names), len(names)), dtype=np.bool_)
    rows = tested[~tested["against_control"] & (tested["p_holm"] < ALPHA)]
    for one, two in zip(rows["method"], rows["other"], strict=True):
        if one in place and two in place:
            apart[place[one], place[two]] = apart[place[two], place[one]] = True
    return apart


def _groups(apart: np.ndarray) -> tuple[tuple[int, int], ...]:
    """The longest runs (first, last) within which nothing is apart."""
    found: list[tuple[int, int]] = []
    for first in range(len(apart)):
        last = first
        while last + 1 < len(apart) and not apart[first : last + 1, last + 1].any():
            last += 1
        if last > first and not (found and found[-1][1] >= last):
            found.append((first, last))
    return tuple(found)
