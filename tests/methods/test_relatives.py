"""Relatives of Grad-CAM, wrappers of any method and controls, against loops and known equalities."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchbench.errors import BenchError, NotApplicable
from benchbench.registry import METHODS
from benchbench.registry.method_parameter import read_method

from ..helpers import layer_of, map_of, normalised
from ..networks import Flat, Identity, Pooled, seeded


@pytest.fixture(scope="module")
def network() -> nn.Module:
    return seeded(Pooled)


def close(actual: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))


def test_smoothgradcam_plus_plus(images: Tensor) -> None:
    network = seeded(Flat)
    layer = layer_of(network, images[:2], "features")
    maps = map_of("smoothgradcam++", network, images[:2], "features", samples=3, sigma=0.4)
    noise = layer.normal(3, 3, 64, 64)
    for b in range(2):
        g = []
        for n in range(3):
            noisy = layer_of(
                network, images[b : b + 1] + 0.4 * noise[b : b + 1, n], "features", layer.targets[b : b + 1]
            )
            g.append(noisy.gradient[0].double())
        expected = torch.zeros(16, 16, dtype=torch.float64)
        for k, channel in enumerate(layer.activation[b].double()):
            first, second, third = (sum(x[k] ** p for x in g) / 3 for p in (1, 2, 3))
            assert isinstance(first, Tensor)
            below = 2 * second + channel.sum() * third
            alpha = torch.where(below != 0, second / below, torch.zeros(()).double())
            expected += float((alpha * first.relu()).sum()) * channel
        close(maps[b], expected.relu().float())


def test_smoothgradcam_plus_plus_without_noise_is_gradcam_plus_plus(network: nn.Module, images: Tensor) -> None:
    close(
        map_of("smoothgradcam++", network, images, "relu", samples=1, sigma=0),
        map_of("gradcam++", network, images, "relu"),
    )


def test_integratedgradcam(network: nn.Module, images: Tensor) -> None:
    targets = layer_of(network, images, "relu").targets
    steps = [map_of("gradcam", network, images * i / 5, "relu", targets) for i in range(5)]
    close(map_of("integratedgradcam", network, images, "relu", steps=5), torch.stack(steps).mean(0))


def test_finercam_by_hand(network: nn.Module, images: Tensor) -> None:
    """On a pooled head the weight of a channel is w_c - gamma mean(w_d), over the cells."""
    layer = layer_of(network, images, "relu")
    maps = map_of("finercam", network, images, "relu", gamma=0.7, others=2)
    weight = network.get_submodule("fc").weight
    assert isinstance(weight, Tensor)
    for b, logits in enumerate(layer.logits):
        order = sorted(range(7), key=lambda c: abs(float(logits[c] - logits.max())))
        w = (weight[order[0]] - 0.7 * (weight[order[1]] + weight[order[2]]) / 2).detach() / 256
        close(maps[b], torch.einsum("k,khw->hw", w, layer.activation[b]).relu())


def test_finercam_weighted_by_probability(network: nn.Module, images: Tensor) -> None:
    """Against autograd through the score written out."""
    layer = layer_of(network, images, "relu")
    maps = map_of("finercam", network, images, "relu", gamma=1.0, weights="probability")
    fc = network.get_submodule("fc")
    for b in range(len(images)):
        activation = layer.activation[b].clone().requires_grad_()
        logits = fc(activation.mean((1, 2)))
        order = (logits - logits.max()).abs().argsort()
        p = logits.softmax(0)[order[1:4]]
        score = (p * (logits[order[0]] - logits[order[1:4]])).sum() / p.sum()
        (g,) = torch.autograd.grad(score, activation)
        close(maps[b], (g.mean((1, 2), keepdim=True) * layer.activation[b]).sum(0).relu())


def test_finercam_without_rivals_is_the_method(network: nn.Module, images: Tensor) -> None:
    for inner in ("gradcam", "layercam"):
        maps = map_of("finercam", network, images, "relu", gamma=0.0, of=inner)
        close(maps, map_of(inner, network, images, "relu"))


@pytest.mark.parametrize("inner", ["scorecam", "ablationcam", "eigencam", "smoothgradcam++", "shapleycam"])
def test_finercam_of_what_its_score_would_not_reach(inner: str, network: nn.Module, images: Tensor) -> None:
    with pytest.raises(NotApplicable, match="changes what is differentiated"):
        map_of("finercam", network, images, "relu", of=inner)


def test_shapleycam_on_a_quadratic_head(images: Tensor) -> None:
    """y = sum_k c_k (sum A_k)^2: g = 2 c S_k and H A = 2 c S_k, so that half the gradient is left."""
    c = torch.tensor([1.0, -2.0, 0.5])

    def head(features: Tensor) -> Tensor:
        y = (c * features.sum((2, 3)).square()).sum(1)
        return torch.stack([y, torch.zeros_like(y)], 1)

    network, targets = Identity(head), torch.zeros(len(images), dtype=torch.long)
    sums = images.sum((2, 3))
    expected = torch.einsum("bk,bkhw->bhw", c * sums, images).relu()
    close(map_of("shapleycam", network, images, "features", targets), expected)


def test_shapleycam_behind_relus_is_gradcam(images: Tensor) -> None:
    for network, layer in ((seeded(Pooled), "stage1"), (seeded(Flat), "features.1")):
        close(map_of("shapleycam", network, images, layer), map_of("gradcam", network, images, layer))


def test_fem(network: nn.Module, images: Tensor) -> None:
    activation = layer_of(network, images, "relu").activation.numpy()
    for variant in ("paper", "pytorch-grad-cam"):
        maps = map_of("fem", network, images, "relu", k=1.0, variant=variant)
        for b in range(len(images)):
            expected = np.zeros((16, 16))
            for channel in activation[b]:
                over = channel >= channel.mean() + channel.std()
                expected += channel.mean() * over if variant == "paper" else over.mean() * channel
            close(maps[b], torch.from_numpy(expected).float())


@pytest.mark.parametrize(("kernel", "gamma"), [("sigmoid", None), ("rbf", 0.5)])
def test_kpcacam_against_scikit_learn(kernel: str, gamma: float | None, network: nn.Module, images: Tensor) -> None:
    decomposition = pytest.importorskip("sklearn.decomposition")
    activation = layer_of(network, images, "relu").activation
    for b, component in enumerate(map_of("kpcacam", network, images, "relu", kernel=kernel, gamma=gamma)):
        rows = activation[b].flatten(1).T.double().numpy()
        rows = rows - rows.mean(0)
        scale = 1 / 10 if gamma is None else gamma
        expected = decomposition.KernelPCA(1, kernel=kernel, gamma=scale).fit_transform(rows)[:, 0].reshape(16, 16)
        if np.sum((expected - expected.mean()) * activation[b].mean(0).numpy()) < 0:
            expected = -expected
        torch.testing.assert_close(
            component.double(), torch.from_numpy(expected), rtol=1e-3, atol=1e-4 * abs(expected).max()
        )


def grown(maps: Tensor) -> Tensor:
    return normalised(F.interpolate(maps[:, None], 32, mode="bilinear", align_corners=False)[:, 0])


def test_fusion_and_refinecam(network: nn.Module, images: Tensor) -> None:
    """Two stages: 32 x 32 and 16 x 16."""
    fine, coarse = (grown(map_of("layercam", network, images, place)) for place in ("stage1", "relu"))
    close(map_of("fusion", network, images, "relu"), torch.maximum(torch.tanh(2 * fine), coarse))
    close(map_of("fusion", network, images, "relu", shallow=0), torch.maximum(fine, coarse))
    close(map_of("fusion", network, images, "relu", by="mean"), (fine + coarse) / 2)
    close(map_of("fusion", network, images, "relu", by="product"), fine * coarse)
    close(map_of("refinecam", network, images, "relu", of="layercam"), fine * coarse)
    alone = map_of("fusion", network, images, "stage1", of="gradcam")
    close(alone, grown(map_of("gradcam", network, images, "stage1")))


def test_smoothed(network: nn.Module, images: Tensor) -> None:
    close(map_of("smoothed", network, images, "relu", sigma=0), map_of("gradcam", network, images, "relu"))
    layer = layer_of(network, images, "relu")
    noise = layer.normal(2, 3, 64, 64, stream="smoothed")
    span = torch.stack([image.max() - image.min() for image in images])[:, None, None, None]
    maps = [map_of("hirescam", network, images + 0.2 * span * noise[:, n], "relu", layer.targets) for n in range(2)]
    smoothed = map_of("smoothed", network, images, "relu", samples=2, sigma=0.2, of="hirescam")
    close(smoothed, (maps[0] + maps[1]) / 2)


def test_controls(network: nn.Module, images: Tensor) -> None:
    layer = layer_of(network, images, "relu")
    inner = map_of("gradcam", network, images, "relu")
    assert torch.equal(map_of("inverted", network, images, "relu"), -inner)
    assert torch.equal(map_of("uniform", network, images, "relu"), torch.ones_like(inner))
    close(map_of("mean-activation", network, images, "relu"), layer.activation.sum(1) / 10)
    fake = map_of("fakecam", network, images, "relu")
    assert float(fake.sum()) == fake.numel() - len(images)
    assert not fake[:, 0, 0].any()
    assert map_of("oracle", network, images, "relu")[:, :, :32].all()
    assert not map_of("oracle", network, images, "relu")[:, :, 32:].any()
    large = F.interpolate(inner[:, None], 64, mode="bilinear", align_corners=False)[:, 0]
    cells = map_of("coarse", network, images, "relu", cells=8)
    close(cells, large.reshape(6, 8, 8, 8, 8).mean((2, 4)))
    soft = map_of("blurred", network, images, "relu", sigma=0.1)
    rough = (large[:, :, 1:] - large[:, :, :-1]).abs().sum()
    assert float((soft[:, :, 1:] - soft[:, :, :-1]).abs().sum()) < float(rough)
    torch.testing.assert_close(soft.mean(), large.mean(), rtol=0.1, atol=0.0)


def test_sobel_of_a_step() -> None:
    """A step of 1 between columns 3 and 4: 4 on both sides of it, 0 elsewhere."""
    images = torch.zeros(1, 3, 8, 8)
    images[:, :, :, 4:] = 1
    expected = torch.zeros(1, 8, 8)
    expected[:, :, 3:5] = 4
    assert torch.equal(map_of("sobel", seeded(Pooled), images, "relu"), expected)


def test_a_method_in_a_method(network: nn.Module, images: Tensor) -> None:
    """Parameters of the inner one, its needs, its label, and mistakes in it."""
    plugin = METHODS["inverted"]
    bound = plugin.bind({"of": {"name": "smoothed", "samples": "2", "of": "layercam"}})
    assert plugin.label(bound) == "inverted(of=smoothed(of=layercam, samples=2))"
    assert plugin.needs_of(bound) >= {"gradient", "look"}
    assert plugin.label(plugin.bind({"of": "gradcam"})) == "inverted"
    assert read_method("rise").needs == {"input", "scores"}
    with pytest.raises(BenchError, match="unknown method 'gradcm'"):
        plugin.bind({"of": "gradcm"})
    with pytest.raises(BenchError, match="no parameter 'sample'"):
        plugin.bind({"of": {"name": "smoothed", "sample": 2}})
    with pytest.raises(BenchError, match="as a method"):
        plugin.bind({"of": 3})
