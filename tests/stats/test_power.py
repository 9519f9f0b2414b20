"""Power: the figures of the conventions, and simulated studies that have the power they were promised."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from benchbench.stats import fewest_images, images_needed, power, smallest_visible_effect
from benchbench.stats.paired_tests import signed_rank

from .planted import SCALES, results


def test_a_row_says_what_this_many_images_see_and_how_many_are_missing() -> None:
    draw = np.random.default_rng(0)
    base = draw.normal(0.5, 0.2, 100)
    gap = draw.normal(0, 1, 100)
    gap = 0.01 + 0.05 * (gap - gap.mean()) / gap.std(ddof=1)
    row = power(results({"a": base + gap, "b": base, "c": base - 0.3}), SCALES).iloc[0]
    assert row["d_z"] == pytest.approx(0.2)
    assert row["spread"] == pytest.approx(0.05)
    assert row["visible"] == pytest.approx(smallest_visible_effect(3, 100) * 0.05)
    assert row["needed"] == images_needed(3, 0.2)
    assert row["more"] == row["needed"] - 100


def test_enough_images_need_no_more_and_equal_methods_no_number() -> None:
    draw = np.random.default_rng(0)
    base = draw.normal(0.5, 0.1, 60)
    table = power(results({"a": base + draw.normal(0.3, 0.01, 60), "b": base, "same": base}), SCALES)
    assert table.iloc[0]["more"] == 0
    same = table.iloc[2]
    assert (same["method"], same["other"]) == ("b", "same")
    assert same[["needed", "more"]].isna().all()
    assert np.isnan(same["d_z"])
    assert same["visible"] == 0


def test_one_image_says_nothing() -> None:
    row = power(results({"a": [0.5], "b": [0.4]}), SCALES).iloc[0]
    assert row["n"] == 1
    assert row[["spread", "visible", "needed"]].isna().all()


@pytest.mark.parametrize("methods", [2, 3, 5, 9, 15])
def test_below_the_fewest_images_nothing_can_be_significant(methods: int) -> None:
    fewest = fewest_images(methods)
    strictest = 0.05 / (methods * (methods - 1) / 2)
    assert signed_rank(np.ones((fewest - 1, 1)))[0][0] > strictest
    assert signed_rank(np.ones((fewest, 1)))[0][0] <= strictest


def test_controls_are_not_counted_among_the_methods() -> None:
    draw = np.random.default_rng(0)
    table = results({name: draw.uniform(size=30) for name in ("a", "b", "random")})
    assert len(power(table, SCALES, controls={"random"})) == 1


@pytest.mark.parametrize(("methods", "effect"), [(2, 0.2), (5, 0.3), (5, 0.5), (3, 0.8), (9, 0.8)])
def test_simulated_studies_have_the_power_promised(methods: int, effect: float) -> None:
    """10,000 studies of normal differences with so many images: the strictest step sees 80 % of them, or, with few
    images and many methods, a little more.
    """
    images = images_needed(methods, effect)
    gap = np.random.default_rng(0).normal(effect, 1, (images, 10_000))
    p, _ = signed_rank(gap)
    assert 0.785 < np.mean(p < 0.05 / (methods * (methods - 1) / 2)) < (0.82 if images > 50 else 0.86)
    assert smallest_visible_effect(methods, images) == pytest.approx(effect, rel=0.02)
    assert smallest_visible_effect(methods, images) <= effect < smallest_visible_effect(methods, images - 1)


@pytest.mark.parametrize(
    ("methods", "small", "medium"), [(2, 822, 206), (5, 1394, 349), (9, 1708, 427), (15, 1969, 493)]
)
def test_for_small_effects_it_is_the_usual_formula(methods: int, small: int, medium: int) -> None:
    """(z_alpha + z_power)^2 pi / (3 d_z^2), which is a little too hopeful."""
    assert images_needed(methods, 0.1) == pytest.approx(small, rel=0.005)
    assert images_needed(methods, 0.2) == pytest.approx(medium, rel=0.02)
    assert images_needed(methods, 0.1) > small
    assert images_needed(methods, 0.2) > medium


def test_too_few_images_see_no_effect_however_large() -> None:
    assert smallest_visible_effect(9, 8) == np.inf
    assert smallest_visible_effect(2, 5) == np.inf, "five differences of one sign have p = 0.06"
    assert 1 < smallest_visible_effect(2, 6) < 2, "and six have 0.03"


@pytest.mark.parametrize(
    ("first", "second", "common"),
    [
        ([math.nan] * 4, [0.1, 0.2, 0.3, 0.4], 0),  # a method that does not apply, and one other
        ([math.nan] * 4, [math.nan] * 4, 0),
        ([math.nan, 0.5, 0.4, 0.6, 0.1], [0.1, math.nan, 0.3, 0.4, 0.5], 3),  # each lacks an image
    ],
)
def test_two_methods_of_which_one_or_none_has_all_values(first: list[float], second: list[float], common: int) -> None:
    """CAM and Grad-CAM at every stage: CAM does not apply before the last one."""
    row = power(results({"a": first, "b": second}), SCALES).iloc[0]
    assert row["n"] == common
    assert pd.isna(row["needed"]) == (common == 0)
