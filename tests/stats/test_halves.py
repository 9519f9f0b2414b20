"""Split-half reliability: exact where halves can be counted, near theory where they cannot."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from benchbench.stats import split_half
from benchbench.stats.split_halves import halves, kendall, stepped_up

from .planted import FAILED, SCALES, Values, results


def test_clear_differences_give_the_same_order_in_every_half() -> None:
    values = {
        name: shift + np.random.default_rng(0).normal(0, 0.01, 20) for name, shift in zip("abc", (1, 2, 3), strict=True)
    }
    row = split_half(results(values), SCALES).iloc[0]
    assert (row["tau"], row["low"], row["high"], row["whole"]) == (1, 1, 1, 1)
    assert (row["n"], row["methods"]) == (20, 3)


def test_noise_gives_no_order() -> None:
    values = {name: np.random.default_rng(i).normal(size=200) for i, name in enumerate("abcdefgh")}
    row = split_half(results(values), SCALES).iloc[0]
    assert abs(row["tau"]) < 0.35
    assert row["low"] < 0 < row["high"]


def test_four_images_have_three_splits() -> None:
    """The halves of 1, 2, 3, 4 against 2.4: means 1.5 / 3.5, 2 / 3, 2.5 / 2.5. Only the last two agree: a third."""
    row = split_half(results({"a": [1.0, 2.0, 3.0, 4.0], "b": [2.4] * 4}), SCALES, splits=20_000).iloc[0]
    assert row["tau"] == pytest.approx(-1 / 3, abs=0.02)
    assert row["whole"] == pytest.approx(2 * row["tau"] / (1 - row["tau"]))


@pytest.mark.parametrize(
    ("tau", "whole"), [(1, 1), (0.5, 2 / 3), (0, 0), (-1 / 3, -1 / 2), (-0.5, -2 / 3), (-0.9, -18 / 19), (-1, -1)]
)
def test_the_stepped_up_tau_stays_a_correlation(tau: float, whole: float) -> None:
    """Spearman and Brown's own formula gives -2 at -1/2 and minus infinity at -1."""
    assert stepped_up(tau) == pytest.approx(whole)
    assert abs(stepped_up(tau)) <= 1


def test_halves_that_disagree_wholly_have_minus_one() -> None:
    """Each method is best on its image alone: whoever leads in a half is last in the other."""
    values = {name: np.eye(4)[i] for i, name in enumerate("abcd")}
    row = split_half(results(values), SCALES).iloc[0]
    assert (row["tau"], row["whole"]) == (-1, -1)


def test_halves_do_not_share_an_image() -> None:
    values = np.eye(7)
    half, other_half = halves(values, seed=0, splits=50)
    assert ((half > 0) & (other_half > 0)).sum() == 0
    np.testing.assert_allclose(half.sum(1), 1)
    np.testing.assert_array_equal((half > 0).sum(1), 3)
    np.testing.assert_array_equal((other_half > 0).sum(1), 3)


def test_tau_is_scipys() -> None:
    draw = np.random.default_rng(0)
    scores, other_scores = draw.integers(0, 4, (30, 6)).astype(float), draw.integers(0, 4, (30, 6)).astype(float)
    expected = [scipy.stats.kendalltau(a, b).statistic for a, b in zip(scores, other_scores, strict=True)]
    np.testing.assert_allclose(kendall(scores, other_scores), expected, atol=1e-12)
    assert np.isnan(kendall(np.ones((1, 3)), np.array([[1.0, 2, 3]]))).all()


def test_images_where_a_method_failed_do_not_count() -> None:
    values: Values = {"a": [0.1, 0.2, 0.3, 0.4, FAILED], "b": [0.5, 0.6, 0.7, 0.8, 0.9]}
    row = split_half(results(values), SCALES).iloc[0]
    assert row["n"] == 4
    assert row["tau"] == 1


def test_too_few_images_or_equal_methods_have_no_reliability() -> None:
    few = split_half(results({"a": [0.1, 0.2, 0.3], "b": [0.2, 0.3, 0.4]}), SCALES).iloc[0]
    same = split_half(results({"a": [0.1] * 6, "b": [0.1] * 6}), SCALES).iloc[0]
    assert np.isnan(few["tau"])
    assert np.isnan(same["tau"])
