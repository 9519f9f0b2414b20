"""From one row per image to one row per method: means with bootstrap intervals.

The unit is the image. All methods that were scored on the same number of images are resampled with the same draws,
so their intervals are paired.
"""

from __future__ import annotations

import math
from hashlib import sha256
from typing import Any

import numpy as np
import pandas as pd

from .resampling import Array, summaries

CELL = ["model", "dataset", "layer", "method", "metric", "protocol"]
CONTEST = ["model", "dataset", "layer", "metric", "protocol"]
QUALITY, COST = "quality", "cost"


def leaderboard(results: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """One row per model, dataset, layer, method, metric and protocol, in the order of the results.

    Returns:
        The key, and

        - ``kind``: ``quality`` (a mean over images) or ``cost`` (one measurement, without images);
        - ``n``: ok rows; ``mean``: their mean, or the measurement;
        - ``low``, ``high``: the 95 % percentile bootstrap interval (NaN where n < 2), or, for a cost, the quartiles
          from the rows ``metric.q1`` and ``metric.q3`` (NaN where there are none);
        - ``median``: of the ok rows;
        - ``images``: a digest of the ok rows' samples: equal digests, equal images; empty for a cost or where n is 0;
        - ``failed``, ``not_applicable``: rows of that status; ``reason``: their most frequent reason, else empty.
    """
    whole = results[~is_part(results["metric"])]
    board = tally(whole, CELL, seed)
    board.insert(len(CELL), "kind", _kinds(whole, board))
    return _with_quartiles(board, results)


def tally(whole: pd.DataFrame, keys: list[str], seed: int) -> pd.DataFrame:
    """One row per value of the ``keys``, in the order of the rows: the key, and ``n`` to ``reason`` of a leaderboard.

    Args:
        whole: results without parts.
    """
    cells = whole.groupby(keys, sort=False, dropna=False)
    ok = [_by_image(rows) for _, rows in cells]
    board = pd.DataFrame([key for key, _ in cells], columns=keys)
    board["n"] = [len(values) for values in ok]
    board[["mean", "low", "high"]] = summaries(ok, seed)
    board["median"] = [float(np.median(values)) if len(values) else math.nan for values in ok]
    board["images"] = [_images(rows) for _, rows in cells]
    board["failed"] = [int((rows["status"] == "failed").sum()) for _, rows in cells]
    board["not_applicable"] = [int((rows["status"] == "not_applicable").sum()) for _, rows in cells]
    board["reason"] = [_reason(rows) for _, rows in cells]
    return board


def standard_errors(results: pd.DataFrame) -> dict[tuple[Any, ...], float]:
    """The standard error of each quality mean, s / sqrt(n) with s of n - 1, by the key ``CELL``; where n > 1."""
    ok = results[(results["status"] == "ok") & results["sample"].notna()]
    found = ok.groupby(CELL, sort=False)["value"].sem()
    return {key: float(error) for key, error in found.items() if not math.isnan(error)}  # type: ignore[misc]


def curve_bands(curves: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """One row per curve and x: ``n`` images, ``mean``, and the pointwise 95 % bootstrap band ``low`` to ``high``."""
    ordered = curves.sort_values("sample", kind="stable")
    cells = ordered.groupby([*CELL, "x"], sort=False, dropna=False)["y"]
    values = [y.to_numpy(dtype=np.float64) for _, y in cells]
    bands = pd.DataFrame([key for key, _ in cells], columns=[*CELL, "x"])
    bands["n"] = [len(group) for group in values]
    bands[["mean", "low", "high"]] = summaries(values, seed)
    return bands.sort_values([*CELL, "x"], kind="stable", ignore_index=True)


def is_part(metric: pd.Series[str]) -> pd.Series[bool]:
    """Which rows are a further value (``runtime.q1``) of a metric that is itself in the table."""
    parent = metric.str.split(".").str[0]
    return (parent != metric) & parent.isin(set(metric))


def _by_image(rows: pd.DataFrame) -> Array:
    """The ok values, ordered by image: row i of every method is the same image."""
    ok = rows[rows["status"] == "ok"].sort_values("sample", kind="stable")
    return ok["value"].to_numpy(dtype=np.float64)


def _images(rows: pd.DataFrame) -> str:
    samples = rows.loc[(rows["status"] == "ok") & rows["sample"].notna(), "sample"]
    return sha256("\n".join(sorted(samples)).encode()).hexdigest()[:8] if len(samples) else ""


def _kinds(whole: pd.DataFrame, board: pd.DataFrame) -> list[str]:
    with_images = whole[whole["sample"].notna()]
    quality = set(zip(with_images["metric"], with_images["protocol"], strict=True))
    return [QUALITY if pair in quality else COST for pair in zip(board["metric"], board["protocol"], strict=True)]


def _reason(rows: pd.DataFrame) -> str:
    reasons = rows.loc[rows["status"] != "ok", "reason"]
    return str(reasons.value_counts().index[0]) if len(reasons) else ""


def _with_quartiles(board: pd.DataFrame, results: pd.DataFrame) -> pd.DataFrame:
    for side, part in (("low", "q1"), ("high", "q3")):
        given = measured(results, part)
        for place in board.index[board["kind"] == COST]:
            board.loc[place, side] = given.get(tuple(board.loc[place, CELL]), math.nan)
    return board


def measured(results: pd.DataFrame, part: str) -> dict[tuple[Any, ...], float]:
    """The values of the rows ``metric.part``, by the key of the metric they belong to (see ``CELL``)."""
    rows = results[results["metric"].str.endswith(f".{part}") & (results["status"] == "ok")]
    owner = rows["metric"].str.removesuffix(f".{part}")
    keys = rows.assign(metric=owner)[CELL].itertuples(index=False, name=None)
    return dict(zip(keys, rows["value"].astype(float), strict=True))
