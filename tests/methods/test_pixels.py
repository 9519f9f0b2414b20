"""Methods that explain in pixels, against captum and against rules written by hand; the traced copy of a network."""

from __future__ import annotations

import warnings
from typing import Any

import captum.attr
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchbench.errors import NotApplicable
from benchbench.network.hookable_copy import exported
from benchbench.network.scorer import Scorer
from benchbench.types import INPUT

from ..helpers import layer_of, map_of
from ..narrow import narrow
from ..networks import Flat, Pooled, Vit, calibrated, seeded


def resnet18() -> nn.Module:
    return calibrated(narrow("resnet18", 9))


def densenet121() -> nn.Module:
    return calibrated(narrow("densenet121", 9))


class Functional(nn.Module):
    """One ReLU module used twice, a functional ReLU, an in-place sum: what rules on modules trip over."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.two, self.three = nn.Conv2d(3, 6, 3, 2, 1), nn.Conv2d(6, 6, 3, 1, 1), nn.Conv2d(6, 6, 3, 1, 1)
        self.relu, self.fc = nn.ReLU(inplace=True), nn.Linear(6, 5)

    def forward(self, images: Tensor) -> Tensor:
        first = self.relu(self.first(images))
        second = F.relu(self.two(first)) + first
        second += 1
        logits: Tensor = self.fc(self.relu(self.three(second)).mean((2, 3)))
        return logits


class Gated(nn.Module):
    """A product of two activations: no rule of captum's covers it."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.two, self.relu, self.fc = nn.Conv2d(3, 6, 3), nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Linear(6, 5)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.fc((self.relu(self.first(images)) * self.two(images)).mean((2, 3)))
        return logits


class Swish(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 6, 3, 2), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.fc = nn.Linear(6, 5)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.layers(images))
        return logits


class Branching(nn.Module):
    """Control flow on values: not to be traced."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 5)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.fc(images.mean((2, 3)))
        return logits * 2 if logits.sum() > 0 else logits


def close(actual: Tensor, expected: Tensor, rtol: float = 1e-4) -> None:
    torch.testing.assert_close(actual, expected, rtol=rtol, atol=1e-5 * float(expected.abs().max()))


def attributed(name: str, network: nn.Module, images: Tensor, **named: Any) -> Tensor:
    """captum's attribution (B, 3, H, W) of the most likely class."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        explainer = getattr(captum.attr, name)(network)
        attributions: Tensor = explainer.attribute(
            images.clone().requires_grad_(), target=network(images).argmax(1), **named
        )
    return attributions.detach()


@pytest.mark.parametrize("build", [Pooled, Flat, Functional, Swish])
def test_gradients_against_captum(build: type[nn.Module], images: Tensor) -> None:
    network = seeded(build)
    saliency = attributed("Saliency", network, images, abs=True)
    close(map_of("saliency", network, images, ""), saliency.amax(1))
    product = attributed("InputXGradient", network, images).sum(1)
    close(map_of("inputxgradient", network, images, "", sign="signed"), product)
    close(map_of("inputxgradient", network, images, ""), product.relu())
    close(map_of("inputxgradient", network, images, "", sign="absolute"), product.abs())
    path = attributed("IntegratedGradients", network, images, n_steps=12, method="riemann_middle").sum(1)
    close(map_of("integratedgradients", network, images, "", steps=12, sign="signed"), path, 1e-3)


def test_integrated_gradients_add_up(images: Tensor) -> None:
    network = seeded(Swish)
    layer = layer_of(network, images, INPUT)
    totals = map_of("integratedgradients", network, images, "", steps=200, sign="signed").sum((1, 2))
    with torch.no_grad():
        change = (network(images) - network(torch.zeros_like(images))).gather(1, layer.targets[:, None])[:, 0]
    torch.testing.assert_close(totals, change, rtol=1e-3, atol=1e-4)


def test_smoothgrad_and_gradientshap(images: Tensor) -> None:
    """Loops with the same draws, by autograd."""
    network = seeded(Swish)
    layer = layer_of(network, images, INPUT)
    noise = layer.normal(3, 3, 64, 64)

    def slope(pictures: Tensor) -> Tensor:
        pictures = pictures.clone().requires_grad_()
        (g,) = torch.autograd.grad(network(pictures).gather(1, layer.targets[:, None]).sum(), pictures)
        return g

    span = torch.stack([image.max() - image.min() for image in images])[:, None, None, None]
    smooth = sum(slope(images + 0.3 * span * noise[:, n]) for n in range(3))
    assert isinstance(smooth, Tensor)
    close(map_of("smoothgrad", network, images, "", samples=3, sigma=0.3), (smooth / 3).abs().amax(1))
    places, total = layer.uniform(3, stream="places"), torch.zeros_like(images)
    for n in range(3):
        noisy = images + 0.2 * noise[:, n]
        total += noisy * slope(noisy * places[:, n].view(-1, 1, 1, 1)) / 3
    close(map_of("gradientshap", network, images, "", samples=3, sigma=0.2, sign="signed"), total.sum(1))


def test_deeplift_against_captum(images: Tensor) -> None:
    network = seeded(Pooled)
    plain = exported(Scorer(network), network, images)
    expected = attributed("DeepLift", plain, images, baselines=torch.zeros_like(images)).sum(1)
    close(map_of("deeplift", network, images, "", sign="signed"), expected)


@pytest.mark.parametrize("build", [Pooled, Functional, resnet18, densenet121])
def test_deeplift_adds_up(build: Any, images: Tensor) -> None:
    """On networks that use a module twice, or functions in place of modules, too."""
    network = seeded(build)
    targets = network(images[:2]).argmax(1)
    totals = map_of("deeplift", network, images[:2], "", targets, sign="signed").sum((1, 2))
    with torch.no_grad():
        change = (network(images[:2]) - network(torch.zeros_like(images[:2]))).gather(1, targets[:, None])[:, 0]
    torch.testing.assert_close(totals, change, rtol=1e-2, atol=1e-2)


def test_guided_backpropagation_by_hand(images: Tensor) -> None:
    """Every ReLU lets through what is positive on both ways, whether it is a module, used twice, or a function."""

    class Guided(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            return x.clamp_min(0)

        @staticmethod
        def backward(ctx: Any, *slopes: Tensor) -> Tensor:
            (x,) = ctx.saved_tensors
            passed: Tensor = slopes[0].clamp_min(0) * (x > 0)
            return passed

    network = seeded(Functional)
    pictures, rule = images.clone().requires_grad_(), Guided.apply
    first = rule(network.first(pictures))
    logits = network.fc(rule(network.three(rule(network.two(first)) + first + 1)).mean((2, 3)))
    targets = network(images).argmax(1)
    (expected,) = torch.autograd.grad(logits.gather(1, targets[:, None]).sum(), pictures)
    close(map_of("guidedbackprop", network, images, ""), expected.abs().amax(1))
    cam = F.interpolate(map_of("gradcam", network, images, "three")[:, None], 64, mode="bilinear")
    close(map_of("guidedgradcam", network, images, "three"), (cam * expected).abs().amax(1))


def test_lrp_of_a_linear_network() -> None:
    """z = sum w x + b: by the epsilon rule pixel i gets w_i x_i of the logit's share without the bias."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 4 * 4, 2))
    images = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    linear = network[1]
    assert isinstance(linear, nn.Linear)
    targets = network(images).argmax(1)
    contribution = (linear.weight[targets].detach().view(2, 3, 4, 4) * images).sum(1)
    close(map_of("lrp", network, images, "", targets, sign="signed"), contribution)


@pytest.mark.parametrize(
    ("name", "build", "message"),
    [
        ("deeplift", Gated, "miss the logits' difference"),
        ("deeplift", Branching, "cannot be traced"),
        ("guidedbackprop", Swish, "defined for ReLU; the network's activation functions: SiLU"),
        ("guidedbackprop", Branching, "cannot be traced"),
        ("lrp", Vit, "no rule"),
    ],
)
def test_where_rules_do_not_apply(name: str, build: Any, message: str, images: Tensor) -> None:
    with pytest.raises(NotApplicable, match=message):
        map_of(name, seeded(build), images, "")


@pytest.mark.parametrize("build", [Pooled, Functional, resnet18, densenet121])
def test_the_traced_copy(build: Any, images: Tensor) -> None:
    """The network's logits, its passes counted, each module called once, no function where a module can stand."""
    network = seeded(build)
    scorer = Scorer(network)
    traced = exported(scorer, network, images)
    assert exported(scorer, network, images) is traced
    with torch.no_grad():
        torch.testing.assert_close(traced(images), network(images), rtol=1e-4, atol=1e-5)
    assert scorer.passes.forwards == len(images)
    assert scorer.passes.backwards == 0
    calls: list[str] = []
    for name, module in traced.named_modules():
        if not list(module.children()):
            module.register_forward_hook(lambda _m, _i, _o, name=name: calls.append(name))
    answers = traced(images.clone().requires_grad_())
    assert len(calls) == len(set(calls))
    assert scorer.passes.backwards == 0, "none is asked yet"
    answers.sum().backward()
    assert scorer.passes.backwards == len(images)
    relus = sum(isinstance(m, nn.ReLU) for m in traced.modules())
    if build is Functional:
        assert relus == 3
    assert all(p.requires_grad for p in network.parameters())


def test_liftcam(images: Tensor) -> None:
    """On a pooled linear head a channel contributes w_k <A_k>; behind more layers it is captum's, and adds up."""
    network = seeded(Pooled)
    layer = layer_of(network, images, "relu")
    weight = network.get_submodule("fc").weight
    assert isinstance(weight, Tensor)
    share = weight[layer.targets].detach() * layer.activation.mean((2, 3))
    expected = torch.einsum("bk,bkhw->bhw", share, layer.activation).relu()
    close(map_of("liftcam", network, images, "relu"), expected)
    behind = layer_of(network, images, "stage1")
    attributions = attributed_behind(behind.behind, behind.activation, behind.targets)
    captum_maps = (attributions.sum((2, 3), keepdim=True) * behind.activation).sum(1).relu()
    close(map_of("liftcam", network, images, "stage1"), captum_maps)
    for build in (Functional, resnet18):
        place = "three" if build is Functional else "layer3"
        assert map_of("liftcam", seeded(build), images, place).any()
    with pytest.raises(NotApplicable, match="other values than the output of 'two'"):
        map_of("liftcam", seeded(Functional), images, "two")


def attributed_behind(network: nn.Module, activation: Tensor, targets: Tensor) -> Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        inputs = activation.clone().requires_grad_()
        attributions: Tensor = captum.attr.DeepLift(network).attribute(inputs, torch.zeros_like(inputs), target=targets)
    return attributions.detach()
