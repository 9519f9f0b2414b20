"""Methods that mask images, against loops over images, channels and masks written apart from them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..helpers import layer_of, map_of
from ..networks import Pooled, seeded


@pytest.fixture(scope="module")
def network() -> nn.Module:
    return seeded(Pooled)


def large(cells: Tensor) -> Tensor:
    """(64, 64) of one map (h, w)."""
    return F.interpolate(cells[None, None], 64, mode="bilinear", align_corners=False)[0, 0]


def unit(values: Tensor) -> Tensor:
    span = values.max() - values.min()
    return (values - values.min()) / span if span > 0 else torch.zeros_like(values)


def probability(network: nn.Module, picture: Tensor, target: int) -> float:
    with torch.no_grad():
        return float(network(picture[None]).softmax(1)[0, target])


def logit(network: nn.Module, picture: Tensor, target: int) -> float:
    with torch.no_grad():
        return float(network(picture[None])[0, target])


def close(actual: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))


def test_iscam(network: nn.Module, images: Tensor) -> None:
    layer = layer_of(network, images[:2], "relu")
    for b, saliency_map in enumerate(map_of("iscam", network, images[:2], "relu", steps=3)):
        expected = torch.zeros(16, 16)
        for channel in layer.activation[b]:
            if channel.max() > channel.min():
                mask = unit(large(channel))
                scores = [probability(network, images[b] * mask * j / 3, int(layer.targets[b])) for j in (1, 2, 3)]
                expected += sum(scores) / 3 * channel
        close(saliency_map, expected.relu())


def test_iscam_of_one_step_is_scorecam(network: nn.Module, images: Tensor) -> None:
    close(map_of("iscam", network, images, "relu", steps=1), map_of("scorecam", network, images, "relu"))


def test_sscam(network: nn.Module, images: Tensor) -> None:
    """Without noise it is Score-CAM; with it, the mean over the samples of a loop with the same draws."""
    close(map_of("sscam", network, images, "relu", sigma=0, samples=2), map_of("scorecam", network, images, "relu"))
    layer = layer_of(network, images[:2], "relu")
    maps = map_of("sscam", network, images[:2], "relu", sigma=0.5, samples=2)
    for b in range(2):
        expected = torch.zeros(16, 16)
        for k, channel in enumerate(layer.activation[b]):
            if channel.max() > channel.min():
                scores = []
                for n in range(2):
                    drawn = torch.Generator().manual_seed((layer.seeds[b] * 1_000_003 + 2 * k + n) % 2**63)
                    mask = unit(large(channel)) + 0.5 * torch.randn(64, 64, generator=drawn)
                    scores.append(probability(network, images[b] * mask, int(layer.targets[b])))
                expected += sum(scores) / 2 * channel
        close(maps[b], expected.relu())


@pytest.mark.parametrize(("name", "kept", "removed"), [("polycam+", 1, 0), ("polycam-", 0, 1), ("polycam+-", 1, 1)])
def test_polycam(name: str, kept: int, removed: int, network: nn.Module, images: Tensor) -> None:
    """Two stages: 16 x 16 at the layer, 32 x 32 before it."""
    coarse, fine = (layer_of(network, images[:2], place) for place in ("relu", "stage1"))
    saliency_maps = map_of(name, network, images[:2], "relu")
    for b in range(2):
        target, maps = int(coarse.targets[b]), []
        whole = probability(network, images[b], target)
        for activation in (coarse.activation[b], fine.activation[b]):
            total = torch.zeros(activation.shape[1:])
            for channel in activation:
                low, high = (torch.quantile(channel, q) for q in (0.001, 0.999))
                mask = large(((channel - low) / high.clamp_min(1e-12)).clamp(0, 1))
                weight = kept * probability(network, images[b] * mask, target)
                weight += removed * (whole - probability(network, images[b] * (1 - mask), target))
                total += max(weight, 0) * channel
            maps.append(total.relu()[None, None])
        local = F.interpolate(F.interpolate(maps[1], 16, mode="bilinear"), 32, mode="bilinear")
        expected = maps[1] / local.clamp_min(1e-12) * F.interpolate(maps[0], 32, mode="bilinear")
        close(saliency_maps[b], expected[0, 0])


def test_opticam(network: nn.Module, images: Tensor) -> None:
    """Adam by its textbook equations, image by image; and the logit rises."""
    layer = layer_of(network, images[:2], "relu")
    maps = map_of("opticam", network, images[:2], "relu", steps=6)
    for b in range(2):
        activation, target = layer.activation[b].relu(), int(layer.targets[b])
        u, mean, square, scores = torch.full((10,), 0.5), torch.zeros(10), torch.zeros(10), []
        for step in range(1, 7):
            u.requires_grad_()
            mask = unit(large((u.softmax(0)[:, None, None] * activation).sum(0)))
            score = network((images[b] * mask)[None])[0, target]
            scores.append(float(score.detach()))
            (slope,) = torch.autograd.grad(-score, u)
            mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope.square()
            u = u.detach() - 0.1 * (mean / (1 - 0.9**step)) / ((square / (1 - 0.999**step)).sqrt() + 1e-8)
        expected = (u.softmax(0)[:, None, None] * activation).sum(0)
        torch.testing.assert_close(maps[b], expected, rtol=1e-3, atol=1e-4 * float(expected.max()))
        assert scores[-1] > scores[0]


def test_rise_on_a_score_that_is_a_sum_finds_where_it_is_taken() -> None:
    """The mean over masks of (sum over the left half of the mask) mask is larger on the left."""

    class Left(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            z = 10 * images[:, :, :, :16].mean((1, 2, 3)) - 3
            return torch.stack([z, torch.zeros_like(z)], 1)

    maps = map_of("rise", Left(), torch.ones(1, 3, 32, 32), "", torch.zeros(1, dtype=torch.long), masks=2000)
    assert float(maps[0, :, :12].mean()) > float(maps[0, :, 20:].mean()) * 1.02


@pytest.mark.parametrize(("window", "stride"), [(16, 16), (20, 12), (64, 8)])
def test_occlusion(window: int, stride: int, network: nn.Module, images: Tensor) -> None:
    layer = layer_of(network, images[:2], "relu")
    maps = map_of("occlusion", network, images[:2], "relu", window=window, stride=stride, sign="signed")
    last = 64 - window
    starts = sorted({*range(0, last + 1, stride), last})
    for b in range(2):
        target = int(layer.targets[b])
        total, count = torch.zeros(64, 64), torch.zeros(64, 64)
        for top in starts:
            for left in starts:
                picture = images[b].clone()
                picture[:, top : top + window, left : left + window] = 0
                fall = logit(network, images[b], target) - logit(network, picture, target)
                total[top : top + window, left : left + window] += fall
                count[top : top + window, left : left + window] += 1
        close(maps[b], total / count)
