"""Methods that mask, occlude or blur images, against loops over one image, one channel and one mask at a time.

The masks are made in double precision, on networks that are not square, not pooled, or deep. Other libraries stand
beside the loops where they mean the same.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from captum.attr import Occlusion
from pytorch_grad_cam import FEM
from torch import Tensor, nn

from ..helpers import layer_of, map_of
from .loops import Array, Case, array, case_of, close, gaussian, grown, unit
from .peers import grad_cam

Masks = Callable[[int, Array], list[Array]]
NAMES = ("pooled", "flat", "resnet18")


@pytest.fixture(params=NAMES)
def case(request: pytest.FixtureRequest) -> Case:
    return case_of(request.param)


def scorecam_weight(case: Case, image: Tensor, channel: Array, pictures: list[Array], of: str = "probability") -> float:
    """The mean score of the image times each of the masks; 0 for a constant channel."""
    if channel.max() == channel.min():
        return 0.0
    target = case.target(image)
    return float(np.mean([case.score(array(image) * mask, target, of) for mask in pictures]))


def masked_sum(case: Case, image: Tensor, masks_of: Masks, of: str = "probability") -> Array:
    """relu(sum_k weight_k A_k); ``masks_of`` gives a channel's masks from its number and its own unit mask."""
    activation, _ = case.seen(image, case.target(image))
    expected = np.zeros(activation.shape[1:])
    for k, channel in enumerate(activation):
        masks = masks_of(k, unit(grown(channel, case.size)))
        expected += scorecam_weight(case, image, channel, masks, of) * channel
    return np.maximum(expected, 0)


@pytest.mark.parametrize("score", ["probability", "logit"])
def test_iscam(score: str, case: Case, images: Tensor) -> None:
    maps = map_of("iscam", case.network, case.of(images), case.layer, steps=2, score=score)
    for b, image in enumerate(case.of(images)):
        close(maps[b], masked_sum(case, image, lambda _, mask: [mask / 2, mask], score))


@pytest.mark.parametrize("score", ["probability", "logit"])
def test_sscam(score: str, case: Case, images: Tensor) -> None:
    """With the noise of each image's own seed, numbered over channels and samples."""
    layer = layer_of(case.network, case.of(images), case.layer)
    maps = map_of("sscam", case.network, case.of(images), case.layer, samples=2, sigma=0.7, score=score)
    for b, image in enumerate(case.of(images)):

        def noisy(k: int, mask: Array, b: int = b) -> list[Array]:
            seeds = [(layer.seeds[b] * 1_000_003 + 2 * k + n) % 2**63 for n in range(2)]
            draws = [torch.randn(case.size, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
            return [mask + 0.7 * array(drawn) for drawn in draws]

        close(maps[b], masked_sum(case, image, noisy, score))


def test_without_noise_or_steps_both_are_scorecam(case: Case, images: Tensor) -> None:
    """Score-CAM as its authors have it: constant channels weigh nothing in any of the three."""
    plain = array(map_of("scorecam", case.network, case.of(images), case.layer, variant="official"))
    close(map_of("iscam", case.network, case.of(images), case.layer, steps=1), plain)
    close(map_of("sscam", case.network, case.of(images), case.layer, samples=1, sigma=0.0), plain)
    more = map_of("sscam", case.network, case.of(images), case.layer, samples=1, sigma=2.0)
    assert not np.allclose(more.numpy(), plain, rtol=1e-2)


def group_masks(case: Case, image: Tensor, groups: int, dropped: float) -> list[Array]:
    activation, gradient = case.seen(image, case.target(image))
    size = math.ceil(len(activation) / min(groups, len(activation)))
    masks = []
    for start in range(0, len(activation), size):
        total = np.zeros(activation.shape[1:])
        for k in range(start, min(start + size, len(activation))):
            total += gradient[k].mean() * activation[k]
        total = np.maximum(total, 0)
        kept = np.where(total > np.quantile(total, dropped), total, 0) if dropped else total
        masks.append(unit(grown(kept, case.size)) if np.ptp(kept) else np.zeros(case.size))
    return masks


@pytest.mark.parametrize(("groups", "dropped"), [(3, 0.7), (32, 0.25), (32, 0.0)])
@pytest.mark.parametrize("rectified", ["sum", "weights"])
def test_groupcam(rectified: str, groups: int, dropped: float, case: Case, images: Tensor) -> None:
    params: dict[str, Any] = {"groups": groups, "dropped": dropped, "rectified": rectified}
    maps = map_of("groupcam", case.network, case.of(images), case.layer, **params)
    for b, image in enumerate(case.of(images)):
        blurred = np.stack([gaussian(channel, 50.0, (25, 25)) for channel in array(image)])
        target, expected = case.target(image), np.zeros(case.size)
        for mask in group_masks(case, image, groups, dropped):
            gain = case.score(mask * array(image) + (1 - mask) * blurred, target) - case.score(blurred, target)
            expected += (max(gain, 0) if rectified == "weights" else gain) * mask
        close(maps[b], np.maximum(expected, 0), rtol=1e-3)


def test_groupcam_of_a_small_image(images: Tensor) -> None:
    """The blur reaches no further than a mirror image does."""
    case = replace(case_of("pooled"), size=(24, 16))
    maps = map_of("groupcam", case.network, case.of(images), case.layer, groups=4, dropped=0.7)
    for b, image in enumerate(case.of(images)):
        blurred = np.stack([gaussian(channel, 50.0, (23, 15)) for channel in array(image)])
        expected, target = np.zeros(case.size), case.target(image)
        for mask in group_masks(case, image, 4, 0.7):
            picture = mask * array(image) + (1 - mask) * blurred
            expected += max(case.score(picture, target) - case.score(blurred, target), 0) * mask
        close(maps[b], np.maximum(expected, 0), rtol=1e-3)


def polycam_stage(case: Case, image: Tensor, activation: Array, name: str) -> Array:
    """One stage's map: masks between the outliers of 0.1 % on each side."""
    target, picture, total = case.target(image), array(image), np.zeros(activation.shape[1:])
    whole = case.score(picture, target)
    for channel in activation:
        low, high = np.quantile(channel, 0.001), np.quantile(channel, 0.999)
        mask = grown(np.clip((channel - low) / max(high, 1e-12), 0, 1), case.size)
        weight = 0.0
        if name != "polycam-":
            weight += case.score(picture * mask, target)
        if name != "polycam+":
            weight += whole - case.score(picture * (1 - mask), target)
        total += max(weight, 0) * channel
    return total


def finer_activations(case: Case, image: Tensor) -> list[Array]:
    """Of the stages before the case's layer, from the one next to it, each behind its ReLU."""
    parts = list(case.network.children())
    firsts = {"relu": [parts[:1]], "features": [list(parts[0].children())[:2]], "layer1": [parts[:3]]}
    firsts["5"] = [parts[:4], parts[:2]]
    with torch.no_grad():
        return [array(nn.Sequential(*first)(image[None])[0]) for first in firsts[case.layer]]


@pytest.mark.parametrize(
    ("network", "name"),
    [*((n, f"polycam{s}") for n in ("pooled", "flat", "deep") for s in ("+", "-", "+-")), ("resnet18", "polycam-")],
)
def test_polycam(network: str, name: str, images: Tensor) -> None:
    """Each finer map over its own mean where the coarser one has a cell, times the coarser one."""
    case = case_of(network)
    maps = map_of(name, case.network, case.of(images), case.layer)
    for b, image in enumerate(case.of(images)):
        expected = polycam_stage(case, image, case.seen(image, case.target(image))[0], name)
        for activation in finer_activations(case, image):
            fine = polycam_stage(case, image, activation, name)
            size, coarse = (fine.shape[0], fine.shape[1]), (expected.shape[0], expected.shape[1])
            expected = fine / np.maximum(grown(grown(fine, coarse), size), 1e-12) * grown(expected, size)
        close(maps[b], expected, rtol=1e-3)


def shares(u: Array) -> Array:
    return np.asarray(np.exp(u) / np.exp(u).sum())


def opticam_loss(network: nn.Module, image: Tensor, target: int, activation: Array, u: Array) -> float:
    mask = unit(grown(np.tensordot(shares(u), activation, 1), (image.shape[1], image.shape[2])))
    with torch.no_grad():
        return -float(network(torch.from_numpy(array(image) * mask)[None])[0, target])


@pytest.mark.parametrize("network", ["pooled", "flat"])
def test_opticam(network: str, images: Tensor) -> None:
    """Adam by its own equations, on central differences in double precision.

    Both maps min-max normalised: the share of a constant channel moves the mask by nothing, and by rounding.
    """
    case = case_of(network)
    maps = map_of("opticam", case.network, case.of(images), case.layer, steps=4, rate=0.2)
    double = copy.deepcopy(case.network).double()
    for b, image in enumerate(case.of(images)):
        target = case.target(image)
        activation = np.maximum(case.seen(image, target)[0], 0)
        u, mean, square = np.full(len(activation), 0.5), np.zeros(len(activation)), np.zeros(len(activation))
        losses = partial(opticam_loss, double, image, target, activation)
        for step in range(1, 5):
            slope = np.array([(losses(u + h) - losses(u - h)) / 2e-5 for h in 1e-5 * np.eye(len(u))])
            mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope**2
            u = u - 0.2 * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
        expected = unit(np.tensordot(shares(u), activation, 1))
        assert np.abs(expected - unit(activation.sum(0))).max() > 0.02, "the start would do as well"
        close(torch.from_numpy(unit(array(maps[b]))), expected, rtol=1e-3)


def fem_by_loops(activation: Array, k: float, variant: str) -> Array:
    expected = np.zeros(activation.shape[1:])
    for channel in activation:
        mean = channel.sum() / channel.size
        least = mean + k * math.sqrt(((channel - mean) ** 2).sum() / channel.size)
        for i, j in np.ndindex(*channel.shape):
            if variant == "paper":
                expected[i, j] += mean if channel[i, j] >= least else 0
            else:
                expected[i, j] += (channel > least).sum() / channel.size * channel[i, j]
    return expected


@pytest.mark.parametrize("k", [0.5, 2.0])
@pytest.mark.parametrize("variant", ["paper", "pytorch-grad-cam"])
def test_fem(variant: str, k: float, case: Case, images: Tensor) -> None:
    maps = map_of("fem", case.network, case.of(images), case.layer, k=k, variant=variant)
    for b, image in enumerate(case.of(images)):
        activation, _ = case.seen(image, case.target(image))
        if case.layer == "relu":  # at its own mean in every cell, but for rounding
            activation = activation[1:]
            maps[b] -= maps[b].min() if variant == "paper" else 0
        close(maps[b], fem_by_loops(activation, k, variant))


def test_fem_against_the_library(case: Case, images: Tensor) -> None:
    """Its own sum, and its map at the image's size."""
    pictures = case.of(images)
    maps = map_of("fem", case.network, pictures, case.layer, variant="pytorch-grad-cam")
    activation = np.stack([case.seen(image, case.target(image))[0] for image in pictures]).astype(np.float32)
    module = case.network.get_submodule(case.layer)
    close(maps, FEM(case.network, [module]).get_cam_image(None, None, None, activation, None, False))
    peer_maps = grad_cam("FEM")(case.network, case.layer, pictures, [case.target(image) for image in pictures])
    for cells, expected in zip(maps, peer_maps, strict=True):
        np.testing.assert_allclose(unit(grown(array(cells), case.size)), unit(array(expected)), atol=1e-5)


@pytest.mark.parametrize(("kernel", "gamma"), [("sigmoid", None), ("sigmoid", 0.02), ("rbf", None), ("rbf", 0.3)])
def test_kpcacam(kernel: str, gamma: float | None, case: Case, images: Tensor) -> None:
    """The kernel pair by pair, centred, and all its eigenvectors; the sign is the mean activation's."""
    maps = map_of("kpcacam", case.network, case.of(images), case.layer, kernel=kernel, gamma=gamma)
    for b, image in enumerate(case.of(images)):
        activation, _ = case.seen(image, case.target(image))
        rows = activation.reshape(len(activation), -1).T
        rows = rows - rows.sum(0) / len(rows)
        scale = 1 / len(activation) if gamma is None else gamma
        pairs = np.zeros((len(rows), len(rows)))
        for i, row in enumerate(rows):
            sigmoid = kernel == "sigmoid"
            pairs[i] = np.tanh(scale * (rows @ row) + 1) if sigmoid else np.exp(-scale * ((rows - row) ** 2).sum(1))
        centre = np.eye(len(rows)) - 1 / len(rows)
        values, vectors = np.linalg.eigh(centre @ pairs @ centre)
        expected = (vectors[:, -1] * math.sqrt(values[-1])).reshape(activation.shape[1:])
        expected *= np.sign((expected * (activation.mean(0) - activation.mean())).sum())
        close(maps[b], expected, rtol=1e-3)


@pytest.mark.parametrize("kernel", ["sigmoid", "rbf"])
def test_kpcacam_against_scikit_learn(kernel: str, case: Case, images: Tensor) -> None:
    """Up to its sign, with the library's own gamma."""
    fitted = pytest.importorskip("sklearn.decomposition").KernelPCA(1, kernel=kernel, eigen_solver="dense")
    maps = map_of("kpcacam", case.network, case.of(images), case.layer, kernel=kernel)
    for component, image in zip(maps, case.of(images), strict=True):
        rows = case.seen(image, case.target(image))[0].reshape(-1, component.numel()).T
        expected = fitted.fit_transform(rows - rows.mean(0))[:, 0].reshape(component.shape)
        close(component, expected * np.sign((expected * array(component)).sum()), rtol=1e-3)


@pytest.mark.parametrize("score", ["probability", "logit"])
def test_rise(score: str, case: Case, images: Tensor) -> None:
    """Cells that do not divide the side, and more masks than are added up at once."""
    pictures, masks = case.of(images), 70 if case.layer != "layer1" else 5
    layer = layer_of(case.network, pictures, case.layer)
    maps = map_of("rise", case.network, pictures, case.layer, masks=masks, cells=5, keep=0.3, score=score)
    grids, shifts = layer.uniform(masks, 5, 5), layer.uniform(masks, 2, stream="shifts")
    cell = [math.ceil(side / 5) for side in case.size]
    for b, image in enumerate(pictures):
        expected = np.zeros(case.size)
        for n in range(masks):
            large = grown(array((grids[b, n] < 0.3).float()), (6 * cell[0], 6 * cell[1]))
            top, left = int(shifts[b, n, 0] * cell[0]), int(shifts[b, n, 1] * cell[1])
            mask = large[top : top + case.size[0], left : left + case.size[1]]
            expected += case.score(array(image) * mask, case.target(image), score) * mask
        close(maps[b], expected / masks / 0.3)


@pytest.mark.parametrize(("window", "stride"), [(16, 8), (20, 15), (70, 3)])
def test_occlusion(window: int, stride: int, case: Case, images: Tensor) -> None:
    """Pixel by pixel the mean fall over the squares that cover it; the last square ends at the image's border."""
    maps = map_of("occlusion", case.network, case.of(images), case.layer, window=window, stride=stride, sign="signed")
    starts = [sorted({min(n, max(side - window, 0)) for n in range(0, side, stride)}) for side in case.size]
    for b, image in enumerate(case.of(images)):
        target = case.target(image)
        whole, falls, covered = case.score(image, target, "logit"), np.zeros(case.size), np.zeros(case.size)
        for top in starts[0]:
            for left in starts[1]:
                without = image.clone()
                without[:, top : top + window, left : left + window] = 0
                falls[top : top + window, left : left + window] += whole - case.score(without, target, "logit")
                covered[top : top + window, left : left + window] += 1
        if window > max(case.size):  # one square, which is the image
            assert maps[b].numpy() == pytest.approx(falls, rel=1e-4)
        else:
            close(maps[b], falls / covered)


@pytest.mark.parametrize(("window", "stride"), [(16, 16), (16, 8)])
def test_occlusion_against_captum(window: int, stride: int, case: Case, images: Tensor) -> None:
    """captum too averages over the squares that cover a pixel, and says so for each colour alike."""
    pictures = case.of(images)
    targets = torch.tensor([case.target(image) for image in pictures])
    shapes = {"sliding_window_shapes": (3, window, window), "strides": (3, stride, stride)}
    with torch.no_grad():
        attributions = array(Occlusion(case.network).attribute(pictures, target=targets, **shapes))[:, 0]
    for sign, expected in (
        ("signed", attributions),
        ("positive", np.maximum(attributions, 0)),
        ("absolute", np.abs(attributions)),
    ):
        maps = map_of("occlusion", case.network, pictures, case.layer, window=window, stride=stride, sign=sign)
        close(maps, expected)
