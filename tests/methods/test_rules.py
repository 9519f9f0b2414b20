"""Rules on modules: epsilon-LRP written out, modules for functions, one copy for all methods, where none applies."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from pytorch_grad_cam import FinerCAM
from torch import Tensor, nn
from torch.nn import functional as F

from benchbench.attribution.layer_services import capture_batch
from benchbench.attribution.method_call import run_method
from benchbench.errors import NotApplicable
from benchbench.maps.normalise import minmax, saliency
from benchbench.network.scorer import Scorer
from benchbench.registry import METHODS
from benchbench.types import INPUT

from ..helpers import map_of
from ..networks import Pooled, Vit, seeded

RULES = ("deeplift", "guidedbackprop", "lrp")


class Plain(nn.Module):
    """Convolutions, ReLUs and a linear layer; the ReLUs as modules, or as functions of any spelling."""

    def __init__(self, functions: bool = False) -> None:
        super().__init__()
        self.conv, self.two, self.fc = nn.Conv2d(3, 5, 3, 2), nn.Conv2d(5, 6, 3, 2), nn.Linear(6, 4)
        self.first, self.second = nn.ReLU(), nn.ReLU(inplace=True)
        self.pool, self.functions = nn.AdaptiveAvgPool2d(1), functions

    def forward(self, images: Tensor) -> Tensor:
        if self.functions:
            seen = self.two(torch.relu_(self.conv(images))).relu()
        else:
            seen = self.second(self.two(self.first(self.conv(images))))
        logits: Tensor = self.fc(self.pool(seen).flatten(1))
        return logits


class Bent(nn.Module):
    """One convolution behind another, and an activation function between them."""

    def __init__(self, activation: nn.Module) -> None:
        super().__init__()
        self.conv, self.activation, self.two = nn.Conv2d(3, 4, 3, 2), activation, nn.Conv2d(4, 5, 3, 2)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.two(self.activation(self.conv(images))).mean((2, 3))
        return logits


def test_lrp_by_its_equation(images: Tensor) -> None:
    """R_i = x_i sum_j w_ij R_j / (z_j + epsilon sign z_j), from the logit down; a ReLU hands its relevance on."""
    network = seeded(Plain)
    x0 = images.double()
    wide = copy.deepcopy(network).double()
    z1 = wide.conv(x0)
    z2 = wide.two(z1.clamp_min(0))
    x3 = z2.clamp_min(0).mean((2, 3))
    z3 = wide.fc(x3)

    def shared(relevance: Tensor, z: Tensor) -> Tensor:
        return relevance / (z + 1e-9 * torch.where(z >= 0, 1.0, -1.0))

    relevance = torch.where(z3 == z3.max(1, keepdim=True).values, z3, 0)
    relevance = x3 * (shared(relevance, z3) @ wide.fc.weight)
    cells = z2.shape[2] * z2.shape[3]
    relevance = z2.clamp_min(0) / cells * shared(relevance, x3)[:, :, None, None]
    inside = F.conv_transpose2d(shared(relevance, z2), wide.two.weight, stride=2)
    relevance = z1.clamp_min(0) * F.pad(inside, (0, z1.shape[3] - inside.shape[3], 0, z1.shape[2] - inside.shape[2]))
    back = F.conv_transpose2d(shared(relevance, z1), wide.conv.weight, stride=2)
    expected = (x0 * F.pad(back, (0, 64 - back.shape[3], 0, 64 - back.shape[2]))).sum(1).detach().float()
    maps = map_of("lrp", network, images, "", sign="signed")
    assert expected.abs().max() > 0
    torch.testing.assert_close(maps, expected, rtol=1e-3, atol=1e-5 * float(expected.abs().max()))


@pytest.mark.parametrize("name", RULES)
def test_functions_are_as_good_as_modules(name: str, images: Tensor) -> None:
    network, written = seeded(Plain), seeded(lambda: Plain(functions=True))
    expected = map_of(name, network, images, "")
    assert expected.any()
    torch.testing.assert_close(map_of(name, written, images, ""), expected)


def test_one_copy_serves_all(images: Tensor) -> None:
    """Each method's map is what it is alone, whatever ran before; the network itself has not been touched."""
    network = seeded(Pooled)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    batch = capture_batch(network, Scorer(network), images, [INPUT], lambda z: z.argmax(1), gradient=False)
    layer = batch.layer(INPUT, (0,) * len(images))
    alone = {name: map_of(name, network, images, "") for name in RULES}
    for name in (*RULES, *reversed(RULES)):
        torch.testing.assert_close(run_method(METHODS[name], layer, {}), alone[name])
    traced = layer.network
    assert traced is not network
    assert {p.dtype for p in traced.parameters()} == {torch.float32}
    for module in network.modules():
        assert not any((module._forward_hooks, module._forward_pre_hooks, module._backward_hooks))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert all(module.inplace for module in network.modules() if isinstance(module, nn.ReLU))


def test_one_that_gives_up_leaves_nothing_on_the_copy(images: Tensor) -> None:
    """The reason is the same the second time, and whoever comes next finds no hook but the one that counts passes."""
    network = seeded(Vit)
    batch = capture_batch(network, Scorer(network), images, [INPUT], lambda z: z.argmax(1), gradient=False)
    layer = batch.layer(INPUT, (0,) * len(images))
    reasons = []
    for name in ("lrp", "deeplift", "lrp"):
        with pytest.raises(NotApplicable) as why:
            run_method(METHODS[name], layer, {})
        reasons.append(str(why.value))
        hooks = [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in layer.network.modules()]
        assert (hooks[0], sum(hooks)) == (1, 1)
    assert reasons[0] == reasons[2]


def test_passes_of_the_copy_are_counted(images: Tensor) -> None:
    """Guided backpropagation is one forward and one backward; the copy's proof is the engine's own."""
    network = seeded(Plain)
    scorer = Scorer(network)
    layer = capture_batch(network, scorer, images, [INPUT], lambda z: z.argmax(1), gradient=False).layer(
        INPUT, (0,) * 6
    )
    run_method(METHODS["guidedbackprop"], layer, {})
    assert (scorer.passes.forwards, scorer.passes.backwards) == (12, 6)
    run_method(METHODS["guidedbackprop"], layer, {})
    assert (scorer.passes.forwards, scorer.passes.backwards) == (18, 12)


@pytest.mark.parametrize(
    ("name", "activation", "message"),
    [
        ("deeplift", nn.SiLU(), "miss the logits' difference"),
        ("deeplift", nn.GELU(), "miss the logits' difference"),
        ("guidedbackprop", nn.GELU(), "defined for ReLU; the network's activation functions: GELU"),
        ("guidedbackprop", nn.Identity(), "activation functions: none"),
        ("lrp", nn.SiLU(), "no rule for this network"),
    ],
)
def test_activation_functions_without_a_rule(name: str, activation: nn.Module, message: str, images: Tensor) -> None:
    with pytest.raises(NotApplicable, match=message):
        map_of(name, seeded(lambda: Bent(activation)), images * 3, "")


@pytest.mark.parametrize("activation", [nn.ReLU(), nn.Tanh(), nn.Sigmoid(), nn.ELU(), nn.LeakyReLU(0.2)])
def test_deeplift_s_rescale_rule_by_hand(activation: nn.Module, images: Tensor) -> None:
    """The multiplier of an activation function is its change by its input's change, from the zero image's."""
    network: Any = seeded(lambda: Bent(activation))
    with torch.no_grad():
        here, there = network.conv(images), network.conv(torch.zeros_like(images))
        multiplier = (network.activation(here) - network.activation(there)) / (here - there)
        targets = network(images).argmax(1)
    pictures = images.clone().requires_grad_()
    linear = network.two(network.conv(pictures) * multiplier).mean((2, 3)).gather(1, targets[:, None]).sum()
    (slope,) = torch.autograd.grad(linear, pictures)
    expected = (images * slope).sum(1)
    maps = map_of("deeplift", network, images, "", sign="signed")
    torch.testing.assert_close(maps, expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))


def test_no_second_derivative_is_not_applicable(images: Tensor) -> None:
    with pytest.raises(NotApplicable, match="second derivative that torch lacks"):
        map_of("shapleycam", seeded(lambda: Bent(nn.Hardsigmoid())), images, "conv")


def test_finercam_is_pytorch_grad_cam_s(images: Tensor) -> None:
    """Its gamma is 1, its rivals are weighed by their probability."""
    network = seeded(Pooled)
    maps = map_of("finercam", network, images, "conv", gamma=1.0, weights="probability")
    plain = copy.deepcopy(network)
    for module in plain.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    with FinerCAM(plain, [plain.conv]) as extractor:
        expected = torch.from_numpy(extractor(input_tensor=images))
    finercam, gradcam = (saliency(m, (64, 64)) for m in (maps, map_of("gradcam", network, images, "conv")))
    assert (finercam - gradcam).abs().max() > 0.05
    torch.testing.assert_close(finercam, minmax(expected), rtol=0, atol=1e-4)
