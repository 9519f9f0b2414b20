"""The means of a comparison on one scale for all metrics: 1 for the best method, 0 for the worst."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np

from ...stats import Contest, tied
from .board import Board

Key: TypeAlias = tuple[str, ...]


def scaled_means(board: Board, rows_of: Mapping[Key, Sequence[int]]) -> dict[Key, dict[str, float]]:
    """By comparison on a quality metric and method, the comparable means in the metric's direction; 1 for all where
    they tie.

    A comparison without two such means has none. Controls have none.

    Args:
        rows_of: by comparison, the rows of the tidy leaderboard.
    """
    quality = {(metric.name, metric.protocol) for metric in board.of()}
    keys = {tuple(map(str, contest.key)): contest for contest in board.contests if contest.key[3:] in quality}
    return {key: _scaled(board, contest, rows_of[key]) for key, contest in keys.items()}


def _scaled(board: Board, contest: Contest, places: Sequence[int]) -> dict[str, float]:
    scale = board.scales[str(contest.key[3]), str(contest.key[4])]
    rows = board.tidy.loc[list(places)]
    rows = rows[(rows["n"] > 0) & ~rows["method"].isin(list(board.controls)) & ~rows.index.isin(contest.incomparable)]
    if len(rows) < 2:
        return {}
    values = np.asarray(rows["mean"] if scale.higher else -rows["mean"], dtype=np.float64)
    low, high = np.array([np.nanmin(values)]), np.array([np.nanmax(values)])
    level = tied(low, high, scale.floor).all()
    scaled = np.ones(len(values)) if level else (values - low) / (high - low)
    return dict(zip(map(str, rows["method"]), scaled.tolist(), strict=True))
