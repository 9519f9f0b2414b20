"""What every registered metric keeps under every protocol: it runs over the registry, so registering gets it tested."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
import torch

from benchbench.errors import BenchError
from benchbench.registry import METRICS, metric
from benchbench.testing import check_metric, contract_suite
from benchbench.types import Scored, Seen

COMPUTED_NEEDS = {"probes", "rivals", "map", "mask"}
HUNDREDS = (
    "latec-50",
    "mindspore-224",
    "rise-224",
    "cwox-224",
    "zero-224",
    "blur-224",
    "authors-19x50",
)  # of pictures each
FEWER = {"steps": 3, "draws": 3, "cells": 2, "groups": 4}  # where each picture's fill is solved or interpolated


def cheap(name: str, protocol: str) -> str | dict[str, Any]:
    """The metric under the protocol; with the same parameters and fewer pictures where each of them is dear."""
    settings = METRICS[name].protocols[protocol]
    params = METRICS[name].bind(settings)
    fewer: dict[str, Any] = {key: min(count, params[key]) for key, count in FEWER.items() if key in params}
    for key in params.keys() & {"percents", "shares", "points"}:
        every = params[key]
        fewer[key] = (every[0], every[len(every) // 2], every[-1])
    dear = (str(params.get("fill", "")).startswith("noisy-linear") or name in ("sic", "aic")) and fewer
    return {"name": name, **settings, **fewer} if dear else f"{name}@{protocol}"


LABELS = [
    cheap(name, protocol)
    for name, plugin in METRICS.load().items()
    if plugin.needs <= COMPUTED_NEEDS
    for protocol in plugin.protocols
    if protocol not in HUNDREDS
]

test_contract = contract_suite(metrics=LABELS)


def mean(seen: Seen) -> torch.Tensor:
    return seen.map.double().mean((1, 2))


def moving(seen: Seen) -> Scored:
    return Scored(mean(seen) + torch.arange(len(seen.map)))


def drawing(seen: Seen) -> Scored:
    return Scored(mean(seen) + torch.rand(len(seen.map)))


def counting(seen: Seen) -> Scored:
    return Scored(mean(seen) + next(CALLS))


def large(seen: Seen) -> Scored:
    return Scored(mean(seen) + 7)


def dividing(seen: Seen) -> Scored:
    return Scored(1 / mean(seen).clamp_max(1) if (mean(seen) > 0).all() else mean(seen) / 0)


def raw(seen: Seen) -> Scored:
    assert seen.raw is not None
    return Scored(seen.raw.double().mean((1, 2)).clamp(0, 1))


CALLS = count()
BROKEN: dict[str, tuple[Any, str, dict[str, Any]]] = {
    "mixes": (moving, "alone the value differs|in another order", {}),
    "draws": (drawing, "alone the value differs|in another order", {}),
    "counts": (counting, "two calls give different values", {}),
    "large": (large, "is not in 0 .. 1", {}),
    "divides": (dividing, "is not in 0 .. 1|it fails", {}),
    "raw": (raw, "with the map scaled", {}),
    "values": (lambda seen: Scored(mean(seen)), "with the map's exponential", {"ranks_only": True}),
    "hit": (lambda seen: Scored(mean(seen)), "an empty mask gives", {"needs": {"map", "mask"}}),
    "mute": (lambda seen: Scored(mean(seen)), "it has no unit", {"unit": ""}),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_metric_that_breaks_the_contract_is_found(name: str) -> None:
    function, message, options = BROKEN[name]
    fields = {"needs": "map", "unit": "none", "equation": "mean", "range": (0, 1), "protocols": {"only": {}}} | options

    @metric(f"broken {name}", higher_is_better=True, **fields)
    def broken(seen: Seen) -> Scored:
        """A metric."""
        result: Scored = function(seen)
        return result

    try:
        with pytest.raises(AssertionError, match=message):
            check_metric(f"broken {name}")
    finally:
        METRICS.remove(f"broken {name}")


def test_what_it_cannot_run_is_said() -> None:
    with pytest.raises(BenchError, match="needs cost"):
        check_metric("runtime")
    check_metric("deletion", protocol="rise-28-mean")
    check_metric("deletion", steps=5)
