"""Ties: by the precision of the two values, whatever other images and methods have."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchbench.stats import (
    Scale,
    overall,
    pairs,
    power,
    ranked,
    split_half,
)
from benchbench.stats.score_matrix import differences, image_ranks, tied

from .planted import FAILED, NOT_APPLICABLE, SCALES, Values, results

OPEN = {("loss", "plain"): Scale(True)}
IMAGES = 60


def planted(extreme: float) -> dict[str, np.ndarray]:
    """``b`` is .1 above ``a`` on sixty images; on one both are at ``extreme``, or near it."""
    base = np.random.default_rng(0).normal(1, 0.3, IMAGES)
    a, b = base.copy(), base + 0.1
    if extreme:
        a[7], b[7] = extreme, extreme + 0.1
    return {"a": a, "b": b}


@pytest.mark.parametrize("extreme", [0.0, -3e5, 3e5, 1e12])
def test_one_extreme_image_silences_no_comparison(extreme: float) -> None:
    """Only that image itself is a tie, as float32 carries no tenth beside 3e5."""
    table = results(planted(extreme), "loss")
    (row,) = pairs(table, OPEN).to_dict("records")
    assert row["p"] < 1e-10
    assert row["verdict"] == "worse"
    assert row["p_better"] == pytest.approx(0.5 / IMAGES if extreme else 0)
    (order,) = ranked(table, OPEN, pairs(table, OPEN))
    assert order.methods == ("b", "a")
    assert order.ranks[0] == pytest.approx(1 + (0.5 / IMAGES if extreme else 0))
    assert overall(table, OPEN)["rank"].tolist() == pytest.approx(list(order.ranks))
    half = split_half(table, OPEN).iloc[0]
    assert (half["tau"], half["whole"]) == (1, 1)
    assert power(table, OPEN).iloc[0]["mean_difference"] == pytest.approx(-0.1, abs=0.002)


def test_a_pair_does_not_depend_on_who_else_is_in_the_study() -> None:
    values = planted(0)
    alone = pairs(results(values, "loss"), OPEN).iloc[0]
    huge = pairs(results({**values, "c": np.full(IMAGES, 1e9)}, "loss"), OPEN).iloc[0]
    for column in ("p", "effect", "p_better", "mean_difference", "low", "high"):
        assert huge[column] == alone[column]


@pytest.mark.parametrize(
    ("value", "other", "floor", "equal"),
    [
        (0.5, 0.5 + 4e-7, 0.0, True),
        (0.5, 0.5 + 6e-7, 0.0, False),
        (1e-9, 1.1e-9, 0.0, False),
        (1e-9, 1.1e-9, 1e-6, True),
        (-3e5, -3e5 + 0.2, 0.0, True),
        (-3e5, -3e5 + 0.5, 0.0, False),
        (0.0, 0.0, 0.0, True),
    ],
)
def test_two_values_tie_within_a_millionth_of_the_larger_or_of_the_range(
    value: float, other: float, floor: float, equal: bool
) -> None:
    assert tied(np.array([value]), np.array([other]), floor).tolist() == [equal]
    assert (differences(np.array([value]), np.array([other]), floor)[0] == 0) == equal


def test_a_metric_in_zero_to_one_has_the_resolution_of_its_range() -> None:
    """Two drops near 0 are differences of numbers near 1: rounding, though they differ by a half."""
    noise = np.random.default_rng(0).uniform(1e-8, 4e-7, 40)
    row = pairs(results({"a": noise, "b": noise / 2}), SCALES).iloc[0]
    assert (row["p"], row["p_better"]) == (1, 0.5)


def test_differences_of_logits_have_the_resolution_of_logits() -> None:
    """Two falls of a logit near 0 are differences of numbers near 10: rounding, though they differ by a half."""
    noise = np.random.default_rng(0).uniform(1e-8, 4e-6, 40)
    of_logits = {("score", "plain"): Scale(True, 0, np.inf, unit="logit")}
    row = pairs(results({"a": noise, "b": noise / 2}), of_logits).iloc[0]
    assert (row["p"], row["p_better"]) == (1, 0.5)
    far = pairs(results({"a": 1e3 * noise, "b": 1e3 * noise / 2}), of_logits).iloc[0]
    assert far["p"] < 1e-6


def test_ranks_are_those_of_scipy_where_ties_are_exact() -> None:
    import scipy.stats

    gain = np.random.default_rng(0).integers(0, 4, (30, 5)).astype(float)
    np.testing.assert_allclose(image_ranks(gain), scipy.stats.rankdata(-gain, axis=1))


def test_failures_are_last_and_share_their_rank() -> None:
    np.testing.assert_array_equal(image_ranks(np.array([[-np.inf, 1e9, -np.inf, 1e9]])), [[3.5, 1.5, 3.5, 1.5]])


def test_failures_and_holes_stay_what_they_are() -> None:
    values: Values = {"a": [FAILED, 0.5, NOT_APPLICABLE, 1e6], "b": [0.1, FAILED, 0.3, 1e6]}
    row = pairs(results(values, "loss"), OPEN).iloc[0]
    assert (row["p_better"], row["left_out"]) == (0.5, 1)
    assert isinstance(row, pd.Series)
