"""The rows of a table by a key: the values, counts and reasons of every cell, found in one pass over the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .resampling import Array
from .units import Places, by_unit, numbered, units_of


@dataclass(frozen=True, eq=False)
class Cells:
    """Rows with a ``sample``, a ``value`` and a ``status``, in cells: one for each value of the ``columns``.

    Cells are in the order of their first rows.
    """

    rows: pd.DataFrame
    columns: Sequence[str]

    @cached_property
    def keys(self) -> list[tuple[Any, ...]]:
        first = np.unique(self._cell_of_row, return_index=True)[1]
        return list(self.rows[list(self.columns)].iloc[first].itertuples(index=False, name=None))

    @cached_property
    def values(self) -> list[Array]:
        """The ok values of each cell, ordered by image and then averaged over units: row i of each is the same unit."""
        values = self.rows["value"].iloc[self._ok].to_numpy(dtype=np.float64)
        split = self._split(values)
        if "unit" not in self.rows:
            return split
        units = self._split(np.asarray(pd.factorize(units_of(self.rows))[0], dtype=np.int64)[self._ok])
        named = self._split(self._samples.iloc[self._ok].notna().to_numpy(dtype=np.bool_))
        return [
            by_unit(part, numbered(numbers)) if known.all() else part
            for part, numbers, known in zip(split, units, named, strict=True)
        ]

    def counts(self, status: str) -> Places:
        """How many rows of each cell have the status."""
        return self._count(self._cell_of_row[self._has(status)])

    @cached_property
    def images(self) -> list[str]:
        """A digest of the samples of each cell's ok rows; empty where no ok row has one."""
        digests: dict[bytes, str] = {}
        ok = self._ok[self._samples.iloc[self._ok].notna().to_numpy(dtype=np.bool_)]
        parts = np.split(ok, np.cumsum(self._count(self._cell_of_row[ok]))[:-1]) if len(self.keys) else []
        texts = self._ordered_samples[1].to_numpy(dtype=object)  # each once: a text of each row is 100 MB
        marks = [self._sample_order[part].tobytes() for part in parts]
        for part, mark in zip(parts, marks, strict=True):
            if mark not in digests:
                names = texts[self._sample_order[part]]
                digests[mark] = sha256("\n".join(names).encode()).hexdigest()[:8] if len(part) else ""
        return [digests[mark] for mark in marks]

    @cached_property
    def reasons(self) -> list[str]:
        """The most frequent reason of each cell's rows that are not ok; empty where all are."""
        lost = np.flatnonzero(~self._has("ok"))
        reasons = [""] * len(self.keys)
        for cell, texts in self.rows["reason"].iloc[lost].groupby(self._cell_of_row[lost], sort=False):
            reasons[int(cell)] = str(texts.value_counts().index[0])  # type: ignore[call-overload]
        return reasons

    @property
    def _samples(self) -> pd.Series[str]:
        return self.rows["sample"]

    @cached_property
    def _cell_of_row(self) -> Places:
        groups = self.rows.groupby(list(self.columns), sort=False, dropna=False)
        return np.asarray(groups.ngroup(), dtype=np.int64)

    @cached_property
    def _sample_order(self) -> Places:
        """Of each row, the place of its sample among all samples by name; last without one."""
        return self._ordered_samples[0]

    @cached_property
    def _ordered_samples(self) -> tuple[Places, pd.Index[Any]]:
        """``_sample_order``, and the samples by name."""
        places, names = pd.factorize(self._samples, sort=True)
        return np.where(places < 0, len(names), places).astype(np.int64), names

    @cached_property
    def _ok(self) -> Places:
        """The places of the ok rows, by cell and then by sample."""
        ok = np.flatnonzero(self._has("ok"))
        return ok[np.lexsort((self._sample_order[ok], self._cell_of_row[ok]))].astype(np.int64)

    def _has(self, status: str) -> npt.NDArray[np.bool_]:
        return (self.rows["status"] == status).to_numpy(dtype=np.bool_)

    def _count(self, cells: Places) -> Places:
        return np.bincount(cells, minlength=len(self.keys)).astype(np.int64)

    def _split(self, values: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
        """What there is of each ok row, by cell."""
        ends = np.cumsum(self._count(self._cell_of_row[self._ok]))
        return np.split(values, ends[:-1]) if len(ends) else []
