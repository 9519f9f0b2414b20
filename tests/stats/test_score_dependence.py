"""Orders of methods under several scores: by hand."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest
from scipy.stats import kendalltau

from benchbench.stats import score_agreement, score_places, score_variants

VARIANTS = {
    "a": ("a", "logit"),
    "a(score=rest)": ("a", "rest"),
    "b": ("b", "logit"),
    "b(score=rest)": ("b", "rest"),
    "c": ("c", "logit"),
    "c(score=rest)": ("c", "rest"),
    "d(score=contrast)": ("d", "contrast"),
    "d(score=rest)": ("d", "rest"),
}
UP, DOWN, COST = ("up", "p"), ("down", "p"), ("cost", "p")


def board(means: dict[tuple[str, str], dict[str, float]]) -> pd.DataFrame:
    rows = [
        {"model": "m", "dataset": "d", "layer": "l", "method": name, "metric": metric, "protocol": protocol, "n": n,
         "mean": mean}
        for (metric, protocol), column in means.items()
        for name, mean in column.items()
        for n in [0 if math.isnan(mean) else 3]
    ]  # fmt: skip
    return pd.DataFrame(rows)


COLUMN = {"a": 1.0, "b": 2.0, "c": 3.0, "a(score=rest)": 1.0, "b(score=rest)": 5.0, "c(score=rest)": 4.0, "cam": 9.0}


def test_tau_is_that_of_the_methods_under_both_scores() -> None:
    table = board({UP: COLUMN, DOWN: COLUMN, COST: COLUMN})
    taus = score_agreement(table, {UP: True, DOWN: False}, VARIANTS)
    assert taus[["metric", "score", "reference", "methods"]].to_numpy().tolist() == [
        ["up", "rest", "logit", 3],
        ["down", "rest", "logit", 3],
    ]
    assert taus["tau"].tolist() == pytest.approx([kendalltau([1, 2, 3], [1, 5, 4]).statistic] * 2)
    assert taus["tau"].tolist() == pytest.approx([1 / 3] * 2)


def test_places_are_among_the_methods_of_the_same_score() -> None:
    places = score_places(board({UP: COLUMN, DOWN: COLUMN}), {UP: True, DOWN: False}, VARIANTS)
    by_score = {(r["metric"], r["method"], r["score"]): (r["place"], r["mean"]) for r in places.to_dict("records")}
    assert [by_score["up", name, "logit"][0] for name in "abc"] == [3, 2, 1]
    assert [by_score["up", name, "rest"][0] for name in "abc"] == [3, 1, 2]
    assert [by_score["down", name, "rest"][0] for name in "abc"] == [1, 3, 2]
    assert by_score["down", "b", "rest"][1] == 5.0, "the mean as it is"
    assert set(places["methods"]) == {3}


def test_equal_means_share_a_place() -> None:
    tied = {"a": 1.0, "b": 2.0, "c": 2.0}
    places = score_places(board({UP: tied}), {UP: True}, VARIANTS)
    assert places["place"].tolist() == [3, 1, 1]


def test_a_method_without_a_mean_is_not_compared() -> None:
    column = {**COLUMN, "c(score=rest)": math.nan}
    taus = score_agreement(board({UP: column}), {UP: True}, VARIANTS)
    assert taus[["methods", "tau"]].to_numpy().tolist() == [[2, 1.0]]


def test_without_the_logit_the_study_s_first_score_is_the_reference() -> None:
    column = {"d(score=contrast)": 1.0, "d(score=rest)": 2.0}
    taus = score_agreement(board({UP: column}), {UP: True}, VARIANTS)
    assert set(taus["reference"]) == {"rest"}, "it stands before contrast in the study"
    assert math.isnan(taus["tau"].iloc[0]), "one method has no order"


def entry(name: str, plugin: str, *, control: bool = False, **parameters: Any) -> dict[str, Any]:
    return {"name": name, "plugin": plugin, "control": control, "parameters": parameters}


def test_variants_of_a_method_differ_in_the_score_alone() -> None:
    methods = [
        entry("gradcam", "gradcam"),
        entry("gradcam(score=rest)", "gradcam", score="rest"),
        entry("rise(masks=9, score=logit)", "rise", masks=9, score="logit"),
        entry("rise(masks=9)", "rise", masks=9, score="probability"),
        entry("rise", "rise", masks=4000, score="probability"),
        entry("smoothed(of=layercam)", "smoothed", of="layercam"),
        entry("smoothed", "smoothed", of="gradcam", score="rest"),
        entry("random", "random", control=True),
        entry("inverted", "inverted", control=True, of="gradcam"),
        entry("inverted(score=rest)", "inverted", control=True, of="gradcam", score="rest"),
        entry("scored", "scored", score=0.5),
    ]
    assert score_variants(methods) == {
        "gradcam": ("gradcam", "logit"),
        "gradcam(score=rest)": ("gradcam", "rest"),
        "rise(masks=9, score=logit)": ("rise(masks=9)", "logit"),
        "rise(masks=9)": ("rise(masks=9)", "probability"),
    }
