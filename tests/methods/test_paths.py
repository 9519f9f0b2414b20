"""Methods that integrate gradients on a path, and regions ranked by them, against PAIR's saliency and closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from saliency.core import xrai as pair_xrai
from torch import Tensor, nn

from ..helpers import layer_of, map_of
from ..networks import Pooled, seeded
from .loops import Array, array, close
from .peers import pair_saliency
from .test_pixels import Swish, attributed


@pytest.fixture
def pictures(images: Tensor) -> Tensor:
    """Two, wider than high, of different ranges; one has a row at the baseline."""
    pictures = images[:2, :, :48] * torch.tensor([1.0, 0.3])[:, None, None, None]
    pictures[1, :, 5] = 0
    return pictures


def peer(name: str, network: nn.Module, pictures: Tensor, **params: Any) -> Array:
    """(B, H, W): the peer's attribution of the most likely class, summed over channels."""
    targets = [int(t) for t in network(pictures).argmax(1)]
    return array(pair_saliency(name, **params)(network, "", pictures, targets))


@pytest.mark.parametrize("build", [Swish, Pooled])
@pytest.mark.parametrize(("steps", "fraction", "distance"), [(12, 0.25, 0.02), (6, 0.1, 0.3), (5, 0.5, 1.0)])
def test_guided_ig(steps: int, fraction: float, distance: float, build: type[nn.Module], pictures: Tensor) -> None:
    network = seeded(build)
    expected = peer("GuidedIG", network, pictures, x_steps=steps, fraction=fraction, max_dist=distance)
    params: dict[str, Any] = {"steps": steps, "fraction": fraction, "distance": distance}
    close(map_of("guidedig", network, pictures, "", sign="signed", **params), expected)
    close(map_of("guidedig", network, pictures, "", **params), np.maximum(expected, 0))


def test_guided_ig_without_a_detour_is_a_left_sum_of_integrated_gradients(pictures: Tensor) -> None:
    network = seeded(Swish)
    expected = attributed("IntegratedGradients", network, pictures, n_steps=6, method="riemann_left").sum(1)
    close(map_of("guidedig", network, pictures, "", steps=6, distance=0.0, sign="signed"), array(expected))


@pytest.mark.parametrize("distance", [0.02, 1.0])
def test_guided_ig_adds_up(distance: float, pictures: Tensor) -> None:
    """Whatever its path, it ends at the image: its sum is the logit's change."""
    network = seeded(Swish)
    maps = map_of("guidedig", network, pictures, "", steps=60, distance=distance, sign="signed")
    torch.testing.assert_close(maps.sum((1, 2)), change(network, pictures), rtol=5e-2, atol=1e-3)


def change(network: nn.Module, pictures: Tensor) -> Tensor:
    """(B,): the likeliest logit's change from a zero image."""
    with torch.no_grad():
        logits = network(pictures)
        changes: Tensor = (logits - network(torch.zeros_like(pictures))).gather(1, logits.argmax(1)[:, None])[:, 0]
    return changes


@pytest.mark.parametrize(("steps", "sigma"), [(8, 50.0), (5, 3.0)])
def test_blur_ig(steps: int, sigma: float, pictures: Tensor) -> None:
    network = seeded(Swish)
    expected = peer("BlurIG", network, pictures, steps=steps, max_sigma=sigma)
    close(map_of("blurig", network, pictures, "", steps=steps, sigma=sigma, sign="signed"), expected)


def linear(weight: Tensor, power: int) -> nn.Module:
    """Logits (w . x) ** power and 0."""

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(weight)

        def forward(self, images: Tensor) -> Tensor:
            score = (self.weight * images).sum((1, 2, 3))
            return torch.stack([score**power, 0 * score], 1)

    return Network()


@pytest.mark.parametrize(("power", "factor"), [(1, 1.0), (2, 4 / 3), (3, 9 / 5)])
def test_idg_in_closed_form(power: int, factor: float, pictures: Tensor) -> None:
    """y = s^p with s = w.x: the integral of (p t^(p-1) s^(p-1))^2 w s is p^2 / (2p - 1) s^(2p-1) w, times the image."""
    weight = torch.rand(3, 48, 64, generator=torch.Generator().manual_seed(3)) / 1000
    network, targets = linear(weight, power), torch.zeros(2, dtype=torch.long)
    score = (weight * pictures).sum((1, 2, 3))
    expected = factor * score[:, None, None] ** (2 * power - 1) * (weight * pictures).sum(1)
    maps = map_of("idg", network, pictures, "", targets, steps=200, sign="signed")
    close(maps, array(expected), rtol=1e-3)


def test_idg_weighs_integrated_gradients_by_the_slope(pictures: Tensor) -> None:
    """A loop over the path, with the slope taken as the difference of logits and not from the gradient."""
    network = seeded(Swish)
    targets, expected = network(pictures).argmax(1), torch.zeros_like(pictures)

    def logits(share: float) -> Tensor:
        with torch.no_grad():
            picked: Tensor = network(share * pictures).gather(1, targets[:, None])[:, 0]
        return picked

    for i in range(4):
        share = (i + 0.5) / 4
        inputs = (share * pictures).requires_grad_()
        (gradient,) = torch.autograd.grad(network(inputs).gather(1, targets[:, None]).sum(), inputs)
        slope = (logits(share + 0.01) - logits(share - 0.01)) / 0.02
        expected += gradient * slope[:, None, None, None] / 4
    maps = map_of("idg", network, pictures, "", steps=4, sign="signed")
    close(maps, array((expected * pictures).sum(1)), rtol=1e-2)


def test_xrai(pictures: Tensor, monkeypatch: Any) -> None:
    """The regions are the peer's; the integrated gradients under them are captum's, from the two extreme colours."""
    monkeypatch.setattr(pair_xrai, "_FELZENSZWALB_IM_RESIZE", (64, 64))
    network, ends = seeded(Swish), [pictures.amin((1, 2, 3), keepdim=True), pictures.amax((1, 2, 3), keepdim=True)]
    rule: dict[str, Any] = {"n_steps": 4, "method": "riemann_middle"}
    attributions_from = [
        attributed("IntegratedGradients", network, pictures, baselines=e.expand_as(pictures), **rule) for e in ends
    ]
    attributions = array((attributions_from[0] + attributions_from[1]).permute(0, 2, 3, 1) / 2)
    values = array(pictures.permute(0, 2, 3, 1))
    for actual, value, base in zip(
        map_of("xrai", network, pictures, "", steps=4, side=64), values, attributions, strict=True
    ):
        expected = pair_xrai.XRAI().GetMask(value, None, base_attribution=base)
        assert len(np.unique(expected)) > 3
        close(actual, expected)


def test_vargrad_and_squaregrad(images: Tensor) -> None:
    """Loops with SmoothGrad's draws, by autograd and numpy."""
    network = seeded(Swish)
    layer = layer_of(network, images, "input image")
    noise, span = layer.normal(4, 3, 64, 64), images.amax((1, 2, 3)) - images.amin((1, 2, 3))
    slopes = []
    for n in range(4):
        noisy = (images + 0.3 * span[:, None, None, None] * noise[:, n]).requires_grad_()
        (slope,) = torch.autograd.grad(network(noisy).gather(1, layer.targets[:, None]).sum(), noisy)
        slopes.append(array(slope))
    params: dict[str, Any] = {"samples": 4, "sigma": 0.3}
    close(map_of("vargrad", network, images, "", **params), np.var(slopes, axis=0).max(1))
    close(map_of("squaregrad", network, images, "", **params), np.square(slopes).mean(0).max(1))
    still = map_of("squaregrad", network, images, "", samples=2, sigma=0.0)
    close(still, array(map_of("saliency", network, images, "")) ** 2)
    assert not map_of("vargrad", network, images, "", samples=2, sigma=0.0).any()
