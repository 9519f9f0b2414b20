"""A table that is collected row by row and takes little memory meanwhile: a run may have millions of rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

Row: TypeAlias = Mapping[str, Any]
WAITING = 50_000  # rows that are kept as they came


class TableDraft:
    """Rows of one of the tables of schema.py.

    Args:
        columns: the table's columns with their types: ``string``, ``Int64`` or ``float64``.

    Example:
        >>> draft = TableDraft({"sample": "string", "x": "float64"})
        >>> draft.extend([{"sample": "a", "x": 0.5}, {"sample": "b"}])
        >>> draft.frame()["x"].tolist()
        [0.5, nan]
    """

    def __init__(self, columns: Mapping[str, str]) -> None:
        self._columns = dict(columns)
        self._waiting: list[Row] = []
        self._texts: dict[str, dict[str, int]] = {name: {} for name, kind in columns.items() if kind == "string"}
        self._blocks: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in columns}

    def extend(self, rows: Iterable[Row]) -> None:
        """Add rows; what a row lacks is missing, and what the table has no column for is left out."""
        for row in rows:
            self._waiting.append(row)
            if len(self._waiting) == WAITING:
                self._pack()

    def frame(self) -> pd.DataFrame:
        """The table, in the types of its columns."""
        self._pack()
        return pd.DataFrame({name: self._column(name, kind) for name, kind in self._columns.items()})

    def _pack(self) -> None:
        for name, blocks in self._blocks.items():
            values = [row.get(name) for row in self._waiting]
            if name in self._texts:
                texts = self._texts[name]
                blocks.append(
                    np.array([-1 if v is None else texts.setdefault(v, len(texts)) for v in values], np.int32)
                )
            else:
                blocks.append(np.array(values, np.float64))
        self._waiting.clear()

    def _column(self, name: str, kind: str) -> pd.Series[Any]:
        whole = np.concatenate(self._blocks[name])
        if kind == "string":
            return pd.Series(pd.array(list(self._texts[name]), dtype="string").take(whole, allow_fill=True))
        return pd.Series(whole).astype("Int64") if kind == "Int64" else pd.Series(whole)
