"""Methods by metrics: scores that are comparable across metrics, and marks, as a heat map shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ...stats import Contest
from ...stats.resampling import Array
from .board import Metric
from .marks import NONE, Marked
from .verdicts import Setting, within

Counts: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class HeatMatrix:
    """Of m methods and k metrics with values per image, over one setting (network x data x layer) or several.

    Attributes:
        methods: m names: in the order over quality, of the setting if it is a single one, then the others in the
            study's order; controls are not shown.
        metrics: of the k columns, in the study's order, of every family but cost; each protocol is a column.
        score: (m, k): the mean score in its metric's direction, scaled in each setting so that the best method has 1
            and the worst 0, then averaged over the settings; 1 for all where they tie. NaN without a comparable mean.
            Settings in which a control beats every method count only where there are no others.
        settings: (m, k): how many settings have such a score.
        best: (m, k): in how many of them the method has the best mean, ties included.
        worse: (m, k): in how many of them it is significantly worse than a method with the best mean (a dagger).
        compared: (k,): how many settings have the metric.
        failing: (k,): in how many of them a control beats every method, so that the metric fails the sanity check.
        hidden: the networks that are left out because of a warning.
    """

    methods: tuple[str, ...]
    metrics: tuple[Metric, ...]
    score: Array
    settings: Counts
    best: Counts
    worse: Counts
    compared: Counts
    failing: Counts
    hidden: tuple[str, ...] = ()

    @classmethod
    def of(cls, marked: Marked, setting: Setting | None = None) -> HeatMatrix:
        """The matrix of one setting, or of all settings of the networks that are in the order over quality.

        Args:
            setting: network, dataset and layer, as ``Block`` has them, ``ALL`` for several; None for all.
        """
        board = marked.board
        hidden = (marked.verdicts.order_at(setting) if setting else marked.verdicts.order()).disowned
        chosen = [c for c in board.contests if not setting or within(c.key, setting)]
        shown = [c for c in chosen if c.key[0] not in hidden]
        groups = [[c for c in shown if c.key[3:] == (metric.name, metric.protocol)] for metric in board.of()]
        metrics = tuple(metric for metric, group in zip(board.of(), groups, strict=True) if group)
        groups = [group for group in groups if group]
        methods = _methods(marked, setting)
        trusted = [[c for c in group if c.key not in board.gamed] or group for group in groups]
        columns = [_column(marked, group, methods) for group in trusted]
        score, settings, best, worse = (_table([column[side] for column in columns], methods) for side in range(4))
        compared = np.array([len(group) for group in groups], dtype=np.int64)
        failing = np.array([sum(c.key in board.gamed for c in group) for group in groups], dtype=np.int64)
        whole = [each.astype(np.int64) for each in (settings, best, worse)]
        return cls(methods, metrics, score, whole[0], whole[1], whole[2], compared, failing, hidden)


def _methods(marked: Marked, setting: Setting | None) -> tuple[str, ...]:
    order = marked.verdicts.order_at(setting) if setting else marked.verdicts.order()
    ordered = [str(name) for name in order.table["method"]]
    names = [str(method["name"]) for method in marked.board.record.info["methods"]]
    return (*ordered, *(name for name in names if name not in ordered and name not in marked.board.controls))


def _table(columns: Sequence[Array], methods: Sequence[str]) -> Array:
    """(m, k) of k columns (m,)."""
    return np.array(columns, dtype=np.float64).reshape(len(columns), len(methods)).T


def _column(marked: Marked, contests: Sequence[Contest], methods: Sequence[str]) -> tuple[Array, Array, Array, Array]:
    """Of one metric: the mean scaled score, and of how many settings it is, is the best, and is significantly worse."""
    means = [marked.scaled[tuple(map(str, contest.key))] for contest in contests]
    scaled = np.array([[here.get(name, np.nan) for name in methods] for here in means], dtype=np.float64)
    marks = [
        [marked.marks.get((*map(str, contest.key[:3]), name, *map(str, contest.key[3:])), NONE) for name in methods]
        for contest in contests
    ]
    known = ~np.isnan(scaled)
    count = known.sum(0)
    score = np.divide(np.nan_to_num(scaled).sum(0), count, out=np.full(len(methods), np.nan), where=count > 0)
    best, worse = (
        np.array([[getattr(mark, side) for mark in row] for row in marks], dtype=np.bool_) for side in ("best", "worse")
    )
    return score, count.astype(np.float64), (best & known).sum(0), (worse & known).sum(0)
