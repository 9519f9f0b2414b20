"""The leaderboard in part, and with the methods in rows and networks, data, layers or metrics in columns."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ..errors import BenchError, folded, meant, nearest

PIVOTS = ("metric", "model", "dataset", "layer")
_PLACE = ["model", "dataset", "layer"]


def of_metrics(table: pd.DataFrame, metric: str | Sequence[str]) -> pd.DataFrame:
    """The rows of a tidy leaderboard that are of the metrics.

    Args:
        metric: a name, ``name@protocol``, or several of these.

    Raises:
        BenchError: the run has no such metric, or no such protocol of it.
    """
    pairs = set(zip(table["metric"].map(str), table["protocol"].map(str), strict=True))
    wanted = {pair for name in ([metric] if isinstance(metric, str) else metric) for pair in _meant(name, pairs)}
    keep = [pair in wanted for pair in zip(table["metric"].map(str), table["protocol"].map(str), strict=True)]
    return table[keep].reset_index(drop=True)


def _meant(name: str, pairs: set[tuple[str, str]]) -> set[tuple[str, str]]:
    metric, _, protocol = name.partition("@")
    names = sorted({each for each, _ in pairs})
    spelled = meant(metric, names)
    if len(spelled) != 1:
        raise BenchError(f"the run has no metric {metric!r}", where="leaderboard", hint=nearest(metric, names))
    protocols = sorted(each for other, each in pairs if other == spelled[0])
    fitting = [each for each in protocols if not protocol or folded(each) == folded(protocol)]
    if not fitting:
        message = f"the run has no protocol {protocol!r} of {spelled[0]}"
        raise BenchError(message, where="leaderboard", hint=nearest(protocol, protocols))
    return {(spelled[0], each) for each in fitting}


def pivoted(table: pd.DataFrame, pivot: str) -> pd.DataFrame:
    """The means of a tidy leaderboard: methods in rows, one column for each value of ``pivot``.

    What differs besides is in the rows too, so that no mean is taken over networks, data, layers or metrics. What is
    the same in a whole column, as the only layer of a network, is not in the rows; ``attrs`` has it by column.

    Raises:
        BenchError: an unknown ``pivot``.
    """
    if pivot not in PIVOTS:
        raise BenchError(f"unknown pivot {pivot!r}", where="leaderboard", hint=nearest(pivot, PIVOTS))
    rows = table.assign(metric=_labels(table), **{key: table[key].map(str) for key in (*_PLACE, "method")})
    columns = rows.groupby(pivot, sort=False)
    others = [key for key in (*_PLACE, "metric") if key != pivot]
    varying = [key for key in others if columns[key].nunique().gt(1).any()]
    index = [*varying, "method"]
    wide = rows.pivot(index=index if varying else "method", columns=pivot, values="mean")
    places = pd.MultiIndex.from_frame(rows[index].drop_duplicates()) if varying else pd.Index(rows["method"].unique())
    wide = wide.reindex(index=places, columns=rows[pivot].unique())
    wide.index.names, wide.columns.name = index, pivot
    wide.attrs = {key: columns[key].first().to_dict() for key in others if key not in varying}
    return wide


def _labels(table: pd.DataFrame) -> pd.Series[str]:
    """The name of a metric that has a single protocol here, else ``name@protocol``."""
    protocols = table.groupby("metric", sort=False)["protocol"].transform("nunique")
    names, full = table["metric"].map(str), table["metric"].map(str) + "@" + table["protocol"].map(str)
    return names.where(protocols == 1, full)
