"""Each method against its own formula, written with loops, and the equalities on a pooled head."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from benchbench.errors import NotApplicable
from benchbench.network.capture import capture

from ..helpers import layer_of, map_of, normalised
from ..networks import Flat, Pooled, seeded


def captured(network: torch.nn.Module, images: Tensor, layer: str) -> tuple[np.ndarray, np.ndarray]:
    batch = capture(network, images, [layer], lambda logits: logits.argmax(1))
    return batch.activations[layer].numpy().astype(float), batch.gradients[layer].numpy().astype(float)


def gradcam_by_loops(a: np.ndarray, g: np.ndarray) -> np.ndarray:
    out = np.zeros((a.shape[0], *a.shape[2:]))
    for b in range(a.shape[0]):
        for k in range(a.shape[1]):
            out[b] += g[b, k].mean() * a[b, k]
    return np.maximum(out, 0)


def layercam_by_loops(a: np.ndarray, g: np.ndarray) -> np.ndarray:
    out = np.zeros((a.shape[0], *a.shape[2:]))
    for b, k, i, j in np.ndindex(*a.shape):
        out[b, i, j] += max(g[b, k, i, j], 0) * a[b, k, i, j]
    return np.maximum(out, 0)


def plus_plus_by_loops(a: np.ndarray, g: np.ndarray, summed_with_activation: bool) -> np.ndarray:
    out = np.zeros((a.shape[0], *a.shape[2:]))
    for b in range(a.shape[0]):
        for k in range(a.shape[1]):
            weight = 0.0
            for i, j in np.ndindex(*a.shape[2:]):
                x = g[b, k, i, j]
                if x == 0:
                    continue
                tail = (g[b, k] ** 3 * a[b, k]).sum() if summed_with_activation else x**3 * a[b, k].sum()
                weight += x**2 / (2 * x**2 + tail) * max(x, 0)
            out[b] += weight * a[b, k]
    return np.maximum(out, 0)


def xgradcam_by_loops(a: np.ndarray, g: np.ndarray) -> np.ndarray:
    out = np.zeros((a.shape[0], *a.shape[2:]))
    for b in range(a.shape[0]):
        for k in range(a.shape[1]):
            total = a[b, k].sum()
            out[b] += ((g[b, k] * a[b, k]).sum() / total if total else 0) * a[b, k]
    return np.maximum(out, 0)


@pytest.mark.parametrize("network", [Pooled, Flat])
@pytest.mark.parametrize("place", ["shallow", "deep"])
def test_gradient_methods_equal_their_loops(network: type, place: str, images: Tensor) -> None:
    built = seeded(network)
    layer = {"Pooled": {"shallow": "stage1", "deep": "conv"}, "Flat": {"shallow": "features.0", "deep": "features"}}[
        network.__name__
    ][place]
    a, g = captured(built, images[:2], layer)
    expected: dict[tuple[str, tuple[tuple[str, Any], ...]], np.ndarray] = {
        ("gradcam", ()): gradcam_by_loops(a, g),
        ("layercam", ()): layercam_by_loops(a, g),
        ("gradcam++", ()): plus_plus_by_loops(a, g, False),
        ("gradcam++", (("alpha", "spatial-sum"),)): plus_plus_by_loops(a, g, True),
        ("xgradcam", ()): xgradcam_by_loops(a, g),
        ("hirescam", ()): np.maximum((g * a).sum(1), 0),
        ("hirescam", (("rectified", False),)): (g * a).sum(1),
        ("gradcam-elementwise", ()): np.maximum(g * a, 0).sum(1),
    }
    for (name, params), value in expected.items():
        assert value.max() > 0, f"{name}: an all-zero map tests nothing"
        maps = map_of(name, built, images[:2], layer, **dict(params)).numpy()
        np.testing.assert_allclose(maps, value, rtol=1e-4, atol=1e-5 * value.max(), err_msg=name)


def test_pooled_head_equalities(images: Tensor) -> None:
    """Behind global average pooling and one linear layer three methods are CAM's ReLU, to 1e-5."""
    network = seeded(Pooled)
    cam = map_of("cam", network, images, "relu")
    assert (cam < 0).any(), "CAM keeps its sign"
    expected = normalised(torch.relu(cam))
    for name in ("gradcam", "xgradcam", "hirescam"):
        torch.testing.assert_close(normalised(map_of(name, network, images, "relu")), expected, atol=1e-5, rtol=0)


def test_plus_plus_weight_on_a_pooled_head(images: Tensor) -> None:
    """There its weight is relu(w) / (2 + c_k), with c_k the channel's contribution to the logit."""
    network = seeded(Pooled)
    layer = layer_of(network, images, "relu")
    w = network.fc.weight.detach()[layer.targets]
    contribution = w * layer.activation.mean((2, 3))
    weight = torch.relu(w) / (2 + contribution)
    expected = torch.relu((weight[:, :, None, None] * layer.activation).sum(1))
    torch.testing.assert_close(map_of("gradcam++", network, images, "relu"), expected, rtol=1e-5, atol=1e-6)


def test_the_equality_fails_on_another_head(images: Tensor) -> None:
    """On a head that is not pooled CAM does not apply, and Grad-CAM is not the true contribution."""
    network = seeded(Flat)
    with pytest.raises(NotApplicable, match="global average pooling"):
        map_of("cam", network, images, "features")
    layer = layer_of(network, images, "features")
    contribution = torch.relu((layer.gradient * layer.activation).sum(1))
    for name in ("gradcam", "xgradcam"):
        difference = normalised(map_of(name, network, images, "features")) - normalised(contribution)
        assert difference.abs().max() > 0.05
    torch.testing.assert_close(map_of("hirescam", network, images, "features"), contribution)


def cam_by_hand(network: Pooled, images: Tensor) -> Tensor:
    with torch.no_grad():
        activation = network.relu(network.conv(network.stage1(images)))
        target = network(images).argmax(1)
    rows = [network.fc.weight[t].detach() for t in target]
    maps = zip(activation, rows, strict=True)
    return torch.stack([torch.stack([row[k] * a[k] for k in range(10)]).sum(0) for a, row in maps])


def test_cam_is_the_classes_row_times_the_activations(images: Tensor) -> None:
    network = seeded(Pooled)
    torch.testing.assert_close(map_of("cam", network, images, "relu"), cam_by_hand(network, images).detach())


def scorecam_by_loops(network: torch.nn.Module, image: Tensor, activation: Tensor, target: int, variant: str) -> Tensor:
    """One image, one channel at a time, as the papers' code does."""
    with torch.no_grad():
        base = network(image[None])[0, target]
        scores, live = [], []
        for channel in activation:
            up = torch.nn.functional.interpolate(channel[None, None], size=image.shape[1:], mode="bilinear")
            spread = up.max() - up.min()
            live.append(bool(spread > 0))
            mask = (up - up.min()) / spread if spread > 0 else torch.zeros_like(up)
            logits = network(image[None] * mask)[0]
            scores.append(logits.softmax(0)[target] if variant == "official" else logits[target])
        score = torch.stack(scores)
        if variant == "official":
            weight = score * torch.tensor(live)
        elif variant == "torchcam":
            weight = (score - base).softmax(0)
        else:
            weight = score.softmax(0)
        return torch.relu((weight[:, None, None] * activation).sum(0))


@pytest.mark.parametrize("variant", ["official", "torchcam", "pytorch-grad-cam"])
@pytest.mark.parametrize("layer", ["stage1", "relu"])
def test_scorecam_equals_its_loop(variant: str, layer: str, images: Tensor) -> None:
    network = seeded(Pooled, seed=3)
    assert network.conv.bias is not None
    with torch.no_grad():
        network.conv.weight[0] = 0
        network.conv.bias[0] = 0.25  # a channel that is constant, and not zero
        network.conv.bias[1] = -100  # and one that is dead
    batch = capture(network, images, [layer], lambda logits: logits.argmax(1), gradient=False)
    expected = torch.stack(
        [
            scorecam_by_loops(network, image, activation, int(target), variant)
            for image, activation, target in zip(images, batch.activations[layer], batch.targets, strict=True)
        ]
    )
    maps = map_of("scorecam", network, images, layer, variant=variant)
    torch.testing.assert_close(maps, expected, rtol=1e-4, atol=1e-6)


def test_two_of_the_scorecam_variants_are_one_rule(images: Tensor) -> None:
    network = seeded(Pooled)
    torchcam = map_of("scorecam", network, images, "relu", variant="torchcam")
    grad_cam = map_of("scorecam", network, images, "relu", variant="pytorch-grad-cam")
    official = map_of("scorecam", network, images, "relu")
    torch.testing.assert_close(torchcam, grad_cam, rtol=1e-5, atol=1e-6)
    assert (normalised(torchcam) - normalised(official)).abs().max() > 1e-3


def test_center_is_a_gaussian_at_the_centre(images: Tensor) -> None:
    maps = map_of("center", seeded(Pooled), images, "conv")
    assert maps.shape == (len(images), 16, 16)
    torch.testing.assert_close(maps, maps.flip(1))
    torch.testing.assert_close(maps, maps.flip(2))
    y, x = (2 + 0.5) / 16 - 0.5, (11 + 0.5) / 16 - 0.5
    assert float(maps[0, 2, 11]) == pytest.approx(np.exp(-(y * y + x * x) / (2 * 0.25**2)), rel=1e-5)
