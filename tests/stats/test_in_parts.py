"""What is computed part by part, so that many images fit in memory, is what is computed at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchbench.stats import overall, pairs, split_half

from .planted import FAILED, NOT_APPLICABLE, SCALES, results

TABLES: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "pairs": lambda table: pairs(table, SCALES, ["d"]),
    "halves": lambda table: split_half(table, SCALES, splits=30),
    "order": lambda table: overall(table, SCALES, resamples=30),
}
PARTS = {
    "intervals._COLUMNS_AT_ONCE": 2,
    "intervals._COLUMNS_OF_WEIGHTS": 3,
    "pairwise._VALUES_AT_ONCE": 50,
    "score_matrix._ROW_VALUES_AT_ONCE": 7,
    "split_halves._DRAWS_AT_ONCE": 100,
    "overall_ranking._DRAWS_AT_ONCE": 100,
}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    draw = np.random.default_rng(0)
    values: dict[str, list[Any]] = {name: list(draw.uniform(0.2, 0.8, 24)) for name in "abcd"}
    values["a"][3], values["b"][3], values["c"][5] = FAILED, FAILED, NOT_APPLICABLE
    whole = {name: list(draw.uniform(0.2, 0.8, 24)) for name in "abcd"}
    return pd.concat([results(values), results(whole, model="other")], ignore_index=True)


@pytest.mark.parametrize("name", TABLES)
def test_parts_change_nothing(name: str, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = TABLES[name](table)
    assert len(whole)
    for place, size in PARTS.items():
        monkeypatch.setattr(f"benchbench.stats.{place}", size)
    pd.testing.assert_frame_equal(TABLES[name](table), whole, rtol=1e-12)
