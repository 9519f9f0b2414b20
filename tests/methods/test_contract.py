"""What every registered method keeps: it runs over the registry, so registering a method gets it tested."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from benchbench.errors import BenchError
from benchbench.registry import METHODS, method
from benchbench.testing import check_method, contract_suite
from benchbench.types import Layer

from ..helpers import map_of
from ..networks import Pooled, seeded

NAMES = [
    name for name in METHODS.names() if "dataset" not in METHODS[name].needs
]  # these: tests/engine/test_dataset_maps.py
# Methods whose defaults ask for thousands of passes are tried with fewer; each still has every step of its own.
FEW: dict[str, dict[str, Any]] = {
    "rise": {"masks": 40},
    "drise": {"masks": 20},
    "sscam": {"samples": 3},
    "squaregrad": {"samples": 3},
    "vargrad": {"samples": 3},
    "guidedig": {"steps": 4},
    "blurig": {"steps": 4, "sigma": 4},
    "idg": {"steps": 4},
    "expectedgradients": {"draws": 1},
    "xrai": {"steps": 2, "side": 32},
    "sess": {"scales": 2},
    "lime": {"segments": 9, "samples": 40},
    "kernelshap": {"segments": 9, "samples": 40},
    "sobol": {"cells": 3, "designs": 8},
    "hsic": {"cells": 3, "designs": 40},
    "ceiling": {"segments": 9},
}
CONSTANT = {"uniform"}
# opticam: Adam divides by the gradient's size, which amplifies rounding. groupcam: its weights are differences of
# probabilities that hardly differ on the small network.
LOOSE = {"opticam": 1e-3, "groupcam": 1e-3}


test_contract = contract_suite(
    methods=[{**FEW.get(name, {}), "name": name} for name in NAMES], constant=CONSTANT, tolerance=LOOSE
)


def test_random_differs_between_samples_and_not_between_runs(images: Tensor) -> None:
    maps = map_of("random", seeded(Pooled), images, "relu")
    assert not torch.equal(maps[0], maps[1])
    assert 0.4 < float(maps.mean()) < 0.6


def test_every_method_says_what_it_is() -> None:
    for name in METHODS.names():
        plugin = METHODS[name]
        assert plugin.summary, name
        assert plugin.control or plugin.paper, name


BROKEN: dict[str, tuple[Any, str]] = {
    "one map": (lambda layer: layer.activation.mean(1)[:1], "where maps"),
    "double": (lambda layer: layer.activation.mean(1).double() * float("nan"), "not finite"),
    "flat": (lambda layer: layer.activation.mean(1) * 0, "a map is constant"),
    "mixes": (lambda layer: layer.activation.mean(1) - layer.activation.mean(1).mean(0), "a map differs"),
    "draws": (lambda layer: torch.rand(layer.activation[:, 0].shape), "differ"),
    "asks": (lambda layer: (layer.gradient * layer.activation).sum(1), "does not declare"),
    "divides": (lambda layer: layer.activation.mean(1) / layer.images.std((1, 2, 3))[:, None, None], "plain image"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_method_that_breaks_the_contract_is_found(name: str) -> None:
    function, message = BROKEN[name]

    @method(f"broken {name}", needs="activation", control=True)
    def broken(layer: Layer) -> Tensor:
        maps: Tensor = function(layer)
        return maps

    try:
        with pytest.raises((AssertionError, BenchError), match=message):
            check_method(f"broken {name}")
    finally:
        METHODS.remove(f"broken {name}")
