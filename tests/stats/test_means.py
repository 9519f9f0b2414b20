"""Means, intervals and contests, against scipy, closed forms and planted truths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from benchbench.results.schema import CURVES, RESULTS, typed
from benchbench.stats import (
    Scale,
    contests,
    curve_bands,
    leaderboard,
    limits,
    mean,
    measured,
)

PLACE = {"model": "net", "dataset": "photos", "layer": "last", "label": None, "target": 1}


def rows(
    values: Mapping[str, Sequence[float | None]],
    metric: str = "deletion",
    reason: str = "it broke",
    status: str = "failed",
) -> pd.DataFrame:
    """A results table of one metric: per method one value per image, None where there is none."""
    records = [
        {
            **PLACE,
            "method": method,
            "sample": f"image-{index}",
            "metric": metric,
            "protocol": "p",
            "value": value,
            "status": "ok" if value is not None else status,
            "reason": "" if value is not None else reason,
        }
        for method, column in values.items()
        for index, value in enumerate(column)
    ]
    return typed(pd.DataFrame(records), RESULTS)


def cost(method: str, parts: dict[str, float]) -> pd.DataFrame:
    records = [
        {**PLACE, "method": method, "sample": None, "metric": f"runtime{part}", "protocol": "p", "value": value}
        for part, value in parts.items()
    ]
    return typed(pd.DataFrame(records).assign(status="ok", reason=""), RESULTS)


def of(board: pd.DataFrame, method: str, metric: str = "deletion") -> Any:
    matches = board[(board["method"] == method) & (board["metric"] == metric)]
    assert len(matches) == 1
    return matches.iloc[0]


UNIT = {("deletion", "p"): Scale(False, 0, 1)}


def test_a_metric_with_a_range_has_exact_limits_and_one_without_students() -> None:
    values = np.random.default_rng(9).uniform(size=12)
    table = rows({"a": list(values)})
    exact, open_ended = of(leaderboard(table, 3, UNIT), "a"), of(leaderboard(table, 3), "a")
    assert [exact["low"], exact["high"]] == limits(values[:, None], 0, 1, 3)[:, 0].tolist()
    interval = scipy.stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert [open_ended["low"], open_ended["high"]] == pytest.approx([interval.low, interval.high])


def test_it_does_not_matter_how_many_groups_are_weighted_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    table = rows({name: list(np.random.default_rng(i).uniform(size=9)) for i, name in enumerate("abcde")})
    whole = leaderboard(table, 0, UNIT)
    monkeypatch.setattr("benchbench.stats.intervals._GROUPS_AT_ONCE", 2)
    pd.testing.assert_frame_equal(leaderboard(table, 0, UNIT), whole)


def test_the_order_of_the_rows_changes_no_interval() -> None:
    table = rows({"a": [0.1, 0.5, 0.3, 0.9], "b": [0.2, 0.6, 0.4, 0.95]})
    board, other = leaderboard(table, 0, UNIT), leaderboard(table.sample(frac=1, random_state=0), 0, UNIT)
    for name in "ab":
        for side in ("mean", "low", "high"):
            assert of(board, name)[side] == pytest.approx(of(other, name)[side], abs=1e-12)


def test_the_same_seed_gives_the_same_numbers_and_another_one_others() -> None:
    table = rows({"a": list(np.random.default_rng(0).uniform(size=9))})
    pd.testing.assert_frame_equal(leaderboard(table, 4, UNIT), leaderboard(table, 4, UNIT))
    assert of(leaderboard(table, 4, UNIT), "a")["low"] != of(leaderboard(table, 5, UNIT), "a")["low"]


@pytest.mark.parametrize("value", [0.1, 0.3, 1 / 3, 0.0])
def test_equal_values_are_not_certain(value: float) -> None:
    """Seven equal images: a share of 1 - .025^(1/7) of others may lie anywhere in the range."""
    share = 1 - 0.025 ** (1 / 7)
    row = of(leaderboard(rows({"a": [value] * 7}), 0, UNIT), "a")
    assert row["mean"] == value
    assert [row["low"], row["high"]] == pytest.approx([value * (1 - share), value + (1 - value) * share])
    assert np.isnan(of(leaderboard(rows({"a": [value] * 7})), "a")[["low", "high"]].astype(float)).all()


def test_one_image_has_a_mean_and_no_interval() -> None:
    row = of(leaderboard(rows({"a": [0.4]})), "a")
    assert (row["n"], row["mean"]) == (1, 0.4)
    assert np.isnan(row["low"])
    assert np.isnan(row["high"])


def test_nothing_has_no_mean() -> None:
    assert np.isnan(mean(np.empty((0, 2)))).all()


def test_what_was_not_computed_has_a_row_with_its_most_frequent_reason() -> None:
    table = pd.concat(
        [
            rows({"a": [None, None]}, reason="out of memory"),
            rows({"b": [0.5, None]}, reason="rare"),
            rows({"cam": [None, None]}, status="not_applicable", reason="no head"),
        ]
    )
    board = leaderboard(table)
    assert of(board, "a")[["n", "failed", "not_applicable", "reason"]].tolist() == [0, 2, 0, "out of memory"]
    assert np.isnan(of(board, "a")["mean"])
    assert of(board, "b")[["n", "failed", "reason"]].tolist() == [1, 1, "rare"]
    assert of(board, "cam")[["n", "failed", "not_applicable", "reason"]].tolist() == [0, 0, 2, "no head"]


def test_a_cost_is_its_measurement_with_its_quartiles() -> None:
    table = pd.concat([rows({"a": [0.5, 0.7]}), cost("a", {"": 12.0, ".q1": 11.0, ".q3": 14.0, ".repeats": 5.0})])
    board = leaderboard(table)
    assert set(board["metric"]) == {"deletion", "runtime"}
    assert of(board, "a", "runtime")[["kind", "mean", "low", "high"]].tolist() == ["cost", 12.0, 11.0, 14.0]
    assert of(board, "a")["kind"] == "quality"
    assert list(measured(table, "repeats").values()) == [5.0]


def test_a_cost_without_quartiles_has_no_interval() -> None:
    row = of(leaderboard(cost("a", {"": 12.0})), "a", "runtime")
    assert row["mean"] == 12.0
    assert np.isnan(row["low"])


def test_an_empty_table_has_an_empty_leaderboard() -> None:
    assert leaderboard(typed(pd.DataFrame(), RESULTS)).empty
    assert curve_bands(typed(pd.DataFrame(), CURVES)).empty


def test_bands_are_the_intervals_at_each_x() -> None:
    draw = np.random.default_rng(2).uniform(size=(12, 3))
    keys = {"model": "net", "dataset": "photos", "layer": "last", "method": "a", "metric": "deletion", "protocol": "p"}
    points = [
        {**keys, "sample": f"image-{i:02d}", "x": x, "y": draw[i, j]}
        for i in reversed(range(12))
        for j, x in enumerate((0.0, 0.5, 1.0))
    ]
    bands = curve_bands(typed(pd.DataFrame(points), CURVES), 1, UNIT)
    assert bands["x"].tolist() == [0.0, 0.5, 1.0]
    np.testing.assert_allclose(bands["mean"], draw.mean(0))
    np.testing.assert_allclose(bands[["low", "high"]].to_numpy().T, limits(draw, 0, 1, 1))
    narrow = curve_bands(typed(pd.DataFrame(points), CURVES), 1, {("deletion", "p"): Scale(False, 0, 0.5)})
    np.testing.assert_allclose(narrow["high"], limits(draw, 0, seed=1)[1], err_msg="the range is not the points'")


def best(
    table: pd.DataFrame, higher: bool = False, controls: tuple[str, ...] = (), **more: Any
) -> tuple[set[str], Any]:
    board = leaderboard(table)
    (contest,) = contests(board, {("deletion", "p"): higher}, controls, **more)
    return set(board.loc[list(contest.best), "method"]), contest


def test_the_best_follows_the_direction() -> None:
    table = rows({"a": [0.1, 0.2], "b": [0.3, 0.4]})
    assert best(table, higher=False)[0] == {"a"}
    assert best(table, higher=True)[0] == {"b"}


def test_a_control_is_never_best_and_is_named_where_it_is_ahead() -> None:
    winners, contest = best(rows({"a": [0.5, 0.6], "b": [0.7, 0.8], "random": [0.1, 0.1]}), controls=("random",))
    assert winners == {"a"}
    assert contest.above == (2,)


@pytest.mark.parametrize(
    ("control", "higher", "ahead"),
    [(0.1, False, True), (0.9, False, False), (0.9, True, True), (0.1, True, False), (0.55, False, False)],
)
def test_a_single_method_is_compared_with_controls(control: float, higher: bool, ahead: bool) -> None:
    winners, contest = best(rows({"a": [0.5, 0.6], "random": [control, control]}), higher, controls=("random",))
    assert not winners
    assert contest.above == ((1,) if ahead else ())
    assert contest.guards == (1,)


def test_without_a_method_no_control_is_ahead() -> None:
    winners, contest = best(rows({"random": [0.1, 0.1], "center": [0.2, 0.2]}), controls=("random", "center"))
    assert (winners, contest.above, contest.guards) == (set(), (), ())


def test_ties_are_all_best() -> None:
    assert best(rows({"a": [0.1, 0.2], "b": [0.2, 0.1], "c": [0.9, 0.9]}))[0] == {"a", "b"}


def test_means_that_print_alike_tie() -> None:
    table = rows({"a": [0.1011, 0.2], "b": [0.101, 0.2], "c": [0.9, 0.9]})
    assert best(table)[0] == {"b"}
    key = ("net", "photos", "last", "deletion", "p")
    assert best(table, decimals={key: 2})[0] == {"a", "b"}


def test_a_method_that_failed_where_others_did_not_is_never_best() -> None:
    winners, contest = best(rows({"a": [0.01, None], "b": [0.3, 0.4], "c": [0.5, 0.6]}))
    assert winners == {"b"}
    assert contest.incomparable == (0,)


def test_an_image_that_failed_for_everyone_costs_nobody_the_title() -> None:
    winners, contest = best(rows({"a": [0.01, None, 0.1], "b": [0.3, None, 0.4]}))
    assert winners == {"a"}
    assert contest.incomparable == ()


def test_as_many_images_are_not_the_same_images() -> None:
    winners, contest = best(rows({"a": [0.01, None, 0.1], "b": [None, 0.3, 0.4]}))
    assert winners == set()
    assert contest.incomparable == (0, 1)


def test_one_method_alone_is_not_the_best() -> None:
    assert best(rows({"a": [0.1, 0.2], "random": [0.3, 0.4]}), controls=("random",))[0] == set()


def test_nobody_wins_where_all_failed() -> None:
    assert best(rows({"a": [None], "b": [None]}))[0] == set()


def test_overlapping_intervals_are_named() -> None:
    wide, apart = [0.1, 0.2, 0.3, 0.4, 0.5], [2.1, 2.2, 2.3, 2.4, 2.5]
    _, contest = best(rows({"a": wide, "b": [value + 0.05 for value in wide], "c": apart}))
    assert contest.overlapping == (1,)
