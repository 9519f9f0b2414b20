"""Maps that are filtered, or fused from windows or layers: FORGrad, SESS and Winsor-CAM, against loops and a peer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from pytorch_grad_cam.sess import SESS
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

from benchbench.errors import NotApplicable

from ..helpers import map_of
from ..networks import Vit, seeded
from .loops import Array, array, case_of, close, grown, unit
from .test_oracles import classes_of, examples, network_of, not_in_place


@pytest.mark.parametrize(("height", "width"), [(64, 64), (48, 64), (63, 51)])
@pytest.mark.parametrize("sigma", [0.5, 6.0, 6.5])
def test_lowpass_by_the_definition_of_the_transform(sigma: float, height: int, width: int, images: Tensor) -> None:
    """Sums of the waves that are kept, one by one, on the map in float64."""
    network, pictures = seeded(pixelwise), images[:1, :, :height, :width]
    plain = array(map_of("saliency", network, pictures, ""))[0]
    y, x, expected = np.arange(height)[:, None] / height, np.arange(width) / width, np.zeros(plain.shape)
    for down in range(-(height // 2), (height + 1) // 2):
        for across in range(-(width // 2), (width + 1) // 2):
            cycles = np.hypot(down * min(height, width) / height, across * min(height, width) / width)
            if cycles <= sigma:
                wave = np.exp(2j * np.pi * (down * y + across * x))
                expected += ((plain * wave.conj()).mean() * wave).real
    (actual,) = map_of("lowpass", network, pictures, "", sigma=sigma)
    if sigma < 1:
        np.testing.assert_allclose(array(actual), plain.mean(), rtol=1e-5)
    else:
        close(actual, expected)


def pixelwise() -> nn.Module:
    """Its gradient is not smooth, and differs between images."""
    return nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 5))


def test_lowpass_keeps_all_and_nothing(images: Tensor) -> None:
    network = seeded(pixelwise)
    whole = map_of("lowpass", network, images[:2], "", sigma=64)
    close(whole, array(map_of("saliency", network, images[:2], "")))
    flat = map_of("lowpass", network, images[:2], "0", of="uniform", sigma=2)
    assert torch.equal(flat, torch.ones_like(flat)), "no rounding on a constant map"


@pytest.mark.parametrize(("name", "layer"), [("resnet18", "layer4"), ("vgg11_bn", "features.13")])
def test_sess_against_pytorch_grad_cam(name: str, layer: str) -> None:
    pictures, network = examples()[:1], not_in_place(name)
    classes = classes_of(name, pictures)
    targets = [ClassifierOutputTarget(c) for c in classes]
    expected = SESS(network, [network.get_submodule(layer)], num_scales=3)(pictures, targets)
    actual = map_of("sess", network_of(name), pictures, layer, scales=3)
    close(torch.from_numpy(unit(array(actual[0]))), unit(expected[0].astype(np.float64)))


def test_sess_at_one_scale_is_the_method_blurred(images: Tensor) -> None:
    """One window, the image: its map where it is above zero, under the blur."""
    case = case_of("deep")
    pictures = case.of(images)
    plain = [unit(grown(array(m), (64, 64))) for m in map_of("gradcam", case.network, pictures, case.layer)]
    offsets = np.arange(-5, 6)
    weights = np.exp(-0.5 * (offsets / 5.0) ** 2)
    weights /= weights.sum()
    for actual, values in zip(map_of("sess", case.network, pictures, case.layer, scales=1), plain, strict=True):
        padded = np.pad(values, 5, mode="reflect")
        rows = sum(w * padded[n : n + 64] for n, w in enumerate(weights))
        close(actual, np.asarray(sum(w * rows[:, n : n + 64] for n, w in enumerate(weights))))


def layers_of(network: nn.Sequential, image: Tensor, target: int) -> list[tuple[Array, Array]]:
    """Activation and gradient (K, h, w) of every convolution of a sequence."""
    seen, value = [], image[None]
    for module in network:
        value = module(value)
        if isinstance(module, nn.Conv2d):
            seen.append(value)
    slopes = torch.autograd.grad(value[0, target], seen)
    return [(array(a[0]), array(g[0])) for a, g in zip(seen, slopes, strict=True)]


def winsor_by_loops(layers: Sequence[tuple[Array, Array]], size: tuple[int, int], percentile: float) -> Array:
    maps, importance = [], []
    for activation, gradient in layers:
        weights = [g.mean() for g in gradient]
        maps.append(unit(np.maximum(sum(w * a for w, a in zip(weights, activation, strict=True)), 0)))
        importance.append(max(float(np.mean(weights)), 0.0))
    positive = sorted(i for i in importance if i > 0)
    place = percentile / 100 * (len(positive) - 1)
    low, high = positive[int(place)], positive[min(int(place) + 1, len(positive) - 1)]
    limit = low + (place - int(place)) * (high - low)
    cut = [min(i, limit) for i in importance]
    kept = [c for c in cut if c > 0]
    span = max(kept) - min(kept)
    scaled = [0.0 if c == 0 else 0.1 + 0.9 * (c - min(kept)) / span if span else 1.0 for c in cut]
    finest = max((m.shape for m in maps), key=lambda shape: shape[0])
    return np.asarray(sum(w * grown(grown(m, finest), size) for w, m in zip(scaled, maps, strict=True)))


def five_layers() -> nn.Sequential:
    widths = ((3, 5, 2), (5, 6, 1), (6, 6, 2), (6, 8, 1), (8, 8, 2))
    parts = [part for a, b, stride in widths for part in (nn.Conv2d(a, b, 3, stride, 1), nn.ReLU())]
    return nn.Sequential(*parts, nn.Flatten(), nn.Linear(512, 7))


@pytest.mark.parametrize("percentile", [0.0, 40.0, 90.0, 100.0])
def test_winsorcam(percentile: float, images: Tensor) -> None:
    network, positive = seeded(five_layers, seed=4), []
    maps = map_of("winsorcam", network, images, "", percentile=percentile)
    for actual, image in zip(maps, images, strict=True):
        with torch.no_grad():
            target = int(network(image[None]).argmax())
        layers = layers_of(network, image, target)
        positive.append(sum(g.mean() > 0 for _, g in layers))
        if positive[-1]:
            close(actual, winsor_by_loops(layers, (64, 64), percentile))
        else:
            assert not actual.any()
    assert max(positive) > 2
    assert min(positive) < 5, "a layer of no positive importance is left out"


def test_winsorcam_needs_convolutions(images: Tensor) -> None:
    network = seeded(lambda: nn.Sequential(nn.AvgPool2d(8), nn.Flatten(), nn.Linear(192, 4)))
    with pytest.raises(NotApplicable, match="gradients of convolutions"):
        map_of("winsorcam", network, images[:1], "")


def test_winsorcam_takes_no_rounding_for_importance(images: Tensor) -> None:
    """Before a layer norm over channels the gradient's mean is zero, and what floats give is not ranked."""
    assert not map_of("winsorcam", seeded(Vit), images, "").any()


@pytest.mark.parametrize("of", ["cam", "gradcam"])
@pytest.mark.parametrize(
    ("name", "params", "size"), [("lowpass", {"sigma": 3}, (12, 16)), ("sess", {"scales": 2}, (48, 64))]
)
def test_wrappers_take_any_method(
    name: str, params: dict[str, Any], size: tuple[int, int], of: str, images: Tensor
) -> None:
    """Of a method at a layer the low-pass has the layer's cells, and SESS the image's pixels."""
    case = case_of("pooled")
    maps = map_of(name, case.network, case.of(images), case.layer, of=of, **params)
    assert tuple(maps.shape[1:]) == size
    assert (maps.amax((1, 2)) > maps.amin((1, 2))).all()
