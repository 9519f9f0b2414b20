"""How alike two metrics order the methods."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd
from scipy.stats import kendalltau


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
        columns = {
            (str(m), str(p)): part.set_index("method")["mean"] * (1 if higher_is_better[str(m), str(p)] else -1)
            for (m, p), part in here.groupby(["metric", "protocol"], sort=False)
            if (str(m), str(p)) in higher_is_better
        }
        for (measure, first), (other_measure, second) in itertools.combinations(columns.items(), 2):
            both = pd.concat([first, second], axis=1, join="inner").to_numpy(dtype=np.float64)
            tau = float(kendalltau(both[:, 0], both[:, 1]).statistic) if len(both) > 1 else math.nan
            comparisons.append((*place, *measure, *other_measure, len(both), tau))
    names = ["model", "dataset", "layer", "metric", "protocol", "other_metric", "other_protocol", "methods", "tau"]
    return pd.DataFrame(comparisons, columns=names)
