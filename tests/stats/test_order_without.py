"""The order again without a family, a metric, a network or a dataset: planted winners that depend on one of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchbench.stats import Scale, WinShares, in_order, leaders, leave_one_out, overall, scores

from .planted import NOT_APPLICABLE, Values, results

SCALES = {
    ("deletion", "plain"): Scale(True, 0, 1, "faithfulness"),
    ("insertion", "plain"): Scale(True, 0, 1, "faithfulness"),
    ("pointing", "plain"): Scale(True, 0, 1, "localisation"),
}
FIRST: Values = {"a": [0.9] * 3, "b": [0.5] * 3, "c": [0.1] * 3}
LAST: Values = {"a": [0.9, 0.1, 0.1], "b": [0.5] * 3, "c": [0.4, 0.6, 0.4]}


def without(*parts: pd.DataFrame) -> pd.DataFrame:
    return leave_one_out(WinShares.of(in_order(list(scores(pd.concat(parts), SCALES)))))


def test_a_winner_that_depends_on_one_family() -> None:
    """a wins under both metrics of faithfulness and loses localisation to b."""
    table = without(results(FIRST, "deletion"), results(FIRST, "insertion"), results(LAST, "pointing"))
    summary = table.drop_duplicates(["kind", "without"]).set_index(["kind", "without"])
    assert summary["winner"].to_dict() == {
        ("family", "faithfulness"): "b",
        ("family", "localisation"): "a",
        ("metric", "deletion"): "a",
        ("metric", "insertion"): "a",
        ("metric", "pointing"): "a",
    }
    assert summary["differs"].to_dict() == {key: key == ("family", "faithfulness") for key in summary.index}
    left = table[(table["kind"] == "family") & (table["without"] == "faithfulness")]
    assert dict(zip(left["method"], left["rank"], strict=True)) == pytest.approx({"b": 5 / 3, "c": 2, "a": 7 / 3})
    assert left["rank"].is_monotonic_increasing


def test_each_rank_is_that_of_an_order_without_these_rows() -> None:
    draw = np.random.default_rng(0)
    parts = [
        results({name: draw.uniform(size=6) for name in "abc"}, metric, model=model, dataset=dataset)
        for metric, _ in SCALES
        for model in ("net", "other")
        for dataset in ("photos", "voc")
    ]
    rows, table = pd.concat(parts), without(*parts)
    column = {"metric": "metric", "network": "model", "dataset": "dataset"}
    families = {metric: scale.family for (metric, _), scale in SCALES.items()}
    assert set(table["kind"]) == {*column, "family"}
    for (kind, name), part in table.groupby(["kind", "without"]):
        here = rows["metric"].map(families) if kind == "family" else rows[column[str(kind)]]
        expected = overall(rows[here != name], SCALES, resamples=2).set_index("method")["rank"]
        assert dict(zip(part["method"], part["rank"], strict=True)) == pytest.approx(expected.to_dict())


def test_the_only_family_metric_network_and_dataset_cannot_be_left_out() -> None:
    assert without(results(FIRST, "deletion")).empty


def test_a_method_that_nothing_else_compares_has_no_rank_and_is_no_rival() -> None:
    gone: Values = {"a": [0.9] * 3, "b": [0.5] * 3, "c": [NOT_APPLICABLE] * 3}
    table = without(results(FIRST, "deletion"), results(gone, "pointing"))
    left = table[(table["kind"] == "metric") & (table["without"] == "deletion")].set_index("method")["rank"]
    assert left.isna().to_dict() == {"a": False, "b": False, "c": True}
    assert left.dropna().to_dict() == {"a": 1.0, "b": 2.0}


def test_a_tie_with_the_winner_is_no_other_winner() -> None:
    """Without localisation, a and b tie: the winner stays a."""
    tie: Values = {"a": [0.9, 0.5], "b": [0.5, 0.9]}
    ahead: Values = {"a": [0.9, 0.9], "b": [0.5, 0.5]}
    table = without(results(tie, "deletion"), results(ahead, "pointing"))
    left = table[(table["kind"] == "family") & (table["without"] == "localisation")]
    assert left["rank"].tolist() == [1.5, 1.5]
    assert left["winner"].tolist() == ["a", "a"]
    assert not left["differs"].any()


def test_leaders_are_those_that_are_shown_as_equal() -> None:
    assert leaders(np.array([1.504, 1.496, 1.51, np.nan])) == {0, 1}
