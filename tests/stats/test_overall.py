"""One order over many metrics: its weights, its two-level bootstrap, and Bradley-Terry against statsmodels."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from benchbench.stats import Scale, overall
from benchbench.stats.overall_ranking import COLUMNS, _strengths

from .planted import FAILED, NOT_APPLICABLE, SCALES, Values, results


def by_name(table: pd.DataFrame, column: str = "rank") -> dict[str, float]:
    return dict(zip(table["method"], table[column], strict=True))


def test_the_rank_of_one_contest_is_the_mean_rank() -> None:
    table = overall(results({"a": [3, 3, 1], "b": [2, 2, 2], "c": [1, 1, 3]}, "loss"), SCALES)
    assert by_name(table) == pytest.approx({"a": (3 + 3 + 1) / 3, "b": 2, "c": (1 + 1 + 3) / 3})
    assert table["method"].tolist() == ["c", "b", "a"]
    assert table.attrs == {"contests": 1, "units": 1}
    assert list(table.columns) == COLUMNS


def test_families_count_the_same_then_metrics_then_protocols() -> None:
    """a wins under both protocols of one metric, b under the other metric of the family and in the other family."""
    wins, loses = [0.9, 0.9], [0.1, 0.1]
    parts = [
        results({"a": wins, "b": loses}, "m", "one"),
        results({"a": wins, "b": loses}, "m", "two"),
        results({"a": loses, "b": wins}, "n", "one"),
        results({"a": loses, "b": wins}, "far", "one"),
    ]
    scales = {
        ("m", "one"): Scale(True, family="near"),
        ("m", "two"): Scale(True, family="near"),
        ("n", "one"): Scale(True, family="near"),
        ("far", "one"): Scale(True, family="far"),
    }
    assert by_name(overall(pd.concat(parts), scales)) == pytest.approx({"a": 1.75, "b": 1.25})
    left = overall(pd.concat(parts), scales, leave_out=[("net", "photos", "last", "far", "one")])
    assert by_name(left) == pytest.approx({"a": 1.5, "b": 1.5})
    assert left.attrs["contests"] == 3


def test_networks_count_the_same_however_many_images_they_have() -> None:
    few = results({"a": [0.9] * 20, "b": [0.1] * 20}, model="few")
    many = results({"a": [0.1] * 50, "b": [0.9] * 50}, model="many")
    table = overall(pd.concat([few, many]), SCALES)
    assert by_name(table) == pytest.approx({"a": 1.5, "b": 1.5})
    assert table.attrs["units"] == 2
    np.testing.assert_allclose(table[["rank_low", "rank_high"]], [[1, 2], [1, 2]])


def test_a_failure_loses_and_what_does_not_apply_says_nothing() -> None:
    values: Values = {"a": [0.9, FAILED, 0.9], "b": [0.1, 0.1, 0.1], "c": [0.5, 0.5, NOT_APPLICABLE]}
    ranks = by_name(overall(results(values), SCALES))
    lost = {"ab": 1 / 3, "ac": 1 / 2, "bc": 1}
    assert ranks["a"] == pytest.approx(1 + lost["ab"] + lost["ac"])
    assert ranks["b"] == pytest.approx(1 + (1 - lost["ab"]) + lost["bc"])
    assert ranks["c"] == pytest.approx(1 + (1 - lost["ac"]) + 0)


def test_a_method_of_some_contests_says_so() -> None:
    parts = [results({"a": [0.5], "b": [0.4], "c": [0.3]}), results({"a": [0.5], "b": [0.4]}, layer="early")]
    table = overall(pd.concat(parts), SCALES)
    assert by_name(table, "contests") == {"a": 2, "b": 2, "c": 1}


def test_the_interval_of_one_unit_is_the_bootstrap_of_its_images() -> None:
    draw = np.random.default_rng(0)
    values = {"a": draw.normal(0.1, 1, 80), "b": draw.normal(0, 1, 80)}
    table = overall(results(values, "loss"), SCALES, resamples=20_000).set_index("method")
    share = (values["a"] > values["b"]).mean()
    width = 1.96 * np.sqrt(share * (1 - share) / 80)
    assert table.loc["a", "rank"] == pytest.approx(1 + share)
    assert table.loc["a", "rank_low"] == pytest.approx(1 + share - width, abs=0.015)
    assert table.loc["a", "rank_high"] == pytest.approx(1 + share + width, abs=0.015)
    assert table["first"].sum() == pytest.approx(1)


def test_units_that_disagree_widen_the_interval() -> None:
    """Ten networks: a wins on every image of six, and on none of four. Images alone would leave no doubt."""
    parts = [results({"a": [float(n < 6)] * 30, "b": [0.5] * 30}, model=f"net{n}") for n in range(10)]
    table = overall(pd.concat(parts), SCALES, resamples=10_000).set_index("method")
    spread = np.random.default_rng(1).binomial(10, 0.6, 100_000) / 10
    assert table.loc["a", "rank"] == pytest.approx(1.4)
    assert table.loc["a", "rank_low"] == pytest.approx(2 - np.quantile(spread, 0.975), abs=0.051)
    assert table.loc["a", "rank_high"] == pytest.approx(2 - np.quantile(spread, 0.025), abs=0.051)
    assert table.loc["a", "first"] == pytest.approx((spread > 0.5).mean() + (spread == 0.5).mean() / 2, abs=0.02)


def test_the_strengths_are_the_logistic_models() -> None:
    """Bradley-Terry is a logistic regression on differences of indicators."""
    methods = 5
    draw = np.random.default_rng(2)
    share = draw.uniform(0.05, 0.95, (methods, methods))
    share = np.triu(share, 1) + np.tril(1 - share.T, -1) + np.eye(methods) / 2
    design, won = [], []
    for i, j in itertools.combinations(range(methods), 2):
        row = np.zeros(methods)
        row[i], row[j] = 1, -1
        design.append(row[1:])
        won.append(0.999 * share[i, j] + 0.0005)
    fit = sm.GLM(np.array(won), np.array(design), family=sm.families.Binomial()).fit(tol=1e-12)
    expected = np.concatenate([[0], fit.params])
    np.testing.assert_allclose(_strengths(share[None])[0], expected - expected.mean(), atol=1e-7)


def test_a_method_that_always_wins_has_a_finite_strength() -> None:
    table = overall(results({"a": [0.9] * 9, "b": [0.5] * 9, "c": [0.1] * 9}), SCALES)
    assert table["method"].tolist() == ["a", "b", "c"]
    assert np.isfinite(table["strength"]).all()
    assert table["strength"].is_monotonic_decreasing
    assert table["strength"].sum() == pytest.approx(0, abs=1e-9)


def test_equal_shares_are_equal_strengths_and_three_of_four_is_the_log_of_three() -> None:
    np.testing.assert_allclose(_strengths(np.full((1, 3, 3), 0.5)), np.zeros((1, 3)), atol=1e-12)
    strengths = _strengths(np.array([[[0.5, 0.75], [0.25, 0.5]]]))[0]
    assert strengths[0] - strengths[1] == pytest.approx(np.log(3), abs=5e-3)


def test_controls_are_not_ranked_and_the_seed_gives_the_same_table() -> None:
    draw = np.random.default_rng(0)
    table = results({name: draw.uniform(size=20) for name in ("a", "b", "random")})
    first, again = (overall(table, SCALES, controls={"random"}, seed=4) for _ in range(2))
    pd.testing.assert_frame_equal(first, again)
    assert set(first["method"]) == {"a", "b"}
    assert not first.equals(overall(table, SCALES, controls={"random"}, seed=5))


def test_one_method_has_no_order() -> None:
    assert overall(results({"a": [0.5]}), SCALES).empty
    assert overall(results({"a": [0.5], "random": [0.1]}), SCALES, controls={"random"}).empty


@pytest.mark.parametrize(("images", "interval"), [(19, False), (20, True)])
def test_few_images_give_no_interval(images: int, interval: bool) -> None:
    """Percentile intervals of fewer than twenty images cover less than they say."""
    draw = np.random.default_rng(0)
    table = overall(results({name: draw.uniform(size=images) for name in "ab"}), SCALES)
    assert table[["rank_low", "strength_high"]].notna().all(axis=None) == interval
    assert table["first"].notna().all()


def test_one_image_gives_no_interval() -> None:
    table = overall(results({"a": [0.1], "b": [0.2]}, "loss"), SCALES)
    assert table["rank"].tolist() == [1.0, 2.0]
    assert table[["rank_low", "rank_high", "strength_low", "strength_high", "first"]].isna().all(axis=None)
