"""Methods that take a method, Smooth Grad-CAM++ and the controls, against loops over one image at a time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ..helpers import layer_of, map_of
from ..networks import seeded
from .loops import Array, Case, array, case_of, close, gaussian, grown, unit

INNER = ("gradcam", "hirescam", "mean-activation")


@pytest.fixture(params=("pooled", "flat", "deep", "early", "resnet18"))
def case(request: pytest.FixtureRequest) -> Case:
    return case_of(request.param)


def inner_by_loops(case: Case, image: Tensor, name: str, target: int | None = None) -> Array:
    """The map of one of INNER, for the image's own class unless another is given."""
    activation, gradient = case.seen(image, case.target(image) if target is None else target)
    if name == "mean-activation":
        return np.asarray(activation.sum(0) / len(activation))
    total = np.zeros(activation.shape[1:])
    for channel, g in zip(activation, gradient, strict=True):
        total += channel * (g.mean() if name == "gradcam" else g)
    return np.maximum(total, 0)


def plus_plus_by_loops(activation: Array, slopes: list[Array]) -> Array:
    """From the means over the slopes of the gradient, its square and its cube."""
    powers = [np.mean([g**p for g in slopes], axis=0) for p in (1, 2, 3)]
    total = np.zeros(activation.shape[1:])
    for channel, first, second, third in zip(activation, *powers, strict=True):
        weight = 0.0
        for i, j in np.ndindex(*channel.shape):
            below = 2 * second[i, j] + channel.sum() * third[i, j]
            weight += second[i, j] / below * max(first[i, j], 0) if below else 0
        total += weight * channel
    return np.maximum(total, 0)


@pytest.mark.parametrize("sigma", [0.0, 0.5])
def test_smoothgradcam_plus_plus(sigma: float, case: Case, images: Tensor) -> None:
    """Each image's class stays that of the image without noise."""
    pictures = case.of(images)
    noise = layer_of(case.network, pictures, case.layer).normal(3, 3, *case.size)
    maps = map_of("smoothgradcam++", case.network, pictures, case.layer, samples=3, sigma=sigma)
    for b, image in enumerate(pictures):
        target = case.target(image)
        slopes = [case.seen(image + sigma * draw, target)[1] for draw in noise[b]]
        close(maps[b], plus_plus_by_loops(case.seen(image, target)[0], slopes), rtol=1e-3)


def staged(images: Tensor, name: str) -> tuple[Case, list[list[Array]]]:
    """The three stages of one network: by image, a method's maps at 32, 16 and 8 cells, each by itself."""
    whole = case_of("deep")
    parts = list(whole.network.children())
    cut = [Case(whole.network, str(n - 1), nn.Sequential(*parts[:n]), nn.Sequential(*parts[n:])) for n in (2, 4, 6)]
    return whole, [[inner_by_loops(each, image, name) for each in cut] for image in whole.of(images)]


@pytest.mark.parametrize("inner", INNER)
def test_fusion_and_refinecam_of_three_stages(inner: str, images: Tensor) -> None:
    """By every rule, and with the tanh on none, one and the two finest; the last stage never has it."""
    case, by_image = staged(images, inner)
    for b, maps in enumerate(by_image):
        units = [unit(grown(cells, (32, 32))) for cells in maps]
        expected = {("mean", 3): sum(units) / 3, ("product", 3): units[0] * units[1] * units[2]}
        for shallow in (0, 1, 2, 3):
            bent = [np.tanh(1.5 * stage) if n < min(shallow, 2) else stage for n, stage in enumerate(units)]
            expected["max", shallow] = np.maximum(np.maximum(bent[0], bent[1]), bent[2])
        for (by, shallow), value in expected.items():
            params: dict[str, Any] = {"of": inner, "by": by, "shallow": shallow, "gamma": 1.5}
            close(map_of("fusion", case.network, case.of(images), case.layer, **params)[b], np.asarray(value))
        refined = map_of("refinecam", case.network, case.of(images), case.layer, of=inner)
        close(refined[b], np.asarray(expected["product", 3]))


@pytest.mark.parametrize("by", ["max", "mean", "product"])
def test_fusion_of_one_stage_is_the_method(by: str, images: Tensor) -> None:
    case = case_of("deep")
    plain = map_of("layercam", case.network, case.of(images), "1")
    fused = map_of("fusion", case.network, case.of(images), "1", of="layercam", by=by)
    for maps in (fused, map_of("refinecam", case.network, case.of(images), "1", of="layercam")):
        for stage_map, plain_map in zip(maps, plain, strict=True):
            close(stage_map, unit(array(plain_map)))


@pytest.mark.parametrize("inner", INNER)
def test_smoothed(inner: str, case: Case, images: Tensor) -> None:
    """The noise is a share of each image's own range: the second image is darker than the first."""
    pictures = case.of(images) * torch.tensor([1.0, 0.3])[: case.count, None, None, None]
    noise = layer_of(case.network, pictures, case.layer).normal(3, 3, *case.size, stream="smoothed")
    smoothed = map_of("smoothed", case.network, pictures, case.layer, of=inner, samples=3, sigma=0.2)
    still = map_of("smoothed", case.network, pictures, case.layer, of=inner, samples=3, sigma=0.0)
    for b, image in enumerate(pictures):
        target, width = case.target(image), 0.2 * float(image.max() - image.min())
        maps = [inner_by_loops(case, image + width * draw, inner, target) for draw in noise[b]]
        close(smoothed[b], np.mean(maps, axis=0))
        close(still[b], inner_by_loops(case, image, inner))


@pytest.mark.parametrize("inner", INNER)
def test_augmented(inner: str, case: Case, images: Tensor) -> None:
    augmented = map_of("augmented", case.network, case.of(images), case.layer, of=inner)
    for b, image in enumerate(case.of(images)):
        target, maps = case.target(image), []
        for scale in (0.9, 1.0, 1.1):
            maps.append(unit(inner_by_loops(case, image * scale, inner, target)))
            maps.append(unit(inner_by_loops(case, image.flip(2) * scale, inner, target)[:, ::-1]))
        close(augmented[b], np.mean(maps, axis=0))


def mirrored() -> nn.Sequential:
    """A network that sees no left and right, and grows with its input."""
    conv = nn.Conv2d(3, 6, 3, padding=1, bias=False)
    conv.weight.data = conv.weight.data + conv.weight.data.flip(3)
    return nn.Sequential(conv, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 4, bias=False))


def test_augmented_where_neither_mirror_nor_scale_matters(images: Tensor) -> None:
    """The map of the image is the mean of its six; of a mirror-symmetric image it is symmetric itself."""
    network = seeded(mirrored)
    for pictures in (images[:2], images[:2] + images[:2].flip(3)):
        plain = np.stack([unit(m) for m in array(map_of("gradcam", network, pictures, "1"))])
        close(map_of("augmented", network, pictures, "1"), plain)
    np.testing.assert_allclose(plain, plain[:, :, ::-1], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("sigma", [0.07, 0.5])
@pytest.mark.parametrize("inner", INNER)
def test_controls_of_a_method(inner: str, sigma: float, case: Case, images: Tensor) -> None:
    """Inverted; blurred at the image's size, by up to all of it; averaged into cells that do not divide it."""
    pictures = case.of(images)
    maps = {
        "inverted": map_of("inverted", case.network, pictures, case.layer, of=inner),
        "blurred": map_of("blurred", case.network, pictures, case.layer, of=inner, sigma=sigma),
        "coarse": map_of("coarse", case.network, pictures, case.layer, of=inner, cells=7),
    }
    width = sigma * min(case.size)
    reach = (min(int(4 * width), case.size[0] - 1), min(int(4 * width), case.size[1] - 1))
    for b, image in enumerate(pictures):
        plain = inner_by_loops(case, image, inner)
        large, cells = grown(plain, case.size), np.zeros((7, 7))
        for i, j in np.ndindex(7, 7):
            (top, low), (left, right) = (
                (n * s // 7, math.ceil((n + 1) * s / 7)) for n, s in zip((i, j), case.size, strict=True)
            )
            cells[i, j] = large[top:low, left:right].mean()
        close(maps["inverted"][b], -plain)
        close(maps["blurred"][b], gaussian(large, width, reach))
        close(maps["coarse"][b], cells)


def test_sobel(case: Case, images: Tensor) -> None:
    """Pixel by pixel on the mean colour, the border repeated."""
    maps = map_of("sobel", case.network, case.of(images), case.layer)
    smooth = (1, 2, 1)
    for b, image in enumerate(case.of(images)):
        grey, expected = np.pad(array(image).mean(0), 1, mode="edge"), np.zeros(case.size)
        for i, j in np.ndindex(*case.size):
            around = grey[i : i + 3, j : j + 3]
            across = sum(smooth[n] * (around[n, 2] - around[n, 0]) for n in range(3))
            down = sum(smooth[n] * (around[2, n] - around[0, n]) for n in range(3))
            expected[i, j] = math.hypot(across, down)
        close(maps[b], expected)


def test_controls_that_know_nothing(case: Case, images: Tensor) -> None:
    pictures = case.of(images)
    names = ("uniform", "mean-activation", "oracle")
    maps = {name: map_of(name, case.network, pictures, case.layer) for name in names}
    for b, image in enumerate(pictures):
        expected = inner_by_loops(case, image, "mean-activation")
        close(maps["mean-activation"][b], expected)
        np.testing.assert_array_equal(maps["uniform"][b].numpy(), np.ones(expected.shape))
        half = [[float(column < case.size[1] // 2) for column in range(case.size[1])]] * case.size[0]
        np.testing.assert_array_equal(maps["oracle"][b].numpy(), half)


def test_fakecam_keeps_the_probability(case: Case, images: Tensor) -> None:
    """All ones but one pixel: an average drop of about nothing, where a uniform half map's is not."""
    pictures = case.of(images)
    drops, halves = [], []
    for fake, image in zip(map_of("fakecam", case.network, pictures, case.layer), pictures, strict=True):
        np.testing.assert_array_equal(fake.flatten().numpy(), [0.0] + [1.0] * (fake.numel() - 1))
        target = case.target(image)
        whole = case.score(image, target)
        drops.append(abs(whole - case.score(array(image) * unit(array(fake)), target)) / whole)
        halves.append(abs(whole - case.score(array(image) * 0.5, target)) / whole)
    assert np.mean(drops) < 0.01
    assert np.mean(halves) > 5 * np.mean(drops)
