"""One order over many metrics: mean ranks and Bradley-Terry strengths, with a two-level bootstrap.

``win_shares`` has the rules of who beats whom and of the weights. A unit is a network with a dataset: its layers and
metrics see the same images. The bootstrap draws units, then images within them; with one unit it draws images alone,
and says nothing of other networks or data. Images of equal content, and of a group, are drawn together.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit

from .metric_scale import Scales
from .resampling import CONFIDENCE, Array
from .score_matrix import Flags, Scores, scores
from .units import by_unit, numbered
from .win_shares import WinShares, fair, in_order, pair_wins, pairs_known, square, tree_weights

RESAMPLES = 2_000
FEWEST = 20  # independent images: percentile intervals of fewer cover less than 93 %, and 86 % with five
DECIMALS = 2  # of a mean rank over metrics, wherever it is shown: ranks that are equal so tie
_ROUNDS = 60
_ROUNDING = 1e-12
_DRAWS_AT_ONCE = 8_000_000
COLUMNS = ["method", "rank", "rank_low", "rank_high", "strength", "strength_low", "strength_high", "first", "contests"]


def overall(
    results: pd.DataFrame,
    scales: Scales,
    controls: Collection[str] = (),
    leave_out: Collection[tuple[str, ...]] = (),
    seed: int = 0,
    resamples: int = RESAMPLES,
    families: Collection[str] | None = None,
) -> pd.DataFrame:
    """One row per method, the best mean rank first; controls are not ranked.

    Args:
        leave_out: comparisons (model, dataset, layer, metric, protocol) that do not count, such as those that a
            control wins.
        families: of the metrics that count; None for all.

    Returns:
        See ``overall_of``.
    """
    return overall_of(in_order(list(scores(results, scales, controls)), leave_out, families), seed, resamples)


def overall_of(
    comparisons: Sequence[Scores], seed: int = 0, resamples: int = RESAMPLES, strengths: bool = True
) -> pd.DataFrame:
    """One row per method, the best mean rank first.

    Args:
        comparisons: those that count, of two methods or more each: see ``in_order``.
        strengths: whether the table has the three columns of strengths, which take most of the time.

    Returns:
        ``rank``: 1 + the (methods - 1) * the share of its rivals that beat it on an image, averaged as the rules
        of ``win_shares`` say, with its 95 % interval; ``strength``: of a Bradley-Terry model of the same comparisons,
        in log-odds, of mean 0 (1.1 more: wins three times of four), with its interval; ``first``: in which share of
        the resamples it has the best rank; ``contests``: in how many comparisons it is, of ``attrs["contests"]``.
        ``attrs["units"]``: networks x datasets. Empty without a comparison. There is no interval where a
        network and dataset have fewer than 20 independent images, and no ``first`` with a single one.
    """
    columns = [name for name in COLUMNS if strengths or not name.startswith("strength")]
    if not comparisons:
        return pd.DataFrame(columns=columns)
    shares = WinShares.of(comparisons)
    names = list(shares.methods)
    units = [_unit([comparisons[place] for place in places], names) for places in shares.units.values()]
    drawn = square(_draws(units, seed, resamples), len(names))
    ranks = _ranks(drawn)
    table = pd.DataFrame({"method": names, "rank": shares.ranks().round(12)})
    tails = [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]
    table[["rank_low", "rank_high"]] = np.quantile(ranks, tails, axis=0).T
    if strengths:
        table["strength"] = _strengths(square(shares.mean()[None], len(names)))[0]
        table[["strength_low", "strength_high"]] = np.quantile(_strengths(drawn), tails, axis=0).T
    table["first"] = _first(ranks)
    table["contests"] = [sum(name in fair(each) for each in comparisons) for name in names]
    if min(len(unit.wins) for unit in units) < FEWEST:
        table[[name for name in columns if name.endswith(("_low", "_high"))]] = np.nan
    if sum(len(unit.wins) for unit in units) == 1:  # one image says nothing of others
        table["first"] = np.nan
    table = table.sort_values("rank", kind="stable", ignore_index=True)[columns]
    table.attrs.update(contests=len(comparisons), units=len(units))
    return table


@dataclass(frozen=True, eq=False)
class _Unit:
    """Who beats whom on a network with a dataset.

    Attributes:
        wins: (n, p): the weighted share of comparisons of image i in which the first method of a pair beats the
            second, times ``known``; n independent images, see ``units``.
        known: (n, p), or (n, 1) where it is the same for all pairs: the weight of the comparisons that say anything of
            the pair on this image; its mean over images is 1, or 0.
    """

    wins: Array
    known: Array

    def shares(self, counts: Array) -> tuple[Array, Array]:
        """(b, p) twice: the share of wins when images are drawn as often as ``counts`` (b, n) says, 0 where nothing is
        known of the pair; and where something is, 1 or 0.
        """
        wins, known = counts @ self.wins, counts @ self.known
        known = np.broadcast_to(known, wins.shape)
        return np.divide(wins, known, out=np.zeros(wins.shape), where=known > 0), (known > 0).astype(np.float64)


def _unit(members: Sequence[Scores], methods: Sequence[str]) -> _Unit:
    """A comparison that applies to some of the images weighs as much as one that applies to all."""
    images = sorted({image for member in members for image in member.images})
    of = {image: unit for member in members for image, unit in zip(member.images, member.belongs, strict=True)}
    row, places = {image: place for place, image in enumerate(images)}, numbered([of[image] for image in images])
    size = len(methods) * (len(methods) - 1) // 2

    def by_place(member: Scores, values: Array | Flags) -> Array:
        """What the images of a member say, by unit; 0 of the other images."""
        laid = np.zeros((len(images), size))
        laid[[row[image] for image in member.images]] = values
        return by_unit(laid, places)

    totals = np.stack([by_place(member, pairs_known(member, methods)).mean(0) for member in members])
    paths = [(each.scale.family, each.key[3], each.key[4], each.key[2]) for each in members]
    weights = tree_weights(paths, totals > 0) / np.where(totals > 0, totals, 1)
    wins, known = (np.zeros((int(places.max(initial=-1)) + 1, size)) for _ in range(2))
    for member, weight in zip(members, weights, strict=True):  # one at a time: of 50,000 images each takes 200 MB
        for total, values in zip((wins, known), pair_wins(member, methods), strict=True):
            total += weight * by_place(member, values)
    return _Unit(wins, np.ones((len(known), 1)) if np.allclose(known, 1, rtol=0, atol=_ROUNDING) else known)


def _draws(units: Sequence[_Unit], seed: int, resamples: int) -> Array:
    """(resamples, p): the shares of wins when units, and images in them, are drawn again."""
    draw = np.random.default_rng(seed)
    picked = draw.integers(0, len(units), (resamples, len(units)))
    total, seen = (np.zeros((resamples, units[0].wins.shape[1])) for _ in range(2))
    for slot in range(len(units)):
        for number, unit in enumerate(units):
            rows, images = np.flatnonzero(picked[:, slot] == number), len(unit.wins)
            step = max(1, _DRAWS_AT_ONCE // images)
            for some in (rows[start : start + step] for start in range(0, len(rows), step)):
                counts = draw.multinomial(images, np.full(images, 1 / images), len(some))
                share, known = unit.shares(counts.astype(np.float64))
                total[some] += share
                seen[some] += known
    return _mean(total, seen)


def _mean(total: Array, seen: Array) -> Array:
    """The mean over the units that know a pair; a half where none does."""
    return np.asarray(np.divide(total, seen, out=np.full(total.shape, 0.5), where=seen > 0))


def _ranks(shares: Array) -> Array:
    """(b, m): 1 + the sum over rivals of their share of wins, of matrices (b, m, m)."""
    lost = 1 - shares
    return np.asarray(1 + lost.sum(2) - np.diagonal(lost, axis1=1, axis2=2))


def _strengths(shares: Array) -> Array:
    """(b, m): log strengths of mean 0 that a Bradley-Terry model gives to shares of wins (b, m, m).

    The maximum of the likelihood, by Newton's method. Half a win and half a loss in a thousand are added to each pair,
    so that a method that always wins has a finite strength.
    """
    methods = shares.shape[1]
    alone = np.arange(methods)
    wins = 0.999 * shares + 0.0005
    wins[:, alone, alone] = 0
    games = wins + wins.transpose(0, 2, 1)
    strength = np.zeros(wins.shape[:2])
    for _ in range(_ROUNDS):
        chance = expit(strength[:, :, None] - strength[:, None, :])
        slope = (wins - games * chance).sum(2)
        bend = -games * chance * (1 - chance)
        bend[:, alone, alone] = -bend.sum(2)
        step = np.clip(np.linalg.solve(bend + 1 / methods, slope[:, :, None])[:, :, 0], -2, 2)
        strength = strength + step - step.mean(1, keepdims=True)
        if np.abs(step).max() < 1e-10:
            break
    return np.asarray(strength)


def _first(ranks: Array) -> Array:
    best = np.isclose(ranks, ranks.min(1, keepdims=True), rtol=0, atol=_ROUNDING)
    return np.asarray((best / best.sum(1, keepdims=True)).mean(0))
