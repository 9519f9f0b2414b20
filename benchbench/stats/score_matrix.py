"""A comparison's values as matrices: images down, methods across."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from .kept_rows import OF_CELLS, kept
from .leaderboards import CONTEST
from .metric_scale import RESOLUTION, Scale, Scales, trusted
from .resampling import Array
from .units import Places, numbered

Flags: TypeAlias = npt.NDArray[np.bool_]
_RANKS_AT_ONCE = 4_000_000
_ROW_VALUES_AT_ONCE = 1_000_000


@dataclass(frozen=True, eq=False)
class Scores:
    """One model, dataset, layer, metric and protocol.

    Attributes:
        key: model, dataset, layer, metric, protocol.
        values: (n, m): n images, sorted by name, m methods in the order of the results; NaN where there is none.
        failed: (n, m): the method failed on the image, or its map did.
        controls: (m,): which methods are controls.
        binary: every value of the metric in this run is 0 or 1.
        belongs: (n,): the name of the independent unit that each image belongs to.
    """

    key: tuple[str, ...]
    scale: Scale
    images: tuple[str, ...]
    methods: tuple[str, ...]
    values: Array
    failed: Flags
    controls: Flags
    binary: bool
    belongs: tuple[str, ...]

    @cached_property
    def units(self) -> Places:
        """(n,): the number of the unit that each image belongs to, 0, 1, ..."""
        return numbered(self.belongs)

    @property
    def gain(self) -> Array:
        """(n, m): the values so that more is better; -inf for a failure, which loses to any value; NaN elsewhere."""
        oriented = self.values if self.scale.higher else -self.values
        return np.where(self.failed, -np.inf, oriented)


def tied(first: Array, second: Array, floor: float = 0.0) -> Flags:
    """Where two values are equal: they differ by no more than the precision of these two values.

    That is a millionth of the larger one, as float32 carries no more.

    Args:
        floor: the resolution of the metric's own computation, ``Scale.floor``: a metric in [0, 1] is made of numbers
            near 1, so that a value near 0 is no more precise than these.
    """
    larger = np.maximum(np.abs(first), np.abs(second))
    return np.asarray(np.abs(first - second) <= np.maximum(RESOLUTION * larger, floor), dtype=np.bool_)


def differences(first: Array, second: Array, floor: float = 0.0) -> Array:
    """first - second; a failure (-inf) is below any value, two failures are equal, so are values that are ``tied``."""
    gaps = np.empty(first.shape)
    step = max(1, _ROW_VALUES_AT_ONCE // max(1, first[:1].size))
    for start in range(0, len(first), step):
        rows = slice(start, start + step)
        gaps[rows] = _differences(first[rows], second[rows], floor)
    return gaps


def _differences(first: Array, second: Array, floor: float) -> Array:
    both = np.isneginf(first) & np.isneginf(second)
    finite = np.isfinite(first) & np.isfinite(second)
    gaps = np.where(both, 0.0, first - np.where(both, 0.0, second))
    equal = tied(np.where(finite, first, 0.0), np.where(finite, second, 0.0), floor) & finite
    return np.where(equal, 0.0, gaps)


def beats(gain: Array, floor: float = 0.0) -> tuple[Array, Array]:
    """(n, m, m) twice: 1, 1/2 or 0 where method a beats b, ties, loses; and whether the pair can be compared.

    Args:
        gain: (n, m), ``Scores.gain``.
    """
    gains, other_gains = np.broadcast_arrays(gain[:, :, None], gain[:, None, :])
    comparable = ~np.isnan(gains) & ~np.isnan(other_gains)
    gap = differences(np.where(comparable, gains, 0.0), np.where(comparable, other_gains, 0.0), floor)
    won = np.where(gap == 0, 0.5, (gap > 0).astype(np.float64))
    return np.where(comparable, won, 0.0), comparable.astype(np.float64)


def image_ranks(gain: Array, floor: float = 0.0) -> Array:
    """(n, m): the rank of each method on each image: 1, and 1 for each method that beats it, 1/2 for each tie."""
    images, methods = gain.shape
    step = max(1, _RANKS_AT_ONCE // max(1, methods**2))
    blocks = (beats(gain[start : start + step], floor)[0].sum(1) + 0.5 for start in range(0, images, step))
    return np.concatenate([np.empty((0, methods)), *blocks])


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
    measures = [results["metric"], results["protocol"]]
    keys = results[["metric", "protocol"]].drop_duplicates().itertuples(index=False, name=None)
    known = np.array([key in scales for key in keys], dtype=np.bool_)
    numbers = results.groupby(measures, sort=False, dropna=False).ngroup().to_numpy(dtype=np.int64)
    columns_needed = list(dict.fromkeys([*by, across, *OF_CELLS]))
    rows = kept(results, results["sample"].notna().to_numpy(dtype=np.bool_) & known[numbers], columns_needed)
    binary, scales = _binary(rows), trusted(scales, rows)
    columns = _Columns.of(rows, rows[across])
    for names, places in _contests(rows, by):
        measure = (names[3], names[4])
        yield _scores(names, columns, places, scales[measure], controls, binary[measure])


def _contests(rows: pd.DataFrame, by: Sequence[str]) -> Iterator[tuple[tuple[str, ...], Places]]:
    """Each contest's key and the places of its rows, in the order of its first row."""
    contest = rows.groupby(list(by), sort=False, dropna=False).ngroup().to_numpy(dtype=np.int64)
    order = np.argsort(contest, kind="stable")
    starts = np.flatnonzero(np.diff(contest[order], prepend=-1))
    keys = rows[list(by)].iloc[order[starts]].itertuples(index=False, name=None)
    for key, places in zip(keys, np.split(order, starts[1:]) if len(starts) else [], strict=True):
        yield tuple(str(name) for name in key), places


@dataclass(frozen=True, eq=False)
class _Columns:
    """What ``Scores`` are made of, of each row: names as their numbers, the images' in the order of their names."""

    image_names: Sequence[Any]
    images: Places
    rival_names: Sequence[Any]
    rivals: Places
    values: Array
    ok: Flags
    failed: Flags
    unit_names: Sequence[Any]
    units: Places

    @classmethod
    def of(cls, rows: pd.DataFrame, rivals: pd.Series[Any]) -> _Columns:
        images, image_names = pd.factorize(rows["sample"], sort=True)
        numbers, rival_names = pd.factorize(rivals)
        units, unit_names = pd.factorize(rows["unit"]) if "unit" in rows else (images, image_names)
        return cls(
            list(image_names),
            images.astype(np.int64),
            list(rival_names),
            numbers.astype(np.int64),
            rows["value"].to_numpy(dtype=np.float64, na_value=np.nan),
            (rows["status"] == "ok").to_numpy(dtype=np.bool_),
            (rows["status"] == "failed").to_numpy(dtype=np.bool_),
            list(unit_names),
            units.astype(np.int64),
        )


def _scores(
    key: tuple[str, ...],
    columns: _Columns,
    places: Places,
    scale: Scale,
    controls: Collection[str],
    binary: bool,
) -> Scores:
    images, row = np.unique(columns.images[places], return_inverse=True)
    column, rivals = pd.factorize(columns.rivals[places])
    values = np.full((len(images), len(rivals)), np.nan)
    failed = np.zeros(values.shape, dtype=np.bool_)
    values[row, column] = np.where(columns.ok[places], columns.values[places], np.nan)
    failed[row, column] = columns.failed[places]
    units = np.empty(len(images), dtype=np.int64)
    units[row] = columns.units[places]
    methods = [columns.rival_names[int(number)] for number in rivals]
    is_control = np.array([name in set(controls) for name in methods], dtype=np.bool_)
    names = tuple(str(columns.image_names[int(number)]) for number in images), tuple(map(str, methods))
    belongs = tuple(str(columns.unit_names[number]) for number in units.tolist())
    return Scores(key, scale, *names, values, failed, is_control, binary, belongs)


def _binary(rows: pd.DataFrame) -> dict[tuple[str, str], bool]:
    numbers = rows.groupby(["metric", "protocol"], sort=False, dropna=False).ngroup().to_numpy(dtype=np.int64)
    pairs = rows[["metric", "protocol"]].drop_duplicates().itertuples(index=False, name=None)
    ok = (rows["status"] == "ok").to_numpy(dtype=np.bool_)
    other = ok & ~rows["value"].isin([0.0, 1.0]).to_numpy(dtype=np.bool_)
    binary = set(numbers[ok].tolist()) - set(numbers[other].tolist())
    return {pair: number in binary for number, pair in enumerate(pairs)}


def alike_columns(known: Flags) -> Iterator[tuple[list[int], Places]]:
    """The columns that know the same rows, and these rows; columns without any are left out."""
    groups: dict[bytes, list[int]] = {}
    for place, column in enumerate(known.T):
        groups.setdefault(column.tobytes(), []).append(place)
    for places in groups.values():
        rows = np.flatnonzero(known[:, places[0]])
        if len(rows):
            yield places, rows
