"""How far each method's mean curve lies from the best method's, image by image."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from .leaderboards import CELL, CONTEST
from .pairwise import mean_differences
from .units import by_unit, numbered, units_of

COLUMNS = [*CELL, "other", "x", "n", "mean", "low", "high"]


def curve_differences(curves: pd.DataFrame, best: Mapping[tuple[Any, ...], str]) -> pd.DataFrame:
    """Mean paired difference of every curve from the best method's curve, at each x.

    The difference is taken on the same image, so what makes an image hard for all methods cancels. The band is
    Student's: it assumes that the mean of the differences is nearly normal. Unlike the bands of ``curve_bands`` it is
    not exact for few images, and it is much narrower, as the exact one must allow for differences of the whole range
    on images that were not seen.

    Args:
        curves: rows as in curves.parquet; a column ``unit`` names the images that belong together.
        best: by (model, dataset, layer, metric, protocol), the method whose curve is subtracted. Comparisons without
            an entry are left out.

    Returns:
        One row per curve and x, by x within a curve: the key ``CELL``; ``other``, the method that is subtracted; ``x``;
        ``n``, units where both have a value; ``mean`` of the differences, in the unit of y; ``low``, ``high``, their
        pointwise 95 % band (NaN where n < 2, and where all differences are equal, as where no pixel is changed yet).

    Example:
        >>> key = {"model": "net", "dataset": "data", "layer": "last", "metric": "deletion", "protocol": "rise"}
        >>> rows = [{**key, "sample": s, "method": m, "x": 0.5, "y": y}
        ...         for s, m, y in (("a", "one", 0.4), ("a", "two", 0.6), ("b", "one", 0.1), ("b", "two", 0.2))]
        >>> table = curve_differences(pd.DataFrame(rows), {("net", "data", "last", "deletion", "rise"): "one"})
        >>> table[["method", "n", "mean"]].round(3).values.tolist()
        [['one', 2, 0.0], ['two', 2, 0.15]]
    """
    contests = curves.groupby(CONTEST, sort=False, dropna=False)
    rows = [row for key, part in contests if key in best for row in _rows(key, part, best[key])]
    return pd.DataFrame(rows, columns=COLUMNS)


def _rows(key: tuple[Any, ...], curves: pd.DataFrame, best: str) -> Iterator[tuple[Any, ...]]:
    points = {
        str(name): rows.pivot(index="sample", columns="x", values="y")
        for name, rows in curves.groupby("method", sort=False)
    }
    if best not in points:
        return
    units = dict(zip(curves["sample"], units_of(curves), strict=True))
    for method in points:
        both = (points[method] - points[best]).sort_index(axis=1)
        gaps = by_unit(both.to_numpy(dtype=np.float64), numbered([units[sample] for sample in both.index]))
        counts = (~np.isnan(gaps)).sum(0)
        summary = mean_differences(gaps, math.inf, seed=0)[:, :3]  # without bounds: Student's, which draws nothing
        for x, count, row in zip(both.columns, counts, summary, strict=True):
            if count:
                yield (*key[:3], method, *key[3:], best, float(x), int(count), *map(float, row))
