"""A whole study, with every short cut that the engine takes, against the slow and obvious way.

The reference knows nothing of the engine: one image, one map and one picture at a time through the network as it is, in
numpy and plain torch; a forward and a backward for each method and layer; the whole network for each ablated channel.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import benchbench as bb
from benchbench.models.load import load_model
from benchbench.network.layers import resolve
from benchbench.perturbation.fills import rise_kernel
from benchbench.registry import MODELS

from ..narrow import narrow
from ..networks import calibrated

STEPS = 3  # which do not divide the pixels
ALL = ["gradcam", "xgradcam", "hirescam", "layercam", "ablationcam", "reciprocam", "scorecam"]
METRICS = [{"name": "deletion", "steps": STEPS}, {"name": "insertion", "steps": STEPS}, "average_drop", "increase"]
RANDOM = ["resnet18", "mobilenet_v3_small", "densenet121", "squeezenet1_1", "shufflenet_v2_x0_5"]


def network_of(name: str) -> nn.Module:
    if name == "trained":
        return load_model("efficientnet_lite0", MODELS["efficientnet_lite0"].function, {}).network.eval()
    network = calibrated(narrow(name, 9))
    last = [module for module in network.modules() if isinstance(module, (nn.Linear, nn.Conv2d))][-1]
    last.weight.data *= 5  # probabilities that move
    return network


def slow_capture(network: nn.Module, image: Tensor, layer: str, target: int) -> tuple[Tensor, Tensor]:
    """Activation and gradient (K, h, w) by a hook, for one image."""
    kept: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        kept.append(output)
        output.retain_grad()
        return output.clone()

    handle = network.get_submodule(layer).register_forward_hook(keep)
    network(image[None].clone().requires_grad_())[0, target].backward()
    handle.remove()
    assert kept[0].grad is not None
    return kept[0].detach()[0].double(), kept[0].grad[0].double()


def with_activation(network: nn.Module, image: Tensor, layer: str, activation: Tensor) -> Tensor:
    handle = network.get_submodule(layer).register_forward_hook(lambda *_: activation[None].float().clone())
    with torch.no_grad():
        logits: Tensor = network(image[None])[0]
    handle.remove()
    return logits


def probability(network: nn.Module, picture: Tensor, target: int) -> float:
    with torch.no_grad():
        return float(network(picture[None])[0].double().softmax(0)[target])


def up(channel: Tensor, side: int) -> Tensor:
    return nn.functional.interpolate(channel[None, None].double(), size=(side, side), mode="bilinear")[0, 0]


def stretched(raw_map: Tensor) -> Tensor:
    spread = raw_map.max() - raw_map.min()
    return ((raw_map - raw_map.min()) / spread if spread > 0 else torch.zeros_like(raw_map)).float()


def slow_map(method: str, network: nn.Module, image: Tensor, layer: str, target: int) -> Tensor:
    a, g = slow_capture(network, image, layer, target)
    by_gradient: dict[str, Callable[[], Tensor]] = {
        "gradcam": lambda: (g.mean((1, 2))[:, None, None] * a).sum(0),
        "xgradcam": lambda: (torch.nan_to_num((g * a).sum((1, 2)) / a.sum((1, 2)), 0, 0, 0)[:, None, None] * a).sum(0),
        "hirescam": lambda: (g * a).sum(0),
        "layercam": lambda: (g.clamp(min=0) * a).sum(0),
    }
    if method in by_gradient:
        return by_gradient[method]().clamp(min=0)
    if method == "reciprocam":
        raw_map = torch.zeros(a.shape[1:])
        for i, j in np.ndindex(*raw_map.shape):
            alone = torch.zeros_like(a)
            alone[:, i, j] = a[:, i, j]
            raw_map[i, j] = with_activation(network, image, layer, alone).softmax(0)[target]
        return raw_map
    with torch.no_grad():
        y = float(network(image[None])[0, target])
    weights = []
    for k in range(len(a)):
        if method == "ablationcam":
            without = a.clone()
            without[k] = 0
            weights.append((y - float(with_activation(network, image, layer, without)[target])) / y)
        else:
            mask = stretched(up(a[k], image.shape[-1]))
            weights.append(probability(network, image * mask, target) if a[k].max() > a[k].min() else 0.0)
    return (torch.tensor(weights, dtype=torch.float64)[:, None, None] * a).sum(0).clamp(min=0)


def slow_scores(network: nn.Module, image: Tensor, raw_map: Tensor, target: int) -> dict[str, float]:
    side = image.shape[-1]
    height = stretched(up(raw_map, side)) if raw_map.max() > raw_map.min() else torch.zeros(side, side)
    order = np.argsort(-height.numpy().ravel(), kind="stable")
    blurred = nn.functional.conv2d(image[:, None], rise_kernel()[None, None], padding=5)[:, 0]
    p = probability(network, image, target)
    curves: dict[str, list[float]] = {"deletion": [], "insertion": []}
    for i in range(STEPS + 1):
        first = torch.zeros(side * side, dtype=torch.bool)
        first[torch.from_numpy(order[: round(i / STEPS * side * side)].copy())] = True
        first = first.view(side, side)
        curves["deletion"].append(probability(network, image * ~first, target))
        curves["insertion"].append(probability(network, torch.where(first, image, blurred), target))
    q = probability(network, image * height, target)
    return {
        **{name: float(np.trapezoid(curve, dx=1 / STEPS)) for name, curve in curves.items()},
        "average_drop": max(0.0, p - q) / p,
        "increase": float(q > p),
    }


@pytest.mark.parametrize("name", [*RANDOM, "trained"])
def test_a_study_has_the_numbers_of_the_slow_way(name: str, tmp_path: Path) -> None:
    network = network_of(name)
    generator = torch.Generator().manual_seed(3)
    images = nn.functional.interpolate(torch.randn(3, 3, 8, 8, generator=generator), size=64, mode="bicubic")
    layer = resolve(network, images[:1], "stages")[-1]
    # densenet's last stage is signed: XGrad-CAM divides by sums near zero there, and even rounding shows
    slow = () if name in ("squeezenet1_1", "resnet18") else ("ablationcam", "scorecam")
    methods = [m for m in ALL if m not in slow and (m, name) != ("xgradcam", "densenet121")]
    run = bb.Study(
        models={name: network},
        datasets={"data": images},
        layers=[layer],
        methods=methods,
        metrics=METRICS,
        batch=5,
    ).run(tmp_path, report=False)
    assert (run.table["status"] == "ok").all(), run.table["reason"].unique()
    scoring = run.record.info["models"][0]["scoring"]
    assert scoring["prepared"], scoring["reason"]
    table = run.table.set_index(["method", "sample", "metric"])["value"]
    work = run.record.info["work"]
    expected: dict[tuple[str, str, str], float] = {}
    for b, sample in enumerate(sorted(run.table["sample"].unique())):
        with torch.no_grad():
            target = int(network(images[b : b + 1])[0].argmax())
        for method in methods:
            raw_map = slow_map(method, network, images[b], layer, target)
            expected |= {
                (method, sample, key): value for key, value in slow_scores(network, images[b], raw_map, target).items()
            }
    gaps = {key: abs(float(table[key]) - value) for key, value in expected.items() if key[2] != "increase"}
    worst = max(gaps, key=lambda key: gaps[key])
    assert gaps[worst] <= 1e-4, (worst, gaps[worst])
    for key, value in expected.items():
        if key[2] == "increase" and expected[key[0], key[1], "average_drop"] > 1e-4:
            assert table[key] == value
    assert work["maps_scored"] <= work["maps_asked"] == 3 * len(methods)
