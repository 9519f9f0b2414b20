"""Whether the best method of an order is clearly the best: a count of the verdicts of ``pairs``, and nothing else.

The best method is clear of a rival if the weight of the comparisons in which it is significantly better, minus the
weight of those in which it is significantly worse, is more than a half. The weights are the order's. With a single
comparison that is the verdict of its test. With many it is Rueger's rule (1978, Metrika 25), which holds for dependent
tests: without a difference, each test finds one of the two better with a chance of 2.5 % at most, so more than half of
the weight does so with 5 % at most (Markov's inequality).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from .leaderboards import CONTEST
from .pairwise import BETTER, EQUIVALENT, WORSE
from .resampling import Array
from .sample_size import fewest_for_pairs
from .win_shares import Key, WinShares

MAJORITY = 0.5
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Rival:
    """Another method of an order, against the best one.

    Attributes:
        comparisons: in which the two were tested.
        better, worse, equivalent: in how many of them the best method is significantly better than this rival,
            significantly worse, or equivalent.
        lead: the weight of the first minus the weight of the second, in [-1, 1].
        images, needed: where too few images make it impossible that the best method is clear of this rival, whatever
            the values: the largest number of independent images that are too few in a comparison, and how many a
            significant difference takes there. 0 and 0 otherwise.
        small: the number of comparisons of the two with too few images for a significant difference.
    """

    method: str
    comparisons: int = 0
    better: int = 0
    worse: int = 0
    equivalent: int = 0
    lead: float = 0.0
    images: int = 0
    needed: int = 0
    small: int = 0

    @property
    def beaten(self) -> bool:
        """Whether the best method is clear of this rival."""
        return self.lead > MAJORITY + _ROUNDING

    @property
    def level(self) -> bool:
        """Whether the two never differ significantly."""
        return not self.better and not self.worse


def against_best(shares: WinShares, tested: pd.DataFrame, best: str) -> tuple[Rival, ...]:
    """The rivals of the best method that it was compared with, in the order of ``shares``.

    Args:
        shares: of the comparisons that make the order.
        tested: what ``pairs`` gave for the same results.
        best: a method of the order.
    """
    verdicts = _verdicts_of(best, tested)
    weights = shares.weights()
    tested_pairs = (shares.counted > 0).sum(1)
    needed = np.array([fewest_for_pairs(int(count)) for count in tested_pairs], dtype=np.float64)
    rivals = []
    for pair, (first, second) in enumerate(zip(*np.triu_indices(len(shares.methods), 1), strict=True)):
        names = [shares.methods[first], shares.methods[second]]
        here = np.flatnonzero(shares.counted[:, pair])
        if best not in names or not len(here):
            continue
        names.remove(best)
        outcomes = np.array([verdicts[shares.keys[place], names[0]] for place in here])
        better, worse, alike = (int((outcomes == verdict).sum()) for verdict in (BETTER, WORSE, EQUIVALENT))
        lead = float(weights[here, pair] @ ((outcomes == BETTER).astype(float) - (outcomes == WORSE)))
        too_few = _too_few(shares.counted[here, pair], needed[here], weights[here, pair])
        rivals.append(Rival(names[0], len(here), better, worse, alike, lead, *too_few))
    return tuple(rivals)


def _verdicts_of(best: str, tested: pd.DataFrame) -> dict[tuple[Key, str], str]:
    """By comparison and other method, the verdict of the best one."""
    rows = tested[((tested["method"] == best) | (tested["other"] == best)) & ~tested["against_control"].astype(bool)]
    columns = [rows[name].tolist() for name in ("method", "other", "verdict")]
    turned, verdicts = {BETTER: WORSE, WORSE: BETTER}, {}
    keys = zip(*(rows[name].astype(str).tolist() for name in CONTEST), strict=True)
    for key, method, other, verdict in zip(keys, *columns, strict=True):
        rival, seen = (other, verdict) if method == best else (method, turned.get(verdict, verdict))
        verdicts[key, str(rival)] = str(seen)
    return verdicts


def _too_few(images: Array, needed: Array, weights: Array) -> tuple[int, int, int]:
    """``images``, ``needed`` and ``small`` of a rival: 0 and 0 where the comparisons with enough images have more than
    half of the weight.
    """
    small = [place for place, count in enumerate(images) if count < needed[place]]
    enough = sum(weight for place, weight in enumerate(weights) if place not in small)
    if enough > MAJORITY + _ROUNDING:
        return 0, 0, len(small)
    largest = max(small, key=lambda place: images[place])
    return int(images[largest]), int(needed[largest]), len(small)
