"""Whether the order of the other methods stays when a method is left out, or a control is added.

A mean rank counts the rivals that beat a method, so it depends on which rivals there are: a rival that often beats one
method and seldom another moves the first one back. Arrow 1951 calls this a dependence on irrelevant alternatives.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
import pandas as pd

from .overall_ranking import DECIMALS
from .resampling import Array
from .score_matrix import Scores
from .win_shares import WinShares

Change: TypeAlias = Literal["without", "with"]
COLUMNS = ["change", "method", "pairs", "reversed", "swapped", "winner", "stays"]


@dataclass(frozen=True)
class OrderCase:
    """The order of the other methods after one change of the list of methods.

    Attributes:
        change: ``without`` a method, or ``with`` a control.
        method: the method that is left out, or the control that is added.
        pairs: how many pairs of the other methods have a rank in both orders.
        swapped: the pairs that the change reverses, each with the method that is now the better one first. Ranks that
            are equal at two decimals tie, and a tie is no reversal.
        winner: the best of the other methods after the change, and the first one of the whole order where several tie.
    """

    change: Change
    method: str
    pairs: int
    swapped: tuple[tuple[str, str], ...]
    winner: str

    @property
    def stays(self) -> bool:
        """Whether no pair is reversed."""
        return not self.swapped


def order_cases(comparisons: Sequence[Scores], controls: Collection[str] = ()) -> tuple[OrderCase, ...]:
    """Each method left out, then each control added, one at a time.

    The weight of a comparison belongs to a pair of methods (see ``win_shares``), so a change of the list of methods
    changes no share of wins: the ranks after it follow from the same shares, and need no new scores.

    Args:
        comparisons: those that make the order, see ``in_order``.
        controls: the controls to add, as far as the comparisons have them.

    Returns:
        A case for each change that leaves two methods or more to order; none without comparisons.
    """
    if not comparisons:
        return ()
    methods = WinShares.of(comparisons).methods
    wide = WinShares.of([_ranked_too(each, controls) for each in comparisons])
    whole = _ranks(wide, methods)
    changes: list[tuple[Change, str, list[str]]] = [
        ("without", name, [other for other in methods if other != name]) for name in methods
    ]
    changes += [("with", name, [*methods, name]) for name in wide.methods if name not in methods]
    cases = (_case(change, name, whole, _ranks(wide, listed)) for change, name, listed in changes)
    return tuple(case for case in cases if case.pairs)


def stability_table(cases: Sequence[OrderCase]) -> pd.DataFrame:
    """One row per case.

    Returns:
        ``change`` (``without`` or ``with``), ``method``, ``pairs`` of the other methods, ``reversed`` (how many of
        them), ``swapped`` (which, as ``a before b; c before d``), the ``winner`` among the other methods, and whether
        their order ``stays``.
    """
    rows = [
        (each.change, each.method, each.pairs, len(each.swapped), swaps_in_words(each.swapped), each.winner, each.stays)
        for each in cases
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def swaps_in_words(swapped: Sequence[tuple[str, str]]) -> str:
    """``a before b; c before d``.

    Example:
        >>> swaps_in_words([("gradcam", "layercam")])
        'gradcam before layercam'
    """
    return "; ".join(f"{better} before {worse}" for better, worse in swapped)


def _ranked_too(comparison: Scores, controls: Collection[str]) -> Scores:
    """The comparison with some of its controls among the methods that are ranked."""
    added = np.array([name in controls for name in comparison.methods], dtype=np.bool_)
    return replace(comparison, controls=comparison.controls & ~added)


def _ranks(shares: WinShares, methods: Sequence[str]) -> dict[str, float]:
    """The mean ranks as they are shown, of the methods that are compared with another one of them."""
    among = np.array([name in methods for name in shares.methods], dtype=np.bool_)
    ranks: Array = shares.ranks(among=among)
    shown = {name: float(f"{rank:.{DECIMALS}f}") for name, rank in zip(shares.methods, ranks, strict=True)}
    return {name: shown[name] for name in methods if not np.isnan(shown[name])}


def _case(change: Change, name: str, before: dict[str, float], after: dict[str, float]) -> OrderCase:
    rest = sorted((other for other in before if other in after and other != name), key=before.__getitem__)
    pairs = [(a, b) for place, a in enumerate(rest) for b in rest[place + 1 :]]
    winner = min(rest, key=after.__getitem__, default="")
    return OrderCase(change, name, len(pairs), tuple(_swapped(pairs, before, after)), winner)


def _swapped(
    pairs: Sequence[tuple[str, str]], before: dict[str, float], after: dict[str, float]
) -> Iterator[tuple[str, str]]:
    for better, worse in pairs:
        if before[better] < before[worse] and after[better] > after[worse]:
            yield worse, better
