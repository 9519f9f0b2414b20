"""Pairs of methods: what is compared, by which rule, and the verdict."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from statsmodels.stats.multitest import multipletests

from benchbench.stats import Scale, fewest_equivalent, limits, pairs, scores
from benchbench.stats.pairwise import COLUMNS, SPANS, pairs_of

from .planted import FAILED, NOT_APPLICABLE, SCALES, Values, results


def pair(table: pd.DataFrame, method: str, other: str) -> Any:
    rows = table[(table["method"] == method) & (table["other"] == other)]
    assert len(rows) == 1
    return rows.iloc[0]


def drawn(images: int = 40, seed: int = 0, **shifts: float) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    common = draw.normal(0.5, 0.1, images)
    return {name: common + shift + draw.normal(0, 0.05, images) for name, shift in shifts.items()}


def test_a_row_says_what_scipy_says_of_it() -> None:
    values = drawn(a=0.05, b=0.0, c=-0.01)
    table = pairs(results(values), SCALES, seed=3)
    assert [(m, o) for m, o in zip(table["method"], table["other"], strict=True)] == [
        ("a", "b"),
        ("a", "c"),
        ("b", "c"),
    ]
    raw = []
    for row in table.itertuples():
        gap = values[str(row.method)] - values[str(row.other)]
        raw.append(scipy.stats.wilcoxon(gap, method="exact").pvalue)
        assert row.n == 40
        assert row.mean_difference == pytest.approx(gap.mean(), abs=1e-12)
        low, high = limits(gap[:, None], -1, 1, 3)[:, 0]
        assert (row.low, row.high) == pytest.approx((low, high), abs=1e-12)
        assert row.median_difference == np.median(gap)
        assert row.p_better == np.mean(gap > 0)
    np.testing.assert_allclose(table["p"], raw, rtol=1e-9)
    np.testing.assert_allclose(table["p_holm"], multipletests(raw, method="holm")[1], rtol=1e-9)
    assert list(table.columns) == COLUMNS


def test_lower_is_better_turns_the_effect_and_not_the_difference() -> None:
    values = drawn(a=0.2, b=0.0)
    up, down = (pairs(results(values, metric), SCALES).iloc[0] for metric in ("score", "loss"))
    assert up["verdict"] == "better"
    assert down["verdict"] == "worse"
    assert up["effect"] == -down["effect"] == 1
    assert up["mean_difference"] == down["mean_difference"] > 0
    assert up["p_better"] == 1
    assert down["p_better"] == 0


def test_the_verdict_is_equivalent_within_one_percent_of_the_range() -> None:
    draw = np.random.default_rng(0)
    base = draw.uniform(0.1, 0.9, 600)
    values = {"a": base, "b": base + draw.normal(0, 0.004, 600), "c": base + 0.05}
    table = pairs(results(values), SCALES)
    near = pair(table, "a", "b")
    assert (near["verdict"], near["equivalent"], near["margin"]) == ("equivalent", True, 0.01)
    assert near["p_holm"] > 0.05
    assert (pair(table, "a", "c")["verdict"], pair(table, "a", "c")["equivalent"]) == ("worse", False)
    assert pair(pairs(results(values), SCALES, margin=0.001), "a", "b")["verdict"] == "inconclusive"


def test_a_significant_difference_within_the_margin_is_called_significant_and_marked_equivalent() -> None:
    """The verdict, the letters and the daggers are of one test; that the difference is small is said beside it."""
    base = np.random.default_rng(0).uniform(0, 1, 900)
    row = pairs(results({"a": base + 0.002, "b": base}), {("score", "plain"): Scale(True, 0, 1.5)}).iloc[0]
    assert (row["verdict"], row["equivalent"]) == ("better", True)
    assert row["p_holm"] < 0.05


def test_a_metric_without_bounds_is_never_equivalent() -> None:
    """No finite number of equal images bounds the mean of values that may be anything."""
    base = np.random.default_rng(0).normal(size=400)
    for margin in (None, 0.1):
        table = pairs(results({"a": base, "b": base}, "loss"), SCALES, margin=margin)
        assert table["verdict"].tolist() == ["inconclusive"]
    assert pairs(results({"a": base, "b": base}, "loss"), SCALES, margin=0.1)["margin"].tolist() == [0.1]


def test_a_method_that_fails_on_hard_images_does_not_win_by_it() -> None:
    """On the images that it survives it looks better by 0.02; on the others it gave nothing."""
    draw = np.random.default_rng(0)
    base = draw.uniform(0.3, 0.9, 40)
    fails: list[float | str] = [FAILED if i % 2 else float(base[i] + 0.02) for i in range(40)]
    row = pairs(results({"fails": fails, "sound": base}), SCALES).iloc[0]
    assert row["mean_difference"] == pytest.approx(0.02)
    assert row["failed"] == 20
    assert row["n"] == 20
    assert row["p_better"] == 0.5
    assert row["effect"] < 0, "failures have the highest ranks"
    assert row["verdict"] == "worse"


def test_failing_together_is_a_tie() -> None:
    row = pairs(results({"a": [FAILED, 0.5, 0.5], "b": [FAILED, 0.4, 0.4]}), SCALES).iloc[0]
    assert row["p_better"] == pytest.approx((1 + 1 + 0.5) / 3)


def test_an_image_that_does_not_apply_to_one_is_left_out_for_both() -> None:
    values = drawn(images=12, a=0.1, b=0.0)
    holes: list[float | str] = [NOT_APPLICABLE if i < 4 else float(v) for i, v in enumerate(values["a"])]
    row = pairs(results({"a": holes, "b": list(values["b"])}), SCALES).iloc[0]
    clean = pairs(results({name: v[4:] for name, v in values.items()}), SCALES).iloc[0]
    assert row["left_out"] == 4
    assert row["n"] == 8
    for column in ("mean_difference", "low", "high", "p", "effect", "p_better"):
        assert row[column] == clean[column]


def test_pairs_that_share_no_image_cannot_be_compared() -> None:
    values: Values = {"a": [0.5, NOT_APPLICABLE], "b": [NOT_APPLICABLE, 0.5], "c": [0.5, 0.6]}
    table = pairs(results(values), SCALES)
    assert pair(table, "a", "b")["verdict"] == "incomparable"
    assert np.isnan(pair(table, "a", "b")["p_holm"])
    assert pair(table, "a", "c")["n"] == 1


def test_controls_are_a_family_of_their_own() -> None:
    values = drawn(images=30, a=0.04, b=0.0, random=-0.03, sobel=-0.03)
    table = pairs(results(values), SCALES, controls={"random", "sobel"})
    against = table[table["against_control"]]
    assert set(zip(against["method"], against["other"], strict=True)) == {
        (method, control) for method in "ab" for control in ("random", "sobel")
    }
    np.testing.assert_allclose(against["p_holm"], multipletests(against["p"], method="holm")[1])
    alone = pair(table, "a", "b")
    assert alone["p_holm"] == alone["p"], "one pair of methods: nothing to correct"


def test_a_metric_of_zero_and_one_has_mcnemars_test() -> None:
    draw = np.random.default_rng(0)
    values = {name: (draw.uniform(size=60) < share).astype(float) for name, share in (("a", 0.7), ("b", 0.4))}
    row = pairs(results(values), SCALES).iloc[0]
    wins = int(((values["a"] == 1) & (values["b"] == 0)).sum())
    losses = int(((values["a"] == 0) & (values["b"] == 1)).sum())
    assert row["test"] == "mcnemar"
    assert row["p"] == pytest.approx(scipy.stats.binomtest(wins, wins + losses).pvalue)


def test_one_value_between_makes_the_whole_metric_ranked() -> None:
    """Whether a metric is binary is a property of the metric in the run, not of one network's numbers."""
    binary = results({"a": [0.0, 1.0], "b": [1.0, 1.0]})
    other = results({"a": [0.5, 1.0], "b": [1.0, 1.0]}, model="other")
    assert pairs(binary, SCALES)["test"].tolist() == ["mcnemar"]
    assert pairs(pd.concat([binary, other]), SCALES)["test"].tolist() == ["wilcoxon", "wilcoxon"]


def test_what_float32_cannot_tell_apart_is_equal() -> None:
    base = np.random.default_rng(0).uniform(0.1, 1, 30)
    row = pairs(results({"a": base + 1e-8, "b": base}), SCALES).iloc[0]
    assert row["p"] == 1
    assert row["p_better"] == 0.5


def test_the_order_of_the_rows_and_of_the_methods_changes_no_number() -> None:
    table = results(drawn(a=0.05, b=0.0))
    row = pairs(table, SCALES).iloc[0]
    shuffled = pairs(table.sample(frac=1, random_state=1), SCALES).iloc[0]
    sign = 1 if shuffled["method"] == "a" else -1
    assert shuffled["p"] == row["p"]
    assert shuffled["effect"] == sign * row["effect"]
    assert sign * shuffled["mean_difference"] == pytest.approx(row["mean_difference"], abs=1e-12)


def test_an_empty_table_and_one_method_have_no_pairs() -> None:
    assert pairs(results({"a": [0.5, 0.6]}), SCALES).empty
    assert pairs(results({"a": [0.5, 0.6]}).iloc[:0], SCALES).columns.tolist() == COLUMNS


@pytest.mark.parametrize(("count", "verdict"), [(298, "inconclusive"), (299, "equivalent")])
def test_equal_values_are_equivalent_from_as_many_images_as_the_rule_of_three_asks(count: int, verdict: str) -> None:
    """0.99^298 is above 5 %: a method that is worse by the whole range on 1 % of the images could look like this."""
    base = np.linspace(0, 1, count)
    assert pairs(results({"a": base, "b": base}), SCALES)["verdict"].tolist() == [verdict]
    assert fewest_equivalent(0.01) == 299


def test_values_outside_the_stated_range_have_no_margin_and_no_exact_interval() -> None:
    base = np.linspace(0, 4.9, 400)
    row = pairs(results({"a": base, "b": base}), SCALES).iloc[0]
    assert np.isnan(row["margin"])
    assert row["verdict"] == "inconclusive"


@pytest.mark.parametrize("margin", [None, 0.05, 0.3])
@pytest.mark.parametrize("images", [8, 60, 320])
def test_verdicts_without_intervals_are_those_with_them(images: int, margin: float | None) -> None:
    """Near and far methods, equal ones, one that fails, values of 0 and 1, and a metric without bounds."""
    draw = np.random.default_rng(images)
    base = draw.uniform(0.3, 0.6, images)
    values: Values = {
        "a": base,
        "same": base,
        "near": base + draw.normal(0, 0.002, images),
        "far": base + 0.2 + draw.normal(0, 0.05, images),
        "wild": draw.uniform(0, 1, images),
        "fails": [FAILED, *base[1:]],
        "random": np.full(images, 0.1),
    }
    binary: Values = {name: draw.integers(0, 2, images).astype(float) for name in ("a", "b", "c")}
    for metric, some in (("score", values), ("score", binary), ("loss", values)):
        comparisons = list(scores(results(some, metric), SCALES, ["random"]))
        whole, brief = pairs_of(comparisons, margin), pairs_of(comparisons, margin, spans=False)
        kept = [name for name in whole if name not in SPANS]
        assert list(brief) == kept
        assert brief.equals(whole[kept])
    assert images < 320 or (whole["verdict"] != "equivalent").all()
