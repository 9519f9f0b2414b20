"""Who has the best mean, and who may be compared at all."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from .leaderboards import CONTEST


@dataclass(frozen=True)
class Contest:
    """Who is best at one metric on one model, dataset and layer.

    Attributes:
        key: model, dataset, layer, metric, protocol.
        best: rows of the leaderboard with the best mean, controls apart; several when they tie; none when fewer
            than two methods can be compared.
        overlapping: rows of comparable methods whose interval overlaps that of the best.
        above: rows of comparable controls with a better mean than every comparable method, also where there is only
            one such method.
        incomparable: rows with a mean over other images than the fullest: neither best nor compared. All of them,
            where two rows are the fullest with different images.
        second: rows of comparable methods with the next mean; several when they tie; none where two share the best.
        guards: rows of comparable controls; none where no method is comparable with them.
        level: rows of comparable controls with the mean of the best method.
    """

    key: tuple[Any, ...]
    best: tuple[int, ...]
    overlapping: tuple[int, ...]
    above: tuple[int, ...]
    incomparable: tuple[int, ...]
    second: tuple[int, ...] = ()
    guards: tuple[int, ...] = ()
    level: tuple[int, ...] = ()


def contests(
    board: pd.DataFrame,
    higher_is_better: Mapping[tuple[str, str], bool],
    controls: Collection[str] = (),
    decimals: Mapping[tuple[Any, ...], int] | None = None,
) -> list[Contest]:
    """Who is best, for each model, dataset, layer, metric and protocol of a leaderboard.

    Args:
        board: what ``leaderboard`` gave.
        higher_is_better: by (metric, protocol).
        controls: methods that are never best.
        decimals: by the contest's key; means that are equal when rounded so tie. Without it, only equal means do.

    Raises:
        KeyError: a metric of the board has no direction.
    """
    outcomes = []
    for key, rows in board.groupby(CONTEST, sort=False, dropna=False):
        assert isinstance(key, tuple)
        higher = higher_is_better[str(key[3]), str(key[4])]
        digits = 12 if decimals is None else decimals[key]
        outcomes.append(_contest(key, rows, higher, controls, digits))
    return outcomes


def _contest(key: tuple[Any, ...], rows: pd.DataFrame, higher: bool, controls: Collection[str], digits: int) -> Contest:
    scored, fullest = rows[rows["n"] > 0], rows[(rows["n"] > 0) & (rows["n"] == rows["n"].max())]
    same = (scored["images"] == fullest["images"].iloc[0]) if fullest["images"].nunique() == 1 else scored["n"] < 0
    is_control = scored["method"].isin(list(controls))
    fair, guards, incomparable = scored[same & ~is_control], scored[same & is_control], tuple(scored.index[~same])
    if fair.empty:
        return Contest(key, (), (), (), incomparable)
    top = _top(fair, higher)
    above, compared = _ahead(guards, top, higher, digits), tuple(guards.index)
    level = tuple(guards.index[_same(guards["mean"], top, digits)])
    if len(fair) < 2:
        return Contest(key, (), (), above, incomparable, guards=compared, level=level)
    is_best = _same(fair["mean"], top, digits)
    best, others = fair[is_best], fair[~is_best]
    second = (
        others[:0] if len(best) > 1 or others.empty else others[_same(others["mean"], _top(others, higher), digits)]
    )
    overlaps = (others["low"] <= best["high"].max()) & (others["high"] >= best["low"].min())
    rest = (tuple(others.index[overlaps]), above, incomparable, tuple(second.index), compared, level)
    return Contest(key, tuple(best.index), *rest)


def _ahead(guards: pd.DataFrame, top: float, higher: bool, digits: int) -> tuple[int, ...]:
    """Rows of controls whose mean is better than the best of the methods, when rounded."""
    ahead = guards["mean"].round(digits) - round(top, digits)
    return tuple(guards.index[ahead > 0 if higher else ahead < 0])


def _top(rows: pd.DataFrame, higher: bool) -> float:
    return float(rows["mean"].max() if higher else rows["mean"].min())


def _same(means: pd.Series[float], value: float, digits: int) -> pd.Series[bool]:
    """Which means are equal to the value, exactly or when rounded."""
    close = pd.Series(np.isclose(means, value, rtol=1e-9, atol=1e-12), index=means.index)
    return close | (means.round(digits) == round(value, digits))
