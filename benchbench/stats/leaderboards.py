"""From one row per image to one row per method: means with intervals that hold at every number of images.

The unit is the image, or the images that belong together (see ``units``).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from .cells import Cells
from .intervals import summaries
from .kept_rows import OF_CELLS, kept
from .metric_scale import Scale, Scales, trusted

CELL = ["model", "dataset", "layer", "method", "metric", "protocol"]
CONTEST = ["model", "dataset", "layer", "metric", "protocol"]
QUALITY, COST = "quality", "cost"
_OPEN = Scale(True)


def leaderboard(results: pd.DataFrame, seed: int = 0, scales: Scales | None = None) -> pd.DataFrame:
    """One row per model, dataset, layer, method, metric and protocol, in the order of the results.

    Args:
        results: rows as in results.parquet; a column ``unit`` names the images that belong together.
        seed: of the intervals' weights.
        scales: by (metric, protocol); a metric without one is taken as one without bounds.

    Returns:
        The key, and

        - ``kind``: ``quality`` (a mean over images) or ``cost`` (one measurement, without images);
        - ``n``: independent units with a value; ``scored``: ok rows, as many as ``n`` where each image is a unit;
        - ``mean``: over the units, each of which counts by the mean of its images; or the measurement;
        - ``low``, ``high``: the 95 % interval of ``intervals.limits``, exact for values with a range (NaN where
          n < 2), or, for a cost, the quartiles from the rows ``metric.q1`` and ``metric.q3`` (NaN where there are
          none);
        - ``median``: of the units' values;
        - ``images``: a digest of the ok rows' samples: equal digests, equal images; empty for a cost or where n is 0;
        - ``failed``, ``not_applicable``: rows of that status; ``reason``: their most frequent reason, else empty.
    """
    whole = kept(results, ~is_part(results["metric"]), OF_CELLS)
    board = tally(whole, CELL, seed, scales)
    board.insert(len(CELL), "kind", _kinds(whole, board))
    return _with_quartiles(board, results)


def tally(whole: pd.DataFrame, keys: list[str], seed: int, scales: Scales | None = None) -> pd.DataFrame:
    """One row per value of the ``keys``, in the order of the rows: the key, and ``n`` to ``reason`` of a leaderboard.

    Args:
        whole: results without parts.
        keys: the columns of ``CELL``, and more after them.
    """
    cells = Cells(whole, keys)
    board = pd.DataFrame(cells.keys, columns=keys)
    board["n"] = [len(values) for values in cells.values]
    board["scored"] = cells.counts("ok")
    board[["mean", "low", "high"]] = summaries(cells.values, _bounds(board, trusted(scales or {}, whole)), seed)
    board["median"] = [float(np.median(values)) if len(values) else math.nan for values in cells.values]
    board["images"] = cells.images
    board["failed"] = cells.counts("failed")
    board["not_applicable"] = cells.counts("not_applicable")
    board["reason"] = cells.reasons
    return board


def _bounds(board: pd.DataFrame, scales: Scales) -> list[tuple[float, float]]:
    """The range of each row's metric."""
    keys = zip(board["metric"].map(str), board["protocol"].map(str), strict=True)
    return [((scale := scales.get(key, _OPEN)).low, scale.high) for key in keys]


def standard_errors(results: pd.DataFrame) -> dict[tuple[Any, ...], float]:
    """The standard error of each quality mean, s / sqrt(n) with s of n - 1, by the key ``CELL``; where n > 1."""
    ok = kept(results, (results["status"] == "ok") & results["sample"].notna(), OF_CELLS)
    cells = Cells(ok, CELL)
    each = zip(cells.keys, cells.values, strict=True)
    return {key: float(values.std(ddof=1) / math.sqrt(len(values))) for key, values in each if len(values) > 1}


def curve_bands(curves: pd.DataFrame, seed: int = 0, scales: Scales | None = None) -> pd.DataFrame:
    """One row per curve and x: ``n`` units, ``mean``, and the pointwise 95 % band ``low`` to ``high`` of ``limits``.

    The range is the metric's, where every point of its curves lies in it.
    """
    points = curves.rename(columns={"y": "value"}).assign(status="ok")
    cells = Cells(points, [*CELL, "x"])
    bands = pd.DataFrame(cells.keys, columns=[*CELL, "x"])
    bands["n"] = [len(values) for values in cells.values]
    bands[["mean", "low", "high"]] = summaries(cells.values, _bounds(bands, trusted(scales or {}, points)), seed)
    return bands.sort_values([*CELL, "x"], kind="stable", ignore_index=True)


def is_part(metric: pd.Series[str]) -> pd.Series[bool]:
    """Which rows are a further value (``runtime.q1``) of a metric that is itself in the table."""
    names = set(metric.unique())
    return metric.isin([name for name in names if "." in str(name) and str(name).split(".")[0] in names])


def _kinds(whole: pd.DataFrame, board: pd.DataFrame) -> list[str]:
    with_images = kept(whole, whole["sample"].notna(), ["metric", "protocol"])
    quality = set(with_images.drop_duplicates().itertuples(index=False, name=None))
    return [QUALITY if pair in quality else COST for pair in zip(board["metric"], board["protocol"], strict=True)]


def _with_quartiles(board: pd.DataFrame, results: pd.DataFrame) -> pd.DataFrame:
    costs = board["kind"] == COST
    keys = list(board.loc[costs, CELL].itertuples(index=False, name=None))
    for side, part in (("low", "q1"), ("high", "q3")):
        quartiles = measured(results, part)
        board.loc[costs, side] = np.array([quartiles.get(key, math.nan) for key in keys], dtype=np.float64)
    return board


def measured(results: pd.DataFrame, part: str) -> dict[tuple[Any, ...], float]:
    """The values of the rows ``metric.part``, by the key of the metric they belong to (see ``CELL``)."""
    named = [name for name in results["metric"].unique() if str(name).endswith(f".{part}")]
    rows = results[results["metric"].isin(named) & (results["status"] == "ok")]
    owner = rows["metric"].str.removesuffix(f".{part}")
    keys = rows.assign(metric=owner)[CELL].itertuples(index=False, name=None)
    return dict(zip(keys, rows["value"].astype(float), strict=True))
