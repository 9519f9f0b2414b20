"""Images that are not independent: copies and groups are one unit everywhere, and the level holds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from benchbench.results.record import units_of, with_units
from benchbench.stats import (
    Scale,
    leaderboard,
    overall,
    pairs,
    power,
    ranked,
    split_half,
    standard_errors,
)
from benchbench.stats.paired_tests import signed_rank
from benchbench.stats.units import by_unit, gaps_by_unit, numbered

from .planted import FAILED, SCALES, Values, results

NAN, INF = np.nan, np.inf


def grouped(values: Values, units: Sequence[object]) -> pd.DataFrame:
    """A results table whose images belong to ``units``, in order."""
    table = results(values)
    return table.assign(unit=[f"unit {units[int(sample)]}" for sample in table["sample"]])


SIX = {name: np.random.default_rng(i).uniform(0.2, 0.8, 24) for i, name in enumerate("abc")}


def test_eight_copies_of_each_image_change_no_number() -> None:
    """In every statistic: the means, their intervals, p, ranks, the order, halves and power."""
    once = results(SIX)
    copies = grouped({name: np.repeat(values, 8) for name, values in SIX.items()}, np.repeat(np.arange(24), 8).tolist())
    plain, copied = pairs(once, SCALES), pairs(copies, SCALES)
    pd.testing.assert_frame_equal(plain, copied)
    assert pairs(copies.drop(columns="unit"), SCALES)["p"].min() < plain["p"].min() / 2, "without units the copies tell"
    first, then = leaderboard(once, 0, SCALES), leaderboard(copies, 0, SCALES)
    pd.testing.assert_frame_equal(first.drop(columns=["scored", "images"]), then.drop(columns=["scored", "images"]))
    assert then["scored"].tolist() == [192] * 3
    for ranking, other in zip(ranked(once, SCALES, plain), ranked(copies, SCALES, copied), strict=True):
        assert (ranking.n, ranking.methods, ranking.groups) == (other.n, other.methods, other.groups)
        assert ranking.ranks == pytest.approx(other.ranks)
    for function in (overall, split_half, power):
        pd.testing.assert_frame_equal(function(once, SCALES), function(copies, SCALES))
    assert standard_errors(once) == pytest.approx(standard_errors(copies))


def test_six_images_under_eight_ids_each_have_the_p_of_six_images() -> None:
    gap = np.array([0.1, 0.2, -0.05, 0.3, 0.15, 0.25])
    six = pairs(results({"a": 0.5 + gap, "b": np.full(6, 0.5)}), SCALES).iloc[0]
    copies = pairs(grouped({"a": np.tile(0.5 + gap, 8), "b": [0.5] * 48}, [i % 6 for i in range(48)]), SCALES).iloc[0]
    assert (copies["n"], copies["p"]) == (6, six["p"])
    assert six["p"] == pytest.approx(0.0625)


def test_a_group_counts_by_the_mean_of_its_images() -> None:
    table = grouped({"a": [0.1, 0.3, 0.8], "b": [0.2, 0.2, 0.2]}, ["x", "x", "y"])
    board = leaderboard(table, 0, SCALES)
    assert board["mean"].tolist() == pytest.approx([0.5, 0.2])
    assert board[["n", "scored"]].to_numpy().tolist() == [[2, 3], [2, 3]]
    row = pairs(table, SCALES).iloc[0]
    assert (row["n"], row["p_better"]) == (2, 0.75), "a tie in x, as its differences cancel, and a win in y"


def test_who_failed_more_often_in_a_unit_loses_it() -> None:
    gaps = np.array([[INF, -INF, 0.1], [-INF, -INF, 0.3], [-INF, 0.2, NAN], [0.4, NAN, NAN]])
    unit_gaps = gaps_by_unit(gaps, np.array([0, 0, 0, 0]))
    np.testing.assert_allclose(unit_gaps, [[-INF, -INF, 0.2]])
    tie = gaps_by_unit(np.array([[INF], [-INF]]), np.array([0, 0]))
    np.testing.assert_array_equal(tie, [[0]])
    table = grouped({"a": [FAILED, 0.9, 0.9], "b": [0.1, 0.1, 0.1]}, ["x", "x", "y"])
    assert pairs(table, SCALES).iloc[0]["p_better"] == 0.5


def test_the_mean_of_a_unit_is_exact_and_knows_holes() -> None:
    values = np.array([[0.1, NAN], [0.1, 2.0], [0.1, 4.0], [0.7, NAN]])
    means = by_unit(values, numbered(["x", "x", "x", "y"]))
    assert means[0].tolist() == [0.1, 3.0]
    assert means[1, 0] == 0.7
    assert np.isnan(means[1, 1])
    assert by_unit(np.array([[0.1], [0.2], [-0.3]]), np.array([0, 0, 0])).tolist() == [[0.0]]


def test_the_units_of_a_dataset() -> None:
    """By content, by picture, by group, and through all of them."""
    data = {
        "name": "d",
        "samples": {"c": "mark 1", "a": "mark 2", "b": "mark 1", "d": "mark 3", "e": "mark 4", "f": "mark 5"},
        "groups": {"a": "patient", "d": "patient", "f": "other"},
        "copies": {"e": "c"},
    }
    assert units_of(data) == {"c": "b", "b": "b", "e": "b", "a": "a", "d": "a", "f": "f"}
    rows = pd.DataFrame({"dataset": ["d", "d", "else", "d"], "sample": ["e", "f", "e", None]})
    assert with_units(rows, {"datasets": [data]})["unit"].fillna("none").tolist() == ["b", "f", "e", "none"]
    assert "unit" not in with_units(rows, {"datasets": [{"name": "d", "samples": {"e": "1", "f": "2"}}]})


def test_the_five_per_cent_test_holds_its_level_on_three_backgrounds_of_each_object() -> None:
    """As in ``cutouts``: the object decides most of a difference. Without groups one test in ten claims something."""
    draw = np.random.default_rng(0)
    studies, objects = 2_000, 20
    gaps = np.repeat(draw.normal(0, 1, (objects, studies)), 3, axis=0) + draw.normal(0, 0.7, (3 * objects, studies))
    units = np.repeat(np.arange(objects), 3)
    rate = (signed_rank(by_unit(gaps, units))[0] < 0.05).mean()
    assert rate <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / studies)
    assert rate > 0.03, "the test is not asleep"
    assert (signed_rank(gaps)[0] < 0.05).mean() > 0.1


def test_intervals_of_grouped_images_cover() -> None:
    draw = np.random.default_rng(1)
    studies = {f"study {i}": np.repeat(draw.uniform(size=12), 5) for i in range(150)}
    board = leaderboard(
        grouped(studies, np.repeat(np.arange(12), 5).tolist()), 0, {("score", "plain"): Scale(True, 0, 1)}
    )
    assert len(board) == 150
    assert board["n"].eq(12).all()
    covered = (board["low"] <= 0.5) & (board["high"] >= 0.5)
    assert covered.mean() > 0.93
