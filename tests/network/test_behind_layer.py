"""The network behind a layer alone gives what the whole network gives with the layer's output replaced."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import timm
import torch
from torch import Tensor, nn

from benchbench.attribution.layer_services import capture_batch
from benchbench.errors import BenchError
from benchbench.network.behind_layer import Rest, cut, rest
from benchbench.network.capture import capture
from benchbench.network.layers import resolve
from benchbench.network.scorer import Scorer

from ..narrow import narrow
from ..networks import Flat, Pooled, calibrated, seeded

TORCHVISION = [
    *("resnet18", "densenet121", "googlenet", "efficientnet_b0", "mobilenet_v3_small", "convnext_tiny", "vgg11_bn"),
    *("shufflenet_v2_x0_5", "regnet_y_400mf", "mnasnet0_5", "squeezenet1_1", "swin_t", "inception_v3"),
    *("alexnet", "mobilenet_v2", "efficientnet_v2_s", "resnext50_32x4d", "swin_v2_t", "maxvit_t"),
]
TIMM = [
    *("tf_efficientnet_lite0", "resnet18", "mobilenetv3_small_100", "hrnet_w18_small", "convnext_atto"),
    *("ghostnet_100", "resnetv2_50", "dla34"),
]
FEWER: dict[str, dict[str, Any]] = {
    "resnet18": {"layers": (1, 1, 1, 1), "channels": (8, 16, 32, 64)},
    "convnext_atto": {"depths": (1, 1, 1, 1), "dims": (10, 20, 28, 36)},
    "resnetv2_50": {"layers": (1, 1, 1, 1), "channels": (32, 64, 96, 128)},
    "dla34": {"channels": [8, 8, 16, 24, 32, 40], "levels": [1, 1, 1, 2, 2, 1]},
}


@cache
def build(name: str) -> nn.Module:
    """Of torchvision the narrow network; of timm the network with few blocks, where it takes their numbers."""
    if not name.startswith("timm/"):
        return calibrated(narrow(name, 6), side=96)
    kind = name.removeprefix("timm/")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network: nn.Module = timm.create_model(kind, num_classes=6, **FEWER.get(kind, {}))
        return calibrated(network, side=96)


@cache
def seen(name: str) -> tuple[Tensor, list[str]]:
    """Two images, and the network's stages on them."""
    images = torch.randn(2, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    return images, resolve(build(name), images[:1], "stages")


def behind(tail: Rest, images: Tensor, activation: Tensor) -> Tensor:
    """Row i is of image i % B."""
    owner = torch.arange(len(activation)) % len(images)
    return tail.logits(activation, images, owner, tail.bypass(images))


@pytest.mark.parametrize("name", [*TORCHVISION, *(f"timm/{n}" for n in TIMM)])
@pytest.mark.parametrize("place", [-1, -2])
def test_equals_the_whole_network(name: str, place: int) -> None:
    network, (images, stages) = build(name), seen(name)
    layer = stages[place]
    captured = capture(network, images, [layer], lambda z: z.argmax(1), gradient=False)
    tail = cut(network, layer, images, captured.activations[layer], captured.logits, captured.layouts[layer])
    assert tail is not None, f"{name} cannot be cut at {layer}"
    other = torch.cat(
        [0.5 * captured.activations[layer], captured.activations[layer].flip(1), 0 * captured.activations[layer]]
    )
    with torch.no_grad():
        expected = rest(network, images.repeat(3, 1, 1, 1), layer, other)
        got = behind(tail, images, other)
    largest = float(expected.abs().max())
    assert (expected[:2] - captured.logits).abs().max() > 0
    assert (expected - captured.logits.repeat(3, 1)).abs().max() > 1e-2 * largest
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5 * largest)


def test_what_crosses_the_cut_is_carried(images: Tensor) -> None:
    class Skip(Pooled):
        """The logits depend on the images around the layer, and on how many there are."""

        def forward(self, x: Tensor) -> Tensor:
            count = x.shape[0]
            around = x.mean((2, 3)) @ torch.ones(3, 7)
            logits: Tensor = self.fc(self.pool(self.relu(self.conv(self.stage1(x)))).reshape(count, 10)) + around
            return logits

    network = seeded(Skip)
    captured = capture(network, images, ["conv"], lambda z: z.argmax(1), gradient=False)
    tail = cut(network, "conv", images, captured.activations["conv"], captured.logits, captured.layouts["conv"])
    assert tail is not None
    assert tail.crossing == 2
    twice = torch.cat([captured.activations["conv"], -captured.activations["conv"]])
    with torch.no_grad():
        expected = rest(network, images.repeat(2, 1, 1, 1), "conv", twice)
        torch.testing.assert_close(behind(tail, images, twice), expected)


def test_only_what_is_behind_runs(images: Tensor) -> None:
    network = seeded(Pooled)
    captured = capture(network, images, ["conv"], lambda z: z.argmax(1), gradient=False)
    tail = cut(network, "conv", images, captured.activations["conv"], captured.logits, captured.layouts["conv"])
    assert tail is not None
    assert tail.crossing == 0
    runs: list[str] = []
    for name, module in network.named_modules():
        module.register_forward_hook(lambda _m, _i, _o, name=name: runs.append(name))
    behind(tail, images, captured.activations["conv"])
    assert runs == ["relu", "pool", "fc"]


def test_a_gradient_goes_through(images: Tensor) -> None:
    network = seeded(Flat)
    captured = capture(network, images, ["features.1"], lambda z: z.argmax(1))
    tail = cut(
        network,
        "features.1",
        images,
        captured.activations["features.1"],
        captured.logits,
        captured.layouts["features.1"],
    )
    assert tail is not None
    activation = captured.activations["features.1"].clone().requires_grad_()
    score = behind(tail, images, activation).gather(1, captured.targets[:, None]).sum()
    (gradient,) = torch.autograd.grad(score, activation)
    torch.testing.assert_close(gradient, captured.gradients["features.1"])


def test_control_flow_that_cannot_be_traced_is_no_cut(images: Tensor) -> None:
    class Branches(Pooled):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) if x.mean() > 100 else super().forward(-x)

    network = seeded(Branches)
    captured = capture(network, images, ["conv"], lambda z: z.argmax(1), gradient=False)
    assert cut(network, "conv", images, captured.activations["conv"], captured.logits, captured.layouts["conv"]) is None


def test_a_cut_that_is_wrong_is_not_used(images: Tensor) -> None:
    network = seeded(Pooled)
    captured = capture(network, images, ["conv"], lambda z: z.argmax(1), gradient=False)
    assert (
        cut(network, "conv", images, captured.activations["conv"], captured.logits + 1, captured.layouts["conv"])
        is None
    )


@pytest.mark.parametrize("cuttable", [True, False])
def test_a_method_s_rest_is_either_way_the_same_and_counted(images: Tensor, cuttable: bool) -> None:
    network = seeded(Pooled)
    scorer = Scorer(network)
    if not cuttable:
        scorer.cuts["conv"] = None
    layer = capture_batch(network, scorer, images, ["conv"], lambda z: z.argmax(1), gradient=False).layer(
        "conv", (0,) * 6
    )
    twice = torch.cat([layer.activation, 0 * layer.activation])
    torch.testing.assert_close(layer.rest(twice), rest(network, images.repeat(2, 1, 1, 1), "conv", twice))
    assert (scorer.passes.forwards, scorer.passes.rests) == ((6, 12) if cuttable else (18, 0))
    with pytest.raises(BenchError, match="multiple"):
        layer.rest(layer.activation[:5])


@pytest.mark.parametrize("seal", [False, True], ids=["cut", "whole"])
def test_what_the_network_overwrites_is_a_copy(images: Tensor, seal: bool) -> None:
    class Overwrites(Pooled):
        def forward(self, x: Tensor) -> Tensor:
            if seal and x.mean() > 100:  # cannot be traced
                return x
            features = self.conv(self.stage1(x))
            features.mul_(0.5)
            logits: Tensor = self.fc(self.pool(features).flatten(1))
            return logits

    network = seeded(Overwrites)
    batch = capture_batch(network, Scorer(network), images, ["conv"], lambda z: z.argmax(1), gradient=False)
    layer = batch.layer("conv", (0,) * 6)
    before = layer.activation.clone()
    kept = torch.full((64, *before.shape[1:]), 0.3)
    layer.rest(layer.activation)
    first = layer.score_changed(lambda a, k: kept[: len(a)], 2)
    assert torch.equal(layer.activation, before)
    assert torch.equal(kept, torch.full_like(kept, 0.3))
    torch.testing.assert_close(first[:, 0], first[:, 1])
