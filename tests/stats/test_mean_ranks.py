"""Ranks with ties, against scipy's."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from benchbench.stats.mean_ranks import mean_ranks

VALUES = st.sampled_from([math.nan, -math.inf, math.inf, 0.0, -0.0, 1.0, 1.0 + 2**-52, 2.0, 1e-300])


@given(st.lists(st.lists(VALUES, min_size=3, max_size=3), min_size=1, max_size=9), st.sampled_from((0, 1)))
def test_ranks_are_scipys(rows: list[list[float]], axis: Literal[0, 1]) -> None:
    values = np.array(rows)
    np.testing.assert_array_equal(mean_ranks(values, axis), rankdata(values, axis=axis, nan_policy="omit"))


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)])
def test_nothing_has_no_ranks(shape: tuple[int, ...]) -> None:
    assert mean_ranks(np.zeros(shape)).shape == shape


def test_a_single_row_of_values() -> None:
    assert mean_ranks([3, 1, 3]).tolist() == [2.5, 1, 2.5]
