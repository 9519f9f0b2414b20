"""Who beats whom, and the weights of an order: against shares counted by hand, and under any pattern of gaps."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchbench.stats import Scale, WinShares, in_order, overall, scores
from benchbench.stats.win_shares import tree_weights

from .planted import FAILED, NOT_APPLICABLE, Values, results

NAMES = "abcd"
METRICS = {
    ("one", "p"): Scale(True, 0, 1, "near"),
    ("one", "q"): Scale(True, 0, 1, "near"),
    ("two", "p"): Scale(False, 0, 1, "near"),
    ("far", "p"): Scale(True, 0, 1, "far"),
}


def shares_of(table: pd.DataFrame, scales: dict[tuple[str, str], Scale]) -> WinShares:
    return WinShares.of(in_order(list(scores(table, scales))))


def test_five_metrics_of_a_family_weigh_as_much_as_the_single_one_of_another() -> None:
    """a wins under five deletion metrics and b under one localisation metric: neither is ahead."""
    wins, loses = [0.9, 0.9], [0.1, 0.1]
    names = [f"deletion-{number}" for number in range(5)]
    parts = [results({"a": wins, "b": loses}, name) for name in names] + [results({"a": loses, "b": wins}, "pointing")]
    scales = {(name, "plain"): Scale(True, 0, 1, "faithfulness") for name in names}
    scales["pointing", "plain"] = Scale(True, 0, 1, "localisation")
    table = overall(pd.concat(parts), scales)
    assert table["rank"].tolist() == [1.5, 1.5]
    weights = shares_of(pd.concat(parts), scales).weights()[:, 0]
    np.testing.assert_allclose(weights, [0.1] * 5 + [0.5])


def test_a_metric_with_values_on_half_of_the_images_weighs_as_much_as_any() -> None:
    """The masks of half of the images are missing: localisation still has half of the weight."""
    half: list[float | str] = [0.9, 0.9, NOT_APPLICABLE, NOT_APPLICABLE]
    parts = [
        results({"a": [0.1] * 4, "b": [0.9] * 4}, "deletion"),
        results({"a": half, "b": [0.1, 0.1, NOT_APPLICABLE, NOT_APPLICABLE]}, "pointing"),
    ]
    scales = {
        ("deletion", "plain"): Scale(True, 0, 1, "faithfulness"),
        ("pointing", "plain"): Scale(True, 0, 1, "localisation"),
    }
    assert overall(pd.concat(parts), scales)["rank"].tolist() == [1.5, 1.5]


def test_what_does_not_apply_to_a_pair_gives_its_weight_to_the_rest_of_the_family() -> None:
    parts = [
        results({"a": [0.9], "b": [0.1], "c": [0.5]}, "one", "p"),
        results({"a": [0.1], "b": [0.9], "c": [NOT_APPLICABLE]}, "two", "p"),
        results({"a": [0.1], "b": [0.2], "c": [0.9]}, "far", "p"),
    ]
    weights = shares_of(pd.concat(parts), {**METRICS, ("two", "p"): Scale(True, 0, 1, "near")}).weights()
    np.testing.assert_allclose(weights, [[0.25, 0.5, 0.5], [0.25, 0, 0], [0.5, 0.5, 0.5]])


def test_a_network_that_a_method_is_not_run_on_says_nothing_of_it() -> None:
    """b is not applicable on the second network, where c beats a: b stays second of three, not in the middle."""
    parts = [
        results({"a": [0.9] * 3, "b": [0.5] * 3, "c": [0.1] * 3}),
        results({"a": [0.1] * 3, "b": [NOT_APPLICABLE] * 3, "c": [0.5] * 3}, model="other"),
    ]
    ranks = overall(pd.concat(parts), {("score", "plain"): Scale(True)}).set_index("method")["rank"]
    assert ranks.to_dict() == pytest.approx({"a": 1 + 0 + 0.5, "b": 1 + 1 + 0, "c": 1 + 1 + 0.5})


def test_a_comparison_without_an_image_of_two_methods_does_not_count() -> None:
    apart = results({"a": [0.9, NOT_APPLICABLE], "b": [NOT_APPLICABLE, 0.1]}, "far", "p")
    assert in_order(list(scores(apart, METRICS))) == []
    both = pd.concat([apart, results({"a": [0.9, 0.9], "b": [0.1, 0.1]}, "one", "p")])
    table = overall(both, METRICS)
    assert (table["rank"].tolist(), table.attrs["contests"]) == ([1.0, 2.0], 1)


def test_a_comparison_that_failed_everywhere_does_not_count() -> None:
    """All methods failed on all images: that is no tie of theirs. One value of one method makes it a comparison."""
    failed = results({"a": [FAILED, FAILED], "b": [FAILED, FAILED]}, "far", "p")
    assert in_order(list(scores(failed, METRICS))) == []
    (compared,) = in_order(list(scores(results({"a": [FAILED, 0.1], "b": [FAILED, FAILED]}, "far", "p"), METRICS)))
    assert WinShares.of([compared]).ranks().tolist() == [1.25, 1.75]


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    seed = draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    networks = draw(st.integers(1, 2))
    gaps = draw(st.sampled_from([0.0, 0.2, 0.6]))
    parts = []
    for (metric, protocol), network in itertools.product(METRICS, range(networks)):
        values: Values = {name: [_value(random, gaps) for _ in range(5)] for name in NAMES}
        parts.append(results(values, metric, protocol, model=f"net{network}"))
    return pd.concat(parts, ignore_index=True)


def _value(random: np.random.Generator, gaps: float) -> float | str:
    if random.uniform() < gaps:
        return str(random.choice([FAILED, NOT_APPLICABLE]))
    return float(random.integers(0, 4) / 4)


Gains: TypeAlias = dict[tuple[str, ...], float | None]  # by model, metric, protocol, image, method


def gains(table: pd.DataFrame) -> Gains:
    """Values so that more is better; -inf for a failure, None where the metric does not apply."""
    columns = ["model", "metric", "protocol", "sample", "method", "status", "value"]
    return {tuple(map(str, key)): _gain(key[1:3], status, value) for *key, status, value in table[columns].to_numpy()}


def _gain(measure: Sequence[str], status: str, value: float) -> float | None:
    if status != "ok":
        return None if status == NOT_APPLICABLE else -np.inf
    return float(value) if METRICS[measure[0], measure[1]].higher else -float(value)


def by_hand(table: pd.DataFrame) -> dict[str, float]:
    """Mean ranks by plain loops over networks, families, metrics, protocols and images."""
    known, ranks = gains(table), dict.fromkeys(NAMES, 1.0)
    for first, second in itertools.permutations(NAMES, 2):
        networks = [_network(known, model, first, second) for model in sorted({key[0] for key in known})]
        ranks[first] += 1 - _mean([share for share in networks if share is not None])
    return ranks


def _network(known: Gains, model: str, first: str, second: str) -> float | None:
    families: dict[str, dict[str, list[float]]] = {}
    for (metric, protocol), scale in METRICS.items():
        wins = []
        for image in sorted({key[3] for key in known}):
            value, other = (known[model, metric, protocol, image, name] for name in (first, second))
            if value is not None and other is not None:
                wins.append(0.5 if value == other else float(value > other))
        if wins:
            families.setdefault(scale.family, {}).setdefault(metric, []).append(_mean(wins))
    return _mean([_mean([_mean(each) for each in of.values()]) for of in families.values()]) if families else None


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.5


@given(tables())
@settings(max_examples=25, deadline=None)
def test_ranks_are_those_of_plain_loops(table: pd.DataFrame) -> None:
    ranks = overall(table, METRICS, resamples=2).set_index("method")["rank"].to_dict()
    assert ranks == pytest.approx(by_hand(table))


@given(st.integers(1, 12), st.integers(1, 4), st.data())
@settings(max_examples=100, deadline=None)
def test_weights_of_a_pair_sum_to_one_and_siblings_share_equally(count: int, pairs: int, data: st.DataObject) -> None:
    path = st.tuples(*[st.sampled_from("xy")] * 3, st.integers(0, 99).map(str))
    paths = data.draw(st.lists(path, min_size=count, max_size=count, unique=True))
    known = np.array(
        data.draw(st.lists(st.lists(st.booleans(), min_size=pairs, max_size=pairs), min_size=count, max_size=count))
    )
    weights = tree_weights(paths, known)
    np.testing.assert_allclose(weights.sum(0), known.any(0).astype(float), atol=1e-12)
    assert (weights[~known] == 0).all()
    for pair, depth in itertools.product(range(pairs), range(4)):
        totals: dict[tuple[str, ...], dict[str, float]] = {}
        for place, way in enumerate(paths):
            if known[place, pair]:
                children = totals.setdefault(way[:depth], {})
                children[way[depth]] = children.get(way[depth], 0) + weights[place, pair]
        for children in totals.values():
            assert np.ptp(list(children.values())) < 1e-12
