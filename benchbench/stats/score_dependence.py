"""How much the order of the methods depends on what they explain: the logit, the probability, a contrast."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from ..vocabulary import LOGIT, SCORES
from .metric_agreement import tau_b

Variants: TypeAlias = Mapping[str, tuple[str, str]]
COLUMN = ["model", "dataset", "layer", "metric", "protocol"]
TAUS = [*COLUMN, "score", "reference", "methods", "tau"]
PLACES = [*COLUMN, "method", "score", "mean", "place", "methods"]


def score_variants(methods: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, str]]:
    """Of run.json's methods, those that a study has under several scores: by name, the method and its score.

    Two names belong to one method if their plugin and all parameters but ``score`` are equal. The method has the
    shortest of the names. Controls are left out.
    """
    groups: dict[tuple[Any, ...], dict[str, str]] = {}
    for entry in methods:
        parameters = {key: str(value) for key, value in entry["parameters"].items() if key != "score"}
        score = entry["parameters"].get("score", LOGIT)
        if score in SCORES and not entry["control"]:
            groups.setdefault((entry["plugin"], *sorted(parameters.items())), {})[entry["name"]] = str(score)
    several = [group for group in groups.values() if len(set(group.values())) > 1]
    return {name: (min(group, key=len), score) for group in several for name, score in group.items()}


def score_agreement(
    board: pd.DataFrame, higher_is_better: Mapping[tuple[str, str], bool], variants: Variants
) -> pd.DataFrame:
    """How alike methods are ordered when they explain another score: Kendall's tau-b of the methods' means.

    Args:
        board: what ``leaderboard`` gave.
        higher_is_better: by (metric, protocol), those to be compared.
        variants: by name of the board's methods, the method and its score: what ``score_variants`` gave. No other
            method counts: what explains no score keeps its value, and its pairs would agree by themselves.

    Returns:
        One row per model, dataset, layer, metric, protocol and ``score``; ``reference`` is the score that it is
        compared with, the logit, or the study's first where the logit is not among them. ``methods`` is how many have
        a mean under both, and ``tau`` is in [-1, 1], 1 for the same order; NaN with fewer than two methods, or where
        all means are equal under one score.
    """
    rows = []
    for column, means in _columns(board, higher_is_better, variants):
        reference = LOGIT if LOGIT in means else next(iter(means))
        for score, column_means in means.items():
            if score != reference:
                shared = [name for name in means[reference] if name in column_means]
                both = np.array([(means[reference][name], column_means[name]) for name in shared], dtype=np.float64)
                rows.append((*column, score, reference, len(shared), tau_b(both) if shared else math.nan))
    return pd.DataFrame(rows, columns=TAUS)


def score_places(
    board: pd.DataFrame, higher_is_better: Mapping[tuple[str, str], bool], variants: Variants
) -> pd.DataFrame:
    """The place of each method among the methods that explain the same score, 1 for the best mean.

    Args:
        board, higher_is_better, variants: as of ``score_agreement``.

    Returns:
        One row per model, dataset, layer, metric, protocol, ``method`` and ``score``: its ``mean``, its ``place``
        among ``methods`` methods. Methods with the same mean share the place.
    """
    rows = []
    for column, means in _columns(board, higher_is_better, variants):
        sign = 1 if higher_is_better[column[3], column[4]] else -1
        for score, column_means in means.items():
            for name, value in column_means.items():
                place = 1 + sum(other > value for other in column_means.values())
                rows.append((*column, name, score, sign * value, place, len(column_means)))
    return pd.DataFrame(rows, columns=PLACES)


def _columns(
    board: pd.DataFrame, higher_is_better: Mapping[tuple[str, str], bool], variants: Variants
) -> Iterator[tuple[tuple[str, ...], dict[str, dict[str, float]]]]:
    """Of each metric in each setting: by score and method its mean, larger for the better."""
    rows = board[board["method"].isin(list(variants)) & (board["n"] > 0)]
    for column, here in rows.groupby(COLUMN, sort=False):
        key = tuple(map(str, column))
        if (key[3], key[4]) not in higher_is_better:
            continue
        sign = 1 if higher_is_better[key[3], key[4]] else -1
        means: dict[str, dict[str, float]] = {}
        for name, mean in here[["method", "mean"]].itertuples(index=False, name=None):
            method, score = variants[name]
            means.setdefault(score, {})[method] = sign * float(mean)
        yield key, _in_order(means, [score for _, score in variants.values()])


def _in_order(means: dict[str, dict[str, float]], scores: Collection[str]) -> dict[str, dict[str, float]]:
    """By score, the scores in the study's order."""
    return {score: means[score] for score in dict.fromkeys(scores) if score in means}
