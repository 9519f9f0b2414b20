"""Limits of means: Clopper and Pearson's where values are 0 and 1, and simulated coverage and levels elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pytest
import scipy.stats

from benchbench.stats import Scale, fewest_equivalent, limits, pairs
from benchbench.stats.intervals import limits_at
from benchbench.stats.tail_quantiles import tail_quantiles

from .planted import results

STUDIES = 1_000
ERROR = 3 * np.sqrt(0.05 * 0.95 / STUDIES)
Draw = np.random.Generator
Make: TypeAlias = Callable[[Draw, tuple[int, int]], Any]


@pytest.mark.parametrize(("n", "k"), [(2, 0), (2, 1), (10, 1), (10, 5), (20, 20), (299, 0), (1000, 400)])
@pytest.mark.parametrize("tail", [0.025, 0.05])
def test_of_zeros_and_ones_it_is_clopper_and_pearsons(n: int, k: int, tail: float) -> None:
    low, high = limits(np.repeat([1.0, 0.0], [k, n - k])[:, None], 0, 1, tail=tail)[:, 0]
    expected = scipy.stats.binomtest(k, n).proportion_ci(1 - 2 * tail, method="exact")
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_where_nothing_differs_it_is_the_zero_of_n() -> None:
    """Twenty equal images bound the share of others at 14 %, and 299 at 1 %."""
    for n, share in ((20, 0.139), (299, 0.00997), (59, 0.0495)):
        low, high = limits(np.zeros((n, 1)), -1, 1, tail=0.05)[:, 0]
        assert (low, high) == pytest.approx((-(1 - 0.05 ** (1 / n)), 1 - 0.05 ** (1 / n)))
        assert high == pytest.approx(share, abs=5e-4)
    assert (fewest_equivalent(0.01), fewest_equivalent(0.05), fewest_equivalent(0.1)) == (299, 59, 29)


def test_it_is_the_weighted_mean_with_the_end_of_the_range() -> None:
    """By another road: spacings of sorted uniform numbers, as Learned-Miller and Thomas write it."""
    values = np.sort(np.random.default_rng(1).beta(2, 5, 15))
    cuts = np.sort(np.random.default_rng(2).uniform(size=(200_000, 15)), axis=1)
    steps = np.diff(np.append(values, 1.0))
    upper = np.quantile(1 - cuts @ steps, 0.975)
    steps = np.diff(np.concatenate([[0.0], values]))
    lower = np.quantile((1 - cuts[:, ::-1]) @ steps[::-1], 0.025)
    low, high = limits(values[:, None], 0, 1)[:, 0]
    assert (low, high) == pytest.approx((lower, upper), abs=0.004)


def test_of_many_images_it_is_the_normal_one() -> None:
    values = np.random.default_rng(5).uniform(0.2, 0.8, size=(4000, 1))
    half = 1.96 * values.std() / np.sqrt(4000)
    np.testing.assert_allclose(limits(values, 0, 1)[:, 0], values.mean() + np.array([-half, half]), atol=0.12 * half)


def test_an_open_side_has_students_limit() -> None:
    values = np.random.default_rng(5).exponential(size=(9, 1))
    expected = scipy.stats.ttest_1samp(values[:, 0], 0).confidence_interval(0.95)
    assert limits(values)[:, 0].tolist() == pytest.approx([expected.low, expected.high])
    half_open = limits(values, 0)[:, 0]
    assert half_open[1] == pytest.approx(expected.high)
    assert half_open[0] == limits(values, 0, 1e6)[0, 0]


def test_a_limit_does_not_depend_on_order_neighbours_or_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(3).uniform(size=(13, 4))
    whole = limits(values, 0, 1)
    np.testing.assert_array_equal(limits(values[::-1], 0, 1), whole)
    np.testing.assert_allclose(np.column_stack([limits(c[:, None], 0, 1) for c in values.T]), whole, atol=1e-12)
    np.testing.assert_allclose(limits_at(values, [0.05, 0.025], 0, 1)[1], whole, atol=1e-12)
    monkeypatch.setattr("benchbench.stats.intervals._WEIGHTS_AT_ONCE", 999)
    np.testing.assert_allclose(limits(values, 0, 1), whole, atol=1e-12)


def test_one_image_has_none() -> None:
    assert np.isnan(limits(np.array([[0.5]]), 0, 1)).all()
    assert limits(np.empty((0, 3)), 0, 1).shape == (2, 3)


MEANS: dict[str, tuple[Make, float]] = {
    "normal": (lambda draw, shape: np.clip(draw.normal(0.5, 0.1, shape), 0, 1), 0.5),
    "uniform": (lambda draw, shape: draw.uniform(size=shape), 0.5),
    "skewed": (lambda draw, shape: draw.beta(0.5, 5, shape), 0.5 / 5.5),
    "binary, .1": (lambda draw, shape: (draw.uniform(size=shape) < 0.1) * 1.0, 0.1),
    "binary, .5": (lambda draw, shape: (draw.uniform(size=shape) < 0.5) * 1.0, 0.5),
    "sparse": (lambda draw, shape: (draw.uniform(size=shape) < 0.1) * draw.uniform(size=shape), 0.05),
    "rare and large": (lambda draw, shape: np.where(draw.uniform(size=shape) < 0.02, 0.9, 0.01), 0.0278),
}


@pytest.mark.parametrize("images", [2, 5, 10, 40])
@pytest.mark.parametrize("kind", MEANS)
def test_intervals_of_means_cover(kind: str, images: int) -> None:
    """The percentile bootstrap covers 51 % of normal means at n = 2, and 63 % of a binary rate of .1 at n = 10."""
    make, truth = MEANS[kind]
    low, high = limits(make(np.random.default_rng(images), (images, STUDIES)), 0, 1)
    assert ((low <= truth) & (truth <= high)).mean() > 0.95 - ERROR


@pytest.mark.parametrize("images", [2, 5, 10])
def test_students_intervals_cover_normal_means(images: int) -> None:
    low, high = limits(np.random.default_rng(images).normal(3, 2, (images, STUDIES)))
    assert ((low <= 3) & (high >= 3)).mean() == pytest.approx(0.95, abs=ERROR)


GAPS: dict[str, tuple[Make, float]] = {
    "binary, true difference .05": (
        lambda draw, shape: (draw.uniform(size=shape) < 0.05) * 1.0, 0.01
    ),
    "binary both ways, at the margin": (
        lambda draw, shape: np.select([(u := draw.uniform(size=shape)) < 0.03, u < 0.05], [1.0, -1.0], 0.0), 0.01
    ),
    "sparse": (lambda draw, shape: (draw.uniform(size=shape) < 0.05) * draw.uniform(size=shape), 0.025),
    "rare and large, true mean .018": (lambda draw, shape: (draw.uniform(size=shape) < 0.02) * 0.9, 0.018),
    "normal, at the margin": (lambda draw, shape: np.clip(draw.normal(0.01, 0.02, shape), -1, 1), 0.01),
    "skewed, at the margin": (lambda draw, shape: np.minimum(draw.exponential(0.01, shape), 1), 0.01),
}  # fmt: skip


@pytest.mark.parametrize("images", [5, 10, 20, 50])
@pytest.mark.parametrize("kind", GAPS)
def test_equivalence_is_claimed_falsely_in_no_more_than_five_per_cent(kind: str, images: int) -> None:
    """From the table to the verdict. The margin is .01; a true difference of it or more is no equivalence."""
    make, truth = GAPS[kind]
    gaps = make(np.random.default_rng(images), (images, 400))
    names = [f"m{i}" for i in range(400)]
    rows = results({"zero": np.zeros(images), **dict(zip(names, gaps.T, strict=True))}, "gap")
    table = pairs(rows, {("gap", "plain"): Scale(True, -1, 1)}, names, margin=0.01)  # controls: 400 pairs in all
    assert truth >= 0.01
    assert len(table) == 400
    assert table["equivalent"].mean() <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)


AT_MARGIN: dict[str, tuple[Make, float]] = {
    "binary": (lambda draw, shape: (draw.uniform(size=shape) < 0.3) * 1.0, 0.3),
    "binary both ways": (
        lambda draw, shape: np.select([(u := draw.uniform(size=shape)) < 0.4, u < 0.6], [1.0, -1.0], 0.0), 0.2
    ),
    "sparse": (lambda draw, shape: (draw.uniform(size=shape) < 0.3) * draw.uniform(size=shape), 0.15),
    "rare and large": (lambda draw, shape: np.where(draw.uniform(size=shape) < 0.1, 0.9, 0.05), 0.135),
    "normal": (lambda draw, shape: np.clip(draw.normal(0.2, 0.1, shape), -1, 1), 0.2),
    "skewed": (lambda draw, shape: draw.beta(0.5, 2, shape), 0.2),
}  # fmt: skip


@pytest.mark.parametrize("images", [5, 20, 60, 200])
@pytest.mark.parametrize("kind", AT_MARGIN)
def test_the_level_holds_where_claims_can_be_made(kind: str, images: int) -> None:
    """The margin is the true mean, and so wide that these many images can show equivalence."""
    make, truth = AT_MARGIN[kind]
    low, high = limits(make(np.random.default_rng(images), (images, STUDIES)), -1, 1, tail=0.05)
    claims = ((high <= truth) & (low >= -truth)).mean()
    assert claims <= 0.05 + ERROR
    assert claims > 0 or images < 60 or kind == "normal", "the test is not asleep"


def test_equivalence_is_found_where_it_is_true_and_the_images_are_enough() -> None:
    draw = np.random.default_rng(0)
    gaps = draw.normal(0, 0.02, (700, 200))
    low, high = limits(gaps, -1, 1, tail=0.05)
    assert ((low > -0.01) & (high < 0.01)).mean() > 0.95


@pytest.mark.parametrize("at", [[0.025, 0.05], [0.975, 0.95], [0.0251], [0.5001]])
@pytest.mark.parametrize("shape", [(9, 10_000), (4, 250), (2, 3)])
def test_quantiles_of_a_tail_are_numpys(shape: tuple[int, int], at: list[float]) -> None:
    """To the last bit; with ties, equal samples, and samples in order, whose first ones do not show where a tail is."""
    samples = np.random.default_rng(4).normal(size=shape)
    samples[0], samples[-1] = np.round(samples[0], 1), 2.5
    samples[1 % len(samples)].sort()
    np.testing.assert_array_equal(tail_quantiles(samples, at), np.quantile(samples, at, axis=1))
