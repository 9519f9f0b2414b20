"""Curvature and the full gradient, against torch's Hessian, completeness and a loop."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchbench.errors import NotApplicable
from benchbench.network.derivatives import bias_gradients, curvature
from benchbench.types import INPUT

from ..helpers import map_of
from ..narrow import narrow
from ..networks import Flat, Pooled, Vit, seeded


class Smooth(nn.Module):
    """tanh behind the layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.next, self.fc = nn.Conv2d(3, 2, 3, 4), nn.Conv2d(2, 3, 2), nn.Linear(3, 4)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.fc(torch.tanh(self.next(self.conv(images))).mean((2, 3)))
        return logits


def test_curvature_is_the_hessian_times_the_direction() -> None:
    network = seeded(Smooth)
    images = torch.randn(2, 3, 12, 12, generator=torch.Generator().manual_seed(3))
    direction = torch.randn(2, 2, 3, 3, generator=torch.Generator().manual_seed(4))
    targets = torch.tensor([1, 3])
    product, _ = curvature(network, images, "conv", targets, direction)
    for b in range(2):

        def score(activation: Tensor, b: int = b) -> Tensor:
            seen = torch.tanh(network.next(activation.view(1, 2, 3, 3))).mean((2, 3))
            logit: Tensor = network.fc(seen)[0, targets[b]]
            return logit

        at = network.conv(images[b : b + 1]).detach().flatten()
        hessian = torch.autograd.functional.hessian(score, at)  # type: ignore[no-untyped-call]
        expected = (hessian @ direction[b].flatten()).view(2, 3, 3)
        torch.testing.assert_close(product[b], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("build", "layer"), [(Pooled, "stage1"), (Pooled, INPUT), (Flat, "features.1")])
def test_no_curvature_behind_what_is_piecewise_linear(build: Any, layer: str, images: Tensor) -> None:
    network = seeded(build)
    direction = images if layer == INPUT else network.get_submodule(layer)(images) if layer == "stage1" else None
    vector = torch.ones(6, 4, 32, 32) if direction is None else direction.detach()
    assert not curvature(network, images, layer, torch.zeros(6, dtype=torch.long), vector)[0].any()


def resnet18() -> nn.Module:
    return narrow("resnet18", 9)


def vgg11_bn() -> nn.Module:
    return narrow("vgg11_bn", 9)


def efficientnet_b0() -> nn.Module:
    return narrow("efficientnet_b0", 9)


@pytest.mark.parametrize("build", [Pooled, resnet18, vgg11_bn])
def test_the_full_gradient_adds_up(build: Any, photos224: Tensor) -> None:
    network, images = seeded(build), photos224[:2, :, :64, :64]
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.bias, -0.3, 0.3)
    targets = torch.tensor([1, 4])
    terms = bias_gradients(network, images, targets)
    expected = network(images).gather(1, targets[:, None])[:, 0].detach()
    scale = float(terms.image.abs().sum() + sum(b.abs().sum() for b in terms.biases)) / len(images)
    assert float((terms.total() - expected).abs().max()) <= 1e-4 * max(scale, 1)
    torch.testing.assert_close(terms.total(), expected, rtol=1e-3, atol=1e-3)


def test_each_term_by_autograd(images: Tensor) -> None:
    """Of the first convolution: its bias times the slope of its output."""
    network = seeded(Flat)
    targets = torch.zeros(6, dtype=torch.long)
    terms = bias_gradients(network, images, targets)
    first, rest = network.features[0], network.features[1:]
    bias = first.bias
    assert isinstance(bias, Tensor)
    output = first(images).detach().requires_grad_()
    score = network.fc(rest(output).flatten(1)).gather(1, targets[:, None]).sum()
    (slope,) = torch.autograd.grad(score, output)
    torch.testing.assert_close(terms.biases[0], bias.detach()[:, None, None] * slope, rtol=1e-4, atol=1e-7)


def test_fullgrad_by_hand(images: Tensor) -> None:
    network = seeded(Flat)
    targets = network(images).argmax(1)
    terms = bias_gradients(network, images, targets)
    maps = map_of("fullgrad", network, images, "")
    for b in range(len(images)):
        expected = torch.zeros(64, 64)
        for term in (terms.image[b], *(each[b] for each in terms.biases)):
            size = term.abs()
            scaled = (size - size.min()) / (size.max() - size.min() + 1e-6)
            for channel in scaled:
                expected += F.interpolate(channel[None, None], 64, mode="bilinear", align_corners=False)[0, 0]
        torch.testing.assert_close(maps[b], expected, rtol=1e-4, atol=1e-5)


class Unbiased(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 4, 3, bias=False), nn.Linear(4, 3)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.conv(images).relu().mean((2, 3)))
        return logits


@pytest.mark.parametrize(
    ("build", "reason"),
    [(Unbiased, "the network has none"), (efficientnet_b0, "piecewise linear"), (Vit, "piecewise linear")],
)
def test_where_it_does_not_apply(build: Any, reason: str, images: Tensor) -> None:
    with pytest.raises(NotApplicable, match=reason):
        bias_gradients(seeded(build), images[:2] * 3, torch.zeros(2, dtype=torch.long))
