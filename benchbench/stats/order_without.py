"""What an order of methods depends on: the order again without a family, a metric, a network or a dataset."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from .overall_ranking import DECIMALS
from .resampling import Array
from .win_shares import WinShares

COLUMNS = ["kind", "without", "winner", "differs", "method", "rank"]
KINDS = ("family", "metric", "network", "dataset")


def leave_one_out(shares: WinShares) -> pd.DataFrame:
    """One row per thing that can be left out and method, the best rank first.

    Args:
        shares: of the comparisons that make the order.

    Returns:
        ``kind``: ``family``, ``metric`` (with all its protocols), ``network`` or ``dataset``; ``without``: its name, as
        far as something else of the kind is left; ``winner``: the method with the best mean rank then (of several, the
        one that is first in the whole order); ``differs``: no winner then is a winner of the whole order;
        ``method``, ``rank``: the mean rank of each method then, NaN for a method that nothing else compares. Methods
        tie if their ranks are equal when rounded to two decimals.
    """
    whole = shares.ranks()
    rows = [row for kind in KINDS for row in _left_out(shares, kind, whole)]
    return pd.DataFrame(rows, columns=COLUMNS)


def _left_out(shares: WinShares, kind: str, whole: Array) -> Iterator[tuple[object, ...]]:
    names = [shares.name(kind, place) for place in range(len(shares.keys))]
    order = np.argsort(whole.round(12), kind="stable")
    for name in dict.fromkeys(names):
        keep = np.array([other != name for other in names], dtype=np.bool_)
        if not keep.any():
            continue
        ranks = shares.ranks(keep)
        first = leaders(ranks)
        winner = next(place for place in order if place in first)
        differs = not first & leaders(whole)
        for place in np.argsort(ranks.round(12), kind="stable"):
            yield kind, name, shares.methods[winner], differs, shares.methods[place], float(ranks[place])


def leaders(ranks: Array) -> set[int]:
    """The places of the best rank, as it is shown; several where they tie."""
    shown = [f"{rank:.{DECIMALS}f}" for rank in ranks]
    best = f"{np.nanmin(ranks):.{DECIMALS}f}"
    return {place for place, text in enumerate(shown) if text == best}
