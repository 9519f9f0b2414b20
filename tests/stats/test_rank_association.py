"""Spearman's correlation and the area under the ROC curve: published values, scipy, and what intervals hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, spearmanr

from benchbench.stats.rank_association import roc_area, spearman


def test_the_interval_is_that_of_another_library() -> None:
    """The example of R's statpsych, ci.spear."""
    y = [21, 4, 9, 12, 35, 18, 10, 22, 24, 1, 6, 8, 13, 16, 19]
    x = [67, 28, 30, 28, 52, 40, 25, 37, 44, 10, 14, 20, 28, 40, 51]
    assert spearman(y, x) == pytest.approx((0.8699639, 0.5840951, 0.9638297), abs=1e-6)


def test_with_ties_the_values_are_those_of_scipy() -> None:
    draw = np.random.default_rng(0)
    first, second = draw.integers(0, 6, 20), draw.integers(0, 6, 20)
    assert spearman(first, second)[0] == pytest.approx(spearmanr(first, second).statistic)
    statistic = mannwhitneyu(first, second).statistic
    assert roc_area(first, second)[0] == pytest.approx(statistic / 400)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_perfect_order_of_few_units_has_an_interval(sign: int) -> None:
    value, low, high = spearman(range(12), [sign * k for k in range(12)])
    assert value == sign
    near, far = (low, high) if sign > 0 else (high, low)
    assert far == sign
    r = 1 - 12 / (12**3 - 12)
    assert near == pytest.approx(sign * math.tanh(math.atanh(r) - 1.959964 * math.sqrt((1 + r * r / 2) / 9)), abs=1e-6)


def test_there_is_no_interval_without_enough_units_and_no_value_without_order() -> None:
    assert spearman([1, 2, 3], [1, 3, 2])[0] == 0.5
    assert math.isnan(spearman([1, 2, 3], [1, 3, 2])[1])
    assert math.isnan(spearman([1, 1, 1, 1], [1, 2, 3, 4])[0])
    assert roc_area([1], [0])[0] == 1
    assert math.isnan(roc_area([1], [0])[1])
    assert math.isnan(roc_area([], [0])[0])


def test_a_perfect_separation_has_newcombe_s_limit() -> None:
    """The quadratic of method 5 holds at the limit, on the other side of the area."""
    area, low, high = roc_area([1] * 6, [0] * 6)
    assert (area, high) == (1, 1)
    spread = low * (1 - low) * (1 + 5 * ((1 - low) / (2 - low) + low / (1 + low))) / 36
    assert 1 - low == pytest.approx(1.959964 * math.sqrt(spread), abs=1e-6)
    assert 0.6 < low < 0.75
    assert roc_area([0] * 6, [1] * 6) == pytest.approx((0, 0, 1 - low), abs=1e-6)


def test_the_intervals_hold_their_level() -> None:
    """Over 400 draws of 12 units the truth is outside about one interval in twenty."""
    draw, misses = np.random.default_rng(1), [0, 0]
    true_r, true_area = 0.6, 0.7602  # of bivariate normals: 6/pi asin(r/2); P(X > Y) with means 1 apart
    rho = 2 * math.sin(math.pi * true_r / 6)
    for _ in range(400):
        x = draw.standard_normal(12)
        y = rho * x + math.sqrt(1 - rho**2) * draw.standard_normal(12)
        _, low, high = spearman(x, y)
        misses[0] += not low <= true_r <= high
        _, low, high = roc_area(1 + draw.standard_normal(6), draw.standard_normal(6))
        misses[1] += not low <= true_area <= high
    assert all(miss <= 36 for miss in misses)  # 9 %
