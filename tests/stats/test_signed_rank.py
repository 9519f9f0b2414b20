"""The tests' p values against scipy, statsmodels, examples documented with R, and enumeration."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar as their_mcnemar
from statsmodels.stats.multitest import multipletests

from benchbench.stats.paired_tests import holm, mcnemar, median_intervals, signed_rank


def test_the_depression_data_of_rs_documentation() -> None:
    """Hollander & Wolfe (1973), in ``?wilcox.test``: V = 40, p = 0.03906 two-sided (0.01953 one-sided)."""
    x = np.array([1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30])
    y = np.array([0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29])
    p, effect = signed_rank((x - y)[:, None])
    assert p[0] == pytest.approx(0.0390625, abs=1e-12)
    assert effect[0] == pytest.approx((40 - 5) / 45, abs=1e-12)


@pytest.mark.parametrize("images", [1, 2, 5, 12, 30, 50])
def test_without_ties_it_is_scipys_exact_test(images: int) -> None:
    gap = np.random.default_rng(images).normal(0.2, 1, (images, 4))
    p, _ = signed_rank(gap)
    expected = [scipy.stats.wilcoxon(column, method="exact").pvalue for column in gap.T]
    np.testing.assert_allclose(p, expected, rtol=1e-10)


@pytest.mark.parametrize("images", [51, 80, 400])
@pytest.mark.parametrize("steps", [0, 3, 20], ids=["no ties", "many ties", "some ties"])
def test_of_many_images_it_is_scipys_normal_approximation(images: int, steps: int) -> None:
    gap = np.random.default_rng(images).normal(0.2, 1, (images, 4))
    gap = np.where(gap == 0, 1, gap) if not steps else np.sign(gap) * np.ceil(np.abs(gap) * steps) / steps
    p, _ = signed_rank(gap)
    expected = [scipy.stats.wilcoxon(column, method="asymptotic", correction=False).pvalue for column in gap.T]
    np.testing.assert_allclose(p, expected, rtol=1e-10)


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=9))
@settings(max_examples=150, deadline=None)
def test_with_ties_it_is_the_count_over_all_signs(gap: list[int]) -> None:
    kept = np.array([value for value in gap if value], dtype=np.float64)
    p, _ = signed_rank(np.array(gap, dtype=np.float64)[:, None])
    if not len(kept):
        assert p[0] == 1
        return
    ranks = scipy.stats.rankdata(np.abs(kept))
    seen = abs((ranks * np.sign(kept)).sum())
    sums = [abs(np.dot(ranks, signs)) for signs in itertools.product([-1, 1], repeat=len(kept))]
    assert p[0] == pytest.approx(np.mean([total >= seen - 1e-9 for total in sums]), abs=1e-12)


def test_the_effect_is_kerbys() -> None:
    """Favourable minus unfavourable ranks: differences 1, 2, -3 have (1 + 2 - 3) / 6."""
    _, effect = signed_rank(np.array([[1.0, 1.0, 4.0], [2.0, 2.0, 5.0], [-3.0, 7.0, 6.0]]))
    np.testing.assert_allclose(effect, [0, 1, 1])


def test_what_is_missing_or_zero_does_not_count_and_infinite_is_largest() -> None:
    with_holes = np.array([[0.5, np.nan, 0, -0.2, 0.3, np.nan, np.inf, 0]]).T
    whole = np.array([[0.5, -0.2, 0.3, 9.0]]).T
    for actual, expected in zip(signed_rank(with_holes), signed_rank(whole), strict=True):
        np.testing.assert_array_equal(actual, expected)


def test_a_column_does_not_depend_on_its_neighbours() -> None:
    gap = np.round(np.random.default_rng(1).normal(size=(60, 7)), 1)
    together, _ = signed_rank(gap)
    alone = [signed_rank(column[:, None])[0][0] for column in gap.T]
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize(("wins", "losses", "ties"), [(0, 0, 5), (1, 0, 0), (9, 2, 4), (30, 31, 0), (15, 3, 100)])
def test_mcnemar_is_statsmodels_exact_one(wins: int, losses: int, ties: int) -> None:
    gap = np.array([1.0] * wins + [-1.0] * losses + [0.0] * ties)[:, None]
    p, effect = mcnemar(gap)
    expected = their_mcnemar([[ties, wins], [losses, 0]], exact=True).pvalue if wins + losses else 1.0
    assert p[0] == pytest.approx(expected, abs=1e-12)
    assert effect[0] == pytest.approx((wins - losses) / max(1, wins + losses))


def test_mcnemar_of_the_approval_ratings_of_rs_documentation() -> None:
    """Agresti (1990) in ``?mcnemar.test``: 150 against 86; the exact p is binom.test(86, 236)'s."""
    gap = np.array([1.0] * 150 + [-1.0] * 86 + [0.0] * 1364)[:, None]
    assert mcnemar(gap)[0][0] == pytest.approx(scipy.stats.binomtest(86, 236).pvalue, rel=1e-9)
    assert mcnemar(gap)[0][0] == pytest.approx(3.7e-5, rel=0.03)


def test_holm_is_the_textbooks() -> None:
    """Of 0.01, 0.04, 0.03: 3 * 0.01; 2 * 0.03; then 0.04, raised to the one before."""
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, np.nan, 0.03])), [0.03, 0.06, np.nan, 0.06])
    assert holm(np.array([])).shape == (0,)


@pytest.mark.parametrize("tests", [1, 2, 7, 40])
def test_holm_is_statsmodels(tests: int) -> None:
    p = np.random.default_rng(tests).uniform(0, 0.3, tests) ** 2
    np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1], rtol=1e-12)


def test_the_medians_interval_is_the_sign_tests() -> None:
    """The limits are the outermost values that a sign test at 5 % does not reject."""
    for n in (6, 9, 25, 60):
        values = np.sort(np.random.default_rng(n).normal(size=n))
        ((middle, low, high),) = median_intervals(values[::-1, None])
        assert middle == np.median(values)
        interval = scipy.stats.quantile_test(values, q=0, p=0.5).confidence_interval(0.95)
        assert (low, high) == (interval.low, interval.high)


def test_five_values_have_no_interval_of_their_median() -> None:
    ((middle, low, high),) = median_intervals(np.arange(5.0)[:, None])
    assert middle == 2
    assert np.isnan([low, high]).all()
    assert np.isnan(median_intervals(np.empty((0, 1)))).all()
