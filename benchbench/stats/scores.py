"""A contest's values as matrices: images down, methods across."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from .means import CONTEST
from .resampling import Array

Flags: TypeAlias = npt.NDArray[np.bool_]
RESOLUTION = 1e-6
MARGIN = 0.01  # of a metric's range: differences below it matter to nobody


@dataclass(frozen=True)
class Scale:
    """What run.json says of a metric under one protocol.

    Attributes:
        higher: whether higher is better.
        low, high: its range; infinite where it has no bound.
        family: ``faithfulness`` and so on.
    """

    higher: bool
    low: float = -math.inf
    high: float = math.inf
    family: str = "other"

    @property
    def margin(self) -> float:
        """The practical margin: 1 % of the range; NaN for a metric without bounds, which has none by itself."""
        width = self.high - self.low
        return MARGIN * width if math.isfinite(width) else math.nan


Scales: TypeAlias = Mapping[tuple[str, str], Scale]


def scales(info: Mapping[str, Any]) -> dict[tuple[str, str], Scale]:
    """By (metric, protocol), what run.json says of each."""
    return {(m["name"], m["protocol"]): _scale(m) for m in info["metrics"]}


def _scale(metric: Mapping[str, Any]) -> Scale:
    low, high = metric.get("range", (None, None))
    bounds = (-math.inf if low is None else float(low), math.inf if high is None else float(high))
    return Scale(bool(metric["higher_is_better"]), *bounds, str(metric.get("family", "other")))


@dataclass(frozen=True, eq=False)
class Scores:
    """One model, dataset, layer, metric and protocol.

    Attributes:
        key: model, dataset, layer, metric, protocol.
        values: (n, m): n images, sorted by name, m methods in the order of the results; NaN where there is none.
        failed: (n, m): the method failed on the image, or its map did.
        controls: (m,): which methods are controls.
        binary: every value of the metric in this run is 0 or 1.
    """

    key: tuple[str, ...]
    scale: Scale
    images: tuple[str, ...]
    methods: tuple[str, ...]
    values: Array
    failed: Flags
    controls: Flags
    binary: bool

    @property
    def gain(self) -> Array:
        """(n, m): the values so that more is better; -inf for a failure, which loses to any value; NaN elsewhere."""
        oriented = self.values if self.scale.higher else -self.values
        return np.where(self.failed, -np.inf, oriented)

    @property
    def resolution(self) -> float:
        """Two values that differ by no more are equal: a millionth of the largest, as float32 carries no more."""
        known = np.abs(self.values[~np.isnan(self.values)])
        return RESOLUTION * float(known.max(initial=0.0))


def scores(
    results: pd.DataFrame,
    scales: Scales,
    controls: Collection[str] = (),
    by: Sequence[str] = CONTEST,
    across: str = "method",
) -> Iterator[Scores]:
    """The quality metrics of the results that have a scale, in the order of the results.

    Args:
        by: the columns of a contest's key: ``CONTEST``, and more after them.
        across: the column whose values are compared.
    """
    rows = results[results["sample"].notna()]
    known = [pair in scales for pair in zip(rows["metric"], rows["protocol"], strict=True)]
    rows = rows[np.array(known, dtype=np.bool_)]
    binary = _binary(rows)
    for key, part in rows.groupby(list(by), sort=False, dropna=False):
        names = tuple(str(name) for name in key)
        measure = (names[3], names[4])
        yield _scores(names, part, part[across], scales[measure], controls, binary[measure])


def _scores(
    key: tuple[str, ...],
    rows: pd.DataFrame,
    rivals: pd.Series[str],
    scale: Scale,
    controls: Collection[str],
    binary: bool,
) -> Scores:
    images, methods = sorted(rows["sample"].unique()), list(rivals.unique())
    at = (
        pd.Index(images).get_indexer(pd.Index(rows["sample"])),
        pd.Index(methods).get_indexer(pd.Index(rivals)),
    )
    values = np.full((len(images), len(methods)), np.nan)
    failed = np.zeros(values.shape, dtype=np.bool_)
    ok = (rows["status"] == "ok").to_numpy(dtype=np.bool_)
    values[at] = np.where(ok, rows["value"].to_numpy(dtype=np.float64, na_value=np.nan), np.nan)
    failed[at] = (rows["status"] == "failed").to_numpy(dtype=np.bool_)
    is_control = np.array([name in set(controls) for name in methods], dtype=np.bool_)
    names = (tuple(str(image) for image in images), tuple(str(name) for name in methods))
    return Scores(key, scale, *names, values, failed, is_control, binary)


def _binary(rows: pd.DataFrame) -> dict[tuple[str, str], bool]:
    ok = rows[rows["status"] == "ok"]
    measures = list(zip(rows["metric"], rows["protocol"], strict=True))
    other = ok[~ok["value"].isin([0.0, 1.0])]
    seen = set(zip(ok["metric"], ok["protocol"], strict=True))
    mixed = set(zip(other["metric"], other["protocol"], strict=True))
    return {pair: pair in seen - mixed for pair in set(measures)}
