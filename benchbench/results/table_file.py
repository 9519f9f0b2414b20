"""A run's table read from its bytes, which may be anyone's: of as many rows as a run has, and of names it knows."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..errors import message_of
from ..files import Damaged
from .schema import STATUSES, typed

MOST_ROWS = 200_000_000
_ROWS_PER_BYTE, _FEW_ROWS = 64, 1_000_000  # a table of less than one byte for so many rows is no run's
_BYTES_PER_BYTE, _FEW_BYTES = 300, 1 << 28
_PLACE = ("sample", "file", "row", "cells", "distinct")  # of a map: none has a map without them
_KNOWN = {"model": "models", "dataset": "datasets", "method": "methods"}  # columns, and the lists of run.json


def table_of(data: bytes, name: str) -> pd.DataFrame:
    """The table in the bytes of a parquet file.

    Raises:
        Damaged: it is none, or has more rows or bytes than a run writes into so small a file.
    """
    from pyarrow import parquet

    try:
        about = parquet.ParquetFile(io.BytesIO(data)).metadata
        size = sum(about.row_group(i).total_byte_size for i in range(about.num_row_groups))
        if about.num_rows > min(MOST_ROWS, _FEW_ROWS + _ROWS_PER_BYTE * len(data)):
            raise Damaged(f"{name} says that it has {about.num_rows:,} rows")
        if size > _FEW_BYTES + _BYTES_PER_BYTE * len(data):
            raise Damaged(f"{name} says that it unpacks to {size:,} bytes")
        return pd.read_parquet(io.BytesIO(data))
    except Damaged:
        raise
    except Exception as error:  # whatever broken bytes lead pyarrow to
        raise Damaged(f"{name} is no table: {message_of(error)}") from None


def typed_table(data: bytes, name: str, columns: dict[str, str], info: Mapping[str, Any]) -> pd.DataFrame:
    """The table by the columns of schema.py, every name in it one of run.json's.

    Args:
        info: run.json.

    Raises:
        Damaged: a value is of another kind, or a name is none of the run's.
        BenchError: a column is missing.
    """
    rows = table_of(data, name)
    try:
        table = typed(rows, columns)
    except (TypeError, ValueError, OverflowError, NotImplementedError) as error:
        raise Damaged(f"{name} is not as benchbench writes it: {message_of(error)}") from None
    for column, kind in _KNOWN.items():
        if column in columns:
            _refuse_unknown(set(table[column].unique()), {entry["name"] for entry in info[kind]}, f"{name}: {column}")
    if "metric" in columns:
        wholes = set(map(_whole, table["metric"].unique()))
        _refuse_unknown(wholes, {entry["name"] for entry in info["metrics"]}, f"{name}: metric")
        protocols = {entry["protocol"] for entry in info["metrics"]}
        _refuse_unknown(set(table["protocol"].unique()), protocols, f"{name}: protocol")
    if "status" in columns and table.empty:
        raise Damaged(f"{name} has no row")
    if "status" in columns:
        _refuse_unknown(set(table["status"].unique()), set(STATUSES), f"{name}: status")
    for column in [*({"layer"} & columns.keys()), *(_PLACE if "row" in columns else ())]:
        if table[column].isna().any():
            raise Damaged(f"{name} has a row without {column}")
    for column, kind in columns.items():
        if kind == "float64" and np.isinf(table[column].to_numpy()).any():
            raise Damaged(f"{name}: {column} has a number that is not finite")
    return table


def _refuse_unknown(names: set[Any], known: set[str], where: str) -> None:
    unknown = names - known
    if unknown:
        raise Damaged(f"{where} names {str(unknown.pop())[:80]!r}, which the run does not have")


def _whole(metric: Any) -> Any:
    """The metric whose part a row is about: of ``runtime.q1`` it is ``runtime``."""
    return metric.partition(".")[0] if isinstance(metric, str) else metric
