"""Scores under disturbances, read back."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ..errors import BenchError
from .record import Record
from .run_folder import read_table

FILE = "reliability.parquet"


def read_trials(folder: Path) -> pd.DataFrame:
    """reliability.parquet: results.parquet's columns, and ``on``, ``strength``, ``size``, ``draw`` and ``kept``.

    Raises:
        BenchError: the folder has none.
    """
    if not (folder / FILE).is_file():
        hint = "Make one: benchbench reliability STUDY.yaml, or Study.reliability"
        raise BenchError(f"the run has no {FILE}", where=str(folder), hint=hint)
    return read_table(folder, Record.load(folder).info, FILE)
