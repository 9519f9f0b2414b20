"""Numbers as text never say what is not so."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchbench.formatting import join_words
from benchbench.reports.number_format import (
    decimals_for_intervals,
    decimals_for_measurements,
    fixed,
    interval,
    p_value,
    within,
)
from benchbench.stats import ALPHA

BOUNDS = [(0.0, 1.0), (0.0, 100.0), (-1.0, 1.0), (0.0, math.inf), (-math.inf, math.inf), (-math.inf, 0.0)]


@pytest.mark.parametrize(
    ("widths", "decimals"),
    [([0.08, 0.1, 0.2], 3), ([0.4], 2), ([30.0], 0), ([2.2], 1), ([], 3), ([0.0, float("nan")], 3), ([1e-12], 6)],
)
def test_two_digits_of_the_median_half_width(widths: list[float], decimals: int) -> None:
    assert decimals_for_intervals(widths) == decimals


@pytest.mark.parametrize(("values", "decimals"), [([2.0, 65.0], 0), ([12.345], 1), ([0.01234], 4), ([1234.5], 0)])
def test_three_digits_of_the_median_measurement(values: list[float], decimals: int) -> None:
    assert decimals_for_measurements(values) == decimals


def test_there_is_no_minus_zero() -> None:
    assert fixed(-0.0004, 2) == "0.00"
    assert fixed(-0.006, 2) == "-0.01"
    assert interval(-0.0001, 0.5, 2) == "[0.00, 0.50]"
    assert interval(float("nan"), 0.5, 2) == ""


@pytest.mark.parametrize(
    ("value", "decimals", "bounds", "text"),
    [
        (99.96, 1, (0, 100), "> 99.9"),
        (99.6, 0, (0, 100), "> 99"),
        (100.0, 1, (0, 100), "100.0"),
        (0.0004, 3, (0, 1), "< 0.001"),
        (0.0, 3, (0, 1), "0.000"),
        (-0.9996, 3, (-1, 1), "< -0.999"),
        (-1e-9, 2, (-1, 1), "0.00"),
        (0.4, 0, (0, math.inf), "< 1"),
        (1e-9, 2, (-math.inf, math.inf), "0.00"),
        (1.0000001, 3, (0, 1), "1.000"),
    ],
)
def test_what_rounds_to_a_bound_without_being_it(
    value: float, decimals: int, bounds: tuple[float, float], text: str
) -> None:
    assert within(value, decimals, *bounds) == text


@settings(deadline=None)
@given(st.floats(0, 1), st.sampled_from(BOUNDS), st.integers(0, 6))
def test_text_is_true_and_names_a_bound_only_at_it(share: float, bounds: tuple[float, float], decimals: int) -> None:
    low, high = (max(-50.0, bounds[0]), min(50.0, bounds[1]))
    value = low + share * (high - low)
    text = within(value, decimals, *bounds)
    sign, _, number = text.rpartition(" ")
    assert not text.startswith("-0") or float(text) != 0
    assert "-0" not in number or float(number) != 0
    shown = float(number)
    assert {"": abs(value - shown) <= 0.5 * 10**-decimals + 1e-12, "<": value < shown, ">": value > shown}[sign]
    assert sign or shown not in bounds or value == shown


@settings(deadline=None)
@given(st.one_of(st.floats(0, 1), st.floats(0.049, 0.051), st.floats(0, 0.002), st.floats(0.998, 1)))
def test_p_is_never_zero_and_never_on_the_wrong_side(p: float) -> None:
    name, sign, number = p_value(p).split(" ")
    shown = float(number)
    assert name == "p"
    assert {"=": abs(p - shown) <= 0.0005 + 1e-12, "<": p < shown, ">": p > shown}[sign]
    assert shown > 0
    assert shown < 1 or p == 1
    said_significant = shown < ALPHA or (sign == "<" and shown <= ALPHA)
    assert said_significant == (p < ALPHA)


def test_p_in_words() -> None:
    assert [p_value(p) for p in (0.0, 0.00099, 0.0341, 0.0499, 0.0501, 0.9999, 1.0, math.nan)] == [
        "p < 0.001",
        "p < 0.001",
        "p = 0.034",
        "p < 0.05",
        "p = 0.050",
        "p > 0.999",
        "p = 1",
        "",
    ]


def test_lists_read_as_prose() -> None:
    assert [join_words([]), join_words(["a"]), join_words(["a", "b"]), join_words(["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
