"""Planted cases whose values are known without a computer."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchbench.registry import METRICS
from benchbench.study.spec import read_metric
from benchbench.types import Cost, Scored, Seen


def seen(p: list[float], q: list[list[float]]) -> Seen:
    answers = torch.tensor(q)
    blank = torch.zeros(len(p), 2, 2)
    return Seen(answers, answers.log(), answers > 0.5, torch.tensor(p), torch.tensor(p).log(), blank)


def value(name: str, p: list[float], q: list[list[float]]) -> list[float]:
    scored = METRICS[name].function(seen(p, q))
    return [float(v) for v in scored.value]


def test_confidence_by_hand() -> None:
    p, q = [0.5, 0.8, 0.5, 0.5], [[0.25], [0.9], [0.5], [0.0]]
    assert value("average_drop", p, q) == pytest.approx([0.5, 0, 0, 1])
    assert value("increase", p, q) == [0, 1, 0, 0], "strict: q = p is no increase"
    assert value("average_gain", p, q) == pytest.approx([0, 0.5, 0, 0])
    raw = METRICS["average_drop"].function(seen(p, [*q[:3], [0.1]]), of="logit").value
    assert raw.tolist() == pytest.approx([math.log(2), 0, 0, math.log(5)]), "not divided, of logits"


def test_confidence_where_it_would_divide_by_zero() -> None:
    assert value("average_drop", [0.0], [[0.3]]) == [0]
    assert value("average_gain", [1.0], [[1.0]]) == [0]
    assert value("average_gain", [1.0], [[0.4]]) == [0]


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=8))
def test_confidence_stays_in_its_range(pairs: list[tuple[float, float]]) -> None:
    p, q = [a for a, _ in pairs], [[b] for _, b in pairs]
    for name in ("average_drop", "increase", "average_gain"):
        assert all(0 <= v <= 1 for v in value(name, p, q))
    for drop, gain in zip(value("average_drop", p, q), value("average_gain", p, q), strict=True):
        assert drop == 0 or gain == 0, "no image both loses and wins"


def test_area_of_a_straight_line_and_of_a_step() -> None:
    line = [[1 - i / 28 for i in range(29)]]
    step = [[1.0] * 14 + [0.0] * 15]
    for name in ("deletion", "insertion"):
        assert value(name, [1.0], line) == pytest.approx([0.5])
        assert value(name, [1.0], step) == pytest.approx([13.5 / 28])


@settings(max_examples=30)
@given(st.lists(st.floats(0, 1), min_size=29, max_size=29))
def test_area_lies_between_the_curve_s_ends(y: list[float]) -> None:
    (area,) = value("deletion", [1.0], [y])
    assert min(y) - 1e-6 <= area <= max(y) + 1e-6


def test_cost_metrics_read_the_cost() -> None:
    cost = Cost(seconds=(0.004, 0.001, 0.003, 0.002, 0.010), peak_bytes=2_500_000, forwards=11, backwards=1)

    def of(name: str) -> Scored:
        scored: Scored = METRICS[name].function(cost)
        return scored

    assert of("runtime").value == pytest.approx(3)
    assert of("runtime").parts == pytest.approx({"q1": 2, "q3": 4, "repeats": 5})
    assert of("peak_memory").value == 2.5
    many = replace(cost, seconds=(0.4, 0.8), forward_seconds=(0.1, 0.3), images=10)
    assert METRICS["runtime"].function(many).value == pytest.approx(60), "per image"
    assert METRICS["overhead"].function(many).value == pytest.approx(60 - 20)
    assert METRICS["overhead"].function(many).parts == pytest.approx({"forward": 20})
    assert of("passes").value == 12
    assert of("passes").parts == {"forward": 11, "backward": 1, "rest": 0}


@pytest.mark.parametrize("name", METRICS.names())
def test_every_metric_declares_itself(name: str) -> None:
    plugin = METRICS[name]
    assert plugin.summary
    assert plugin.unit
    assert plugin.protocols
    for protocol, params in plugin.protocols.items():
        plugin.bind(params)
        assert read_metric(f"{name}@{protocol}").protocol == protocol
        if plugin.probes:
            assert all(not math.isnan(getattr(p, "fraction", 0)) for p in plugin.probes(**plugin.bind(params)))
    assert ("probes" in plugin.needs) == (plugin.probes is not None)
    assert ("reexplain" in plugin.needs) == (plugin.views is not None)
