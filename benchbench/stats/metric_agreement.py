"""How alike two metrics order the methods."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from .resampling import Array


def agreement(
    board: pd.DataFrame, higher_is_better: Mapping[tuple[str, str], bool], controls: Collection[str] = ()
) -> pd.DataFrame:
    """How alike two metrics, or two protocols of one, order the methods: Kendall's tau-b of the methods' means.

    Args:
        board: what ``leaderboard`` gave.
        higher_is_better: by (metric, protocol), those to be compared.
        controls: methods that are left out.

    Returns:
        One row per model, dataset, layer and pair: ``metric``, ``protocol``, ``other_metric``, ``other_protocol``,
        ``methods`` (how many have a mean under both) and ``tau``, in [-1, 1], 1 where both order them alike; NaN with
        fewer than two methods, or where all means are equal under one.
    """
    rows = board[~board["method"].isin(list(controls)) & (board["n"] > 0)]
    comparisons = []
    for place, here in rows.groupby(["model", "dataset", "layer"], sort=False):
        columns: dict[tuple[str, str], dict[str, float]] = {}
        for m, p, name, mean in here[["metric", "protocol", "method", "mean"]].itertuples(index=False, name=None):
            if (str(m), str(p)) in higher_is_better:
                sign = 1 if higher_is_better[str(m), str(p)] else -1
                columns.setdefault((str(m), str(p)), {})[name] = sign * mean
        for (measure, first), (other_measure, second) in itertools.combinations(columns.items(), 2):
            both = np.array([(first[name], second[name]) for name in first if name in second], dtype=np.float64)
            comparisons.append((*place, *measure, *other_measure, len(both), tau_b(both) if len(both) else math.nan))
    names = ["model", "dataset", "layer", "metric", "protocol", "other_metric", "other_protocol", "methods", "tau"]
    return pd.DataFrame(comparisons, columns=names)


def tau_b(values: Array) -> float:
    """Kendall's tau-b of the two columns of (n, 2) values; NaN where all are equal in one."""
    first, second = np.triu_indices(len(values), 1)
    signs = np.sign(values[first] - values[second])
    untied = np.sqrt(np.count_nonzero(signs, axis=0))
    if not untied.all():
        return math.nan
    return float(np.clip(int(signs.prod(1).sum()) / untied[0] / untied[1], -1, 1))
