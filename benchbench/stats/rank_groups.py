"""Mean ranks over images, and a compact letter display of who differs significantly from whom.

Letters (Piepho 2004, J. Comput. Graph. Stat. 13, 456-466): two methods share a letter if and only if they do not differ
significantly. Letters, and the bars of a critical-difference diagram, are made of the verdicts of ``pairs`` and of
nothing else. Each letter is a set of methods of which no two differ, as large as it can be: a column that insert-and-
absorb yields. Insert-and-absorb makes all such sets, which are up to 3^(m/3) of m methods, and then sweeps those that
join nothing by themselves. Here the sets are grown from the pairs that no letter joins yet, and swept then (clique
growing, Gramm et al. 2007, Comput. Stat. Data Anal. 52, 725-736), so that fifty methods take no longer than their
number of pairs. The tests compare both.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .leaderboards import CONTEST
from .metric_scale import Scales
from .pairwise import significant
from .score_matrix import Flags, Scores, image_ranks, scores
from .units import by_unit


@dataclass(frozen=True)
class Ranked:
    """The methods of one comparison, the best mean rank first, and who does not differ significantly from whom.

    Attributes:
        key: model, dataset, layer, metric, protocol.
        methods, ranks: names and mean ranks over ``n`` independent units, 1 the best; controls and methods to which
            the metric does not apply on all these images are not ranked.
        groups: places of methods, rising, one tuple for each letter: no two methods of a group differ significantly
            (Wilcoxon or McNemar, Holm over all pairs), and any two that do not differ are in a group together. A
            method that differs from all others is a group by itself.
    """

    key: tuple[str, ...]
    n: int
    methods: tuple[str, ...]
    ranks: tuple[float, ...]
    groups: tuple[tuple[int, ...], ...]


def ranked(results: pd.DataFrame, scales: Scales, tested: pd.DataFrame, controls: Collection[str] = ()) -> list[Ranked]:
    """The comparisons with two methods or more, in the order of the results.

    Args:
        tested: what ``pairs`` gave for the same results, with the same controls.
    """
    return ranked_of(scores(results, scales, controls), tested)


def ranked_of(comparisons: Iterable[Scores], tested: pd.DataFrame) -> list[Ranked]:
    """``ranked`` of the values of comparisons, as ``scores`` gives them."""
    split = {tuple(map(str, key)): rows for key, rows in tested.groupby(CONTEST, sort=False)}
    rankings = [_ranked(contest, split.get(contest.key)) for contest in comparisons]
    return [ranking for ranking in rankings if ranking is not None]


def _ranked(contest: Scores, tested: pd.DataFrame | None) -> Ranked | None:
    gain = contest.gain
    applies = ~np.isnan(gain)
    fair = np.flatnonzero(~contest.controls & (applies.sum(0) == applies.sum(0).max(initial=0)))
    rows = applies[:, fair].all(1)
    if tested is None or len(fair) < 2 or not rows.any():
        return None
    of_images = np.full((len(gain), len(fair)), np.nan)
    of_images[rows] = image_ranks(gain[np.ix_(rows, fair)], contest.scale.floor)
    of_units = by_unit(of_images, contest.units)
    of_units = of_units[~np.isnan(of_units).any(1)]
    ranks = of_units.mean(0)
    order = np.argsort(ranks, kind="stable")
    names = [contest.methods[place] for place in fair[order]]
    groups = letter_groups(_apart(names, tested))
    return Ranked(contest.key, len(of_units), tuple(names), tuple(map(float, ranks[order])), groups)


def _apart(names: list[str], tested: pd.DataFrame) -> Flags:
    """(m, m): which two differ significantly."""
    place = {name: at for at, name in enumerate(names)}
    apart = np.zeros((len(names), len(names)), dtype=np.bool_)
    rows = tested[~tested["against_control"].astype(bool) & significant(tested)]
    for method, other in zip(rows["method"], rows["other"], strict=True):
        if method in place and other in place:
            apart[place[method], place[other]] = apart[place[other], place[method]] = True
    return apart


def letter_groups(apart: Flags) -> tuple[tuple[int, ...], ...]:
    """The groups of a compact letter display, by their first member.

    Args:
        apart: (m, m), symmetric: which two differ significantly.
    """
    grown: list[tuple[int, ...]] = []
    joined = apart | np.eye(len(apart), dtype=np.bool_)
    for first, second in itertools.combinations(range(len(apart)), 2):
        if not joined[first, second]:
            grown.append(_grown([first, second], apart))
            joined[np.ix_(grown[-1], grown[-1])] = True
    alone = [(place,) for place in range(len(apart)) if not any(place in group for group in grown)]
    return tuple(sorted([*_needed(grown), *alone]))


def _grown(group: list[int], apart: Flags) -> tuple[int, ...]:
    """The group with every further method that differs from none in it, the nearest by rank first."""
    middle = sum(group) / len(group)
    for place in sorted(range(len(apart)), key=lambda at: (abs(at - middle), at)):
        if place not in group and not apart[place, group].any():
            group.append(place)
    return tuple(sorted(group))


def _needed(groups: list[tuple[int, ...]]) -> Iterator[tuple[int, ...]]:
    """The groups without those of which every pair is in another group too."""
    count: dict[tuple[int, int], int] = {}
    for pair in (pair for group in groups for pair in itertools.combinations(group, 2)):
        count[pair] = count.get(pair, 0) + 1
    for group in groups:
        pairs = list(itertools.combinations(group, 2))
        if any(count[pair] == 1 for pair in pairs):
            yield group
        else:
            for pair in pairs:
                count[pair] -= 1


def letters(count: int, groups: Collection[tuple[int, ...]]) -> list[str]:
    """Of ``count`` methods in order, the letters of the groups that each is in."""
    labels = [""] * count
    for number, group in enumerate(sorted(groups)):
        for place in group:
            labels[place] += chr(ord("a") + number) if number < 26 else f"({number + 1})"
    return labels
