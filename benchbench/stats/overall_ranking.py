"""One order over many metrics: mean ranks and Bradley-Terry strengths, with a two-level bootstrap.

The rules:

- On an image, under one metric at one layer, a method beats another if its value is better; ties count half, a failure
  loses, and where the metric does not apply to one of the two the image says nothing of this pair.
- Protocols of a metric count the same, then metrics of a family, then families: ten ways to remove pixels are not ten
  opinions. Layers count the same.
- A unit is a network with a dataset: its layers and metrics see the same images. The bootstrap draws units, then
  images within them; with one unit it draws images alone, and says nothing of other networks or data. Images of equal
  content, and of a group, are drawn together.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit

from .metric_scale import Scales
from .resampling import CONFIDENCE, Array
from .score_matrix import Scores, beats, scores
from .units import by_unit, numbered

RESAMPLES = 2_000
FEWEST = 20  # independent images: percentile intervals of fewer cover less than 93 %, and 86 % with five
_ROUNDS = 60
COLUMNS = ["method", "rank", "rank_low", "rank_high", "strength", "strength_low", "strength_high", "first", "contests"]


def overall(
    results: pd.DataFrame,
    scales: Scales,
    controls: Collection[str] = (),
    leave_out: Collection[tuple[str, ...]] = (),
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """One row per method, the best mean rank first; controls are not ranked.

    Args:
        leave_out: contests (model, dataset, layer, metric, protocol) that do not count, such as gamed ones.

    Returns:
        ``rank``: 1 + the (methods - 1) * the share of its rivals that beat it on an image, averaged as the rules
        of this module say, with its 95 % interval; ``strength``: of a Bradley-Terry model of the same comparisons, in
        log-odds, of mean 0 (1.1 more: wins three times of four), with its interval; ``first``: in which share of the
        resamples it has the best rank; ``contests``: to how many it was a party, of ``attrs["contests"]``.
        ``attrs["units"]``: networks x datasets. Empty with fewer than two methods. There is no interval where a
        network and dataset have fewer than 20 independent images, and no ``first`` with a single one.
    """
    fair = [contest for contest in scores(results, scales, controls) if contest.key not in set(leave_out)]
    names = list(dict.fromkeys(name for contest in fair for name in _fair(contest)))
    fair = [contest for contest in fair if len(_fair(contest)) > 1]
    if len(names) < 2 or not fair:
        return pd.DataFrame(columns=COLUMNS)
    units = [_unit(members, names) for members in _by_unit(fair)]
    drawn = _draws(units, seed, resamples)
    whole = np.mean([unit.mean for unit in units], axis=0)[None]
    ranks, strengths = _ranks(drawn), _strengths(drawn)
    table = pd.DataFrame({"method": names, "rank": _ranks(whole)[0]})
    tails = [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]
    table[["rank_low", "rank_high"]] = np.quantile(ranks, tails, axis=0).T
    table["strength"] = _strengths(whole)[0]
    table[["strength_low", "strength_high"]] = np.quantile(strengths, tails, axis=0).T
    table["first"] = _first(ranks)
    table["contests"] = [sum(name in _fair(contest) for contest in fair) for name in names]
    if min(len(unit.wins) for unit in units) < FEWEST:
        table[["rank_low", "rank_high", "strength_low", "strength_high"]] = np.nan
    if sum(len(unit.wins) for unit in units) == 1:  # one image says nothing of others
        table["first"] = np.nan
    table = table.sort_values("rank", kind="stable", ignore_index=True)[COLUMNS]
    table.attrs.update(contests=len(fair), units=len(units))
    return table


def _fair(contest: Scores) -> tuple[str, ...]:
    """The methods that the metric applies to somewhere, without controls."""
    here = ~np.isnan(contest.gain).all(0) & ~contest.controls
    return tuple(name for name, fair in zip(contest.methods, here, strict=True) if fair)


def _by_unit(fair: Sequence[Scores]) -> list[list[Scores]]:
    units: dict[tuple[str, ...], list[Scores]] = {}
    for contest in fair:
        units.setdefault(contest.key[:2], []).append(contest)
    return list(units.values())


@dataclass(frozen=True, eq=False)
class _Unit:
    """Who beats whom on a network with a dataset.

    Attributes:
        wins: (n, m * m): the weighted share of contests of image i in which method a beats method b, times ``known``;
            n independent images, see ``units``.
        known: (n, m * m): the weight of the contests that say anything of the pair.
    """

    wins: Array
    known: Array

    @property
    def mean(self) -> Array:
        return _share(self.wins.sum(0), self.known.sum(0))


def _unit(members: Sequence[Scores], names: Sequence[str]) -> _Unit:
    images = sorted({image for contest in members for image in contest.images})
    row = {image: place for place, image in enumerate(images)}
    wins, known = (np.zeros((len(images), len(names), len(names))) for _ in range(2))
    for contest, weight in zip(members, _weights(members), strict=True):
        keep = [place for place, name in enumerate(contest.methods) if name in names]
        at = np.array([names.index(contest.methods[place]) for place in keep])
        gain = contest.gain[:, keep]
        here = np.ix_(np.array([row[image] for image in contest.images]), at, at)
        won, comparable = beats(gain, contest.scale.floor)
        wins[here] += weight * won
        known[here] += weight * comparable
    of = {image: unit for contest in members for image, unit in zip(contest.images, contest.belongs, strict=True)}
    places = numbered([of[image] for image in images])
    return _Unit(*(by_unit(each.reshape(len(images), -1), places) for each in (wins, known)))


def _weights(members: Sequence[Scores]) -> Array:
    """Families count the same, metrics within them, protocols within these, layers within all."""
    paths = [(contest.scale.family, contest.key[3], contest.key[4], contest.key[2]) for contest in members]
    weights = np.ones(len(paths))
    for depth in range(4):
        siblings: dict[tuple[str, ...], set[str]] = {}
        for path in paths:
            siblings.setdefault(path[:depth], set()).add(path[depth])
        weights /= np.array([len(siblings[path[:depth]]) for path in paths])
    return weights


def _share(wins: Array, known: Array) -> Array:
    """Where nothing is known of a pair: a half."""
    return np.asarray(np.divide(wins, known, out=np.full(wins.shape, 0.5), where=known > 0))


def _draws(units: Sequence[_Unit], seed: int, resamples: int) -> Array:
    """(resamples, m * m): the shares of wins when units, and images in them, are drawn again."""
    draw = np.random.default_rng(seed)
    picked = draw.integers(0, len(units), (resamples, len(units)))
    total = np.zeros((resamples, units[0].wins.shape[1]))
    for slot in range(len(units)):
        for number, unit in enumerate(units):
            rows = np.flatnonzero(picked[:, slot] == number)
            counts = draw.multinomial(len(unit.wins), np.full(len(unit.wins), 1 / len(unit.wins)), len(rows))
            total[rows] += _share(counts @ unit.wins, counts @ unit.known)
    return total / len(units)


def _ranks(shares: Array) -> Array:
    """(b, m): 1 + the sum over rivals of their share of wins."""
    methods = round(shares.shape[1] ** 0.5)
    lost = 1 - shares.reshape(-1, methods, methods)
    return np.asarray(1 + lost.sum(2) - np.diagonal(lost, axis1=1, axis2=2))


def _strengths(shares: Array) -> Array:
    """(b, m): log strengths of mean 0 that a Bradley-Terry model gives to shares of wins (b, m * m).

    The maximum of the likelihood, by Newton's method. Half a win and half a loss in a thousand are added to each pair,
    so that a method that always wins has a finite strength.
    """
    methods = round(shares.shape[1] ** 0.5)
    alone = np.arange(methods)
    wins = 0.999 * shares.reshape(-1, methods, methods) + 0.0005
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
    best = np.isclose(ranks, ranks.min(1, keepdims=True), rtol=0, atol=1e-12)
    return np.asarray((best / best.sum(1, keepdims=True)).mean(0))
