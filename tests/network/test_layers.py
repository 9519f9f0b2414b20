"""Layers by name: ``last`` and ``stages`` on torchvision's networks, and wrong names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn

import benchbench as bb
from benchbench.errors import BenchError
from benchbench.network.behind_layer import rest
from benchbench.network.layers import finer_stages, resolve, spatial_layers
from benchbench.tracing.forward import _Follow, _traced

from ..helpers import layer_of
from ..narrow import narrow
from ..networks import Pooled, seeded

STAGES = {
    "resnet18": ["relu", "layer1", "layer2", "layer3", "layer4"],
    "vgg11_bn": ["features.2", "features.6", "features.13", "features.20", "features.27", "features"],
    "mobilenet_v2": ["features.1", "features.3", "features.6", "features.13", "features"],
    "mobilenet_v3_large": ["features.1", "features.3", "features.6", "features.12", "features"],
    "densenet121": [
        "features.relu0",
        "features.denseblock1",
        "features.denseblock2",
        "features.denseblock3",
        "features",
    ],
    "googlenet": ["conv1", "conv3", "inception3b", "inception4e", "inception5b"],
    "squeezenet1_1": ["features.1", "features.4", "features.7", "features"],
    "alexnet": ["features.1", "features.4", "features.11", "features"],
    "convnext_tiny": ["features.1", "features.3", "features.5", "features"],
    "efficientnet_b0": ["features.1", "features.2", "features.3", "features.5", "features"],
    "shufflenet_v2_x1_0": ["conv1", "maxpool", "stage2", "stage3", "conv5"],
    "regnet_y_400mf": [
        "stem",
        "trunk_output.block1",
        "trunk_output.block2",
        "trunk_output.block3",
        "trunk_output",
    ],
    "mnasnet0_5": ["layers.7", "layers.8", "layers.9", "layers.11", "layers"],
}


@pytest.fixture
def plainly_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks get weights of one kind: a truncated normal distribution takes a large network seconds."""
    for draw in ("uniform_", "normal_", "trunc_normal_", "kaiming_uniform_", "kaiming_normal_"):
        monkeypatch.setattr(nn.init, draw, lambda weights, *_, **__: weights.detach().uniform_(-0.05, 0.05))


@pytest.mark.usefixtures("plainly_drawn")
@pytest.mark.parametrize("name", STAGES)
def test_last_and_stages_on_torchvision(name: str) -> None:
    options = {"init_weights": False} if name == "googlenet" else {}
    network = torchvision.models.get_model(name, weights=None, **options)
    image = torch.zeros(1, 3, 128, 128)
    stages = resolve(network, image, "stages")
    assert stages == STAGES[name]
    assert resolve(network, image, "last") == stages[-1:]
    sizes = {layer.name: layer.height for layer in spatial_layers(network, image)}
    heights = [sizes[stage] for stage in stages]
    assert heights == sorted(set(heights), reverse=True), "one stage per resolution, finest first"


def test_named_layers_keep_their_order_and_lose_repeats(images: Tensor) -> None:
    assert resolve(seeded(Pooled), images, ["conv", "stage1", "conv"]) == ["conv", "stage1"]
    assert resolve(seeded(Pooled), images, "conv") == ["conv"]


def test_a_wrong_name_is_answered_with_the_nearest_and_the_valid_ones(images: Tensor) -> None:
    with pytest.raises(BenchError) as caught:
        resolve(seeded(Pooled), images, ["stage2"])
    message = str(caught.value)
    assert "no layer 'stage2'" in message
    assert "Did you mean" in message
    assert "'stage1'" in message
    assert "conv" in message


def test_a_network_without_maps_is_refused() -> None:
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 3))
    with pytest.raises(BenchError, match="no layer of the network returns a spatial map"):
        resolve(network, torch.zeros(1, 3, 2, 2), "last")


def block(before: int, after: int, stride: int = 1) -> nn.Module:
    return nn.Sequential(nn.Conv2d(before, after, 3, stride, 1), nn.BatchNorm2d(after), nn.ReLU())


class Gated(nn.Module):
    """Two stages of 32 and 16 cells; in the last, a pooled branch of 4 cells that weighs or joins the map."""

    def __init__(self, meet: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.stem, self.body = block(3, 8, 2), block(8, 12, 2)
        self.gate = nn.Sequential(nn.AvgPool2d(4), nn.Conv2d(12, 12, 1))
        self.meet, self.fc = meet, nn.Linear(12, 5)

    def forward(self, images: Tensor) -> Tensor:
        features = self.body(self.stem(images))
        weight = nn.functional.interpolate(self.gate(features), size=features.shape[2:])
        logits: Tensor = self.fc(self.meet(features, weight).mean((2, 3)))
        return logits


MEET: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "sigmoid": lambda x, g: x * g.sigmoid(),
    "the gate first": lambda x, g: g.sigmoid() * x,
    "hard sigmoid": lambda x, g: x * nn.functional.hardsigmoid(g),
    "one and tanh": lambda x, g: x * (1 + g.tanh()),
    "not squashed": lambda x, g: x * g,
    "one channel": lambda x, g: x * g.mean(1, keepdim=True).sigmoid(),
    "divided": lambda x, g: x / (1 + g.exp()),
    "context added": lambda x, g: x + g,
    "softmax": lambda x, g: x * g.flatten(2).softmax(2).view_as(g),
}


@pytest.mark.parametrize("name", MEET)
def test_a_branch_that_weighs_or_joins_the_map_is_not_the_last_layer(name: str, images: Tensor) -> None:
    network = seeded(lambda: Gated(MEET[name]))
    assert resolve(network, images[:1], "last") == ["body"]
    assert resolve(network, images[:1], "stages") == ["stem", "body"]


class UNet(nn.Module):
    """Three resolutions down and up, and a linear layer on the mean."""

    def __init__(self, skip: nn.Module | None = None) -> None:
        super().__init__()
        self.enc1, self.enc2, self.bottom = block(3, 6), block(6, 8, 2), block(8, 10, 2)
        self.dec2, self.dec1 = block(18, 8), block(14, 6)
        self.skip, self.fc = skip or nn.Identity(), nn.Linear(6, 5)

    def forward(self, images: Tensor) -> Tensor:
        fine = self.enc1(images)
        middle = self.enc2(fine)
        up = nn.functional.interpolate(self.bottom(middle), scale_factor=2)
        up = nn.functional.interpolate(self.dec2(torch.cat([up, middle], 1)), scale_factor=2)
        logits: Tensor = self.fc(self.dec1(torch.cat([up, self.skip(fine)], 1)).mean((2, 3)))
        return logits


def test_the_stages_of_a_u_net_go_down_and_up(images: Tensor) -> None:
    network = seeded(UNet)
    assert resolve(network, images[:1], "stages") == ["enc1", "enc2", "bottom", "dec2", "dec1"]
    assert resolve(network, images[:1], "last") == ["dec1"]
    assert finer_stages(network, images[:1], "bottom") == ("enc1", "enc2", "bottom")
    assert finer_stages(network, images[:1], "dec2") == ("enc1", "dec2")
    assert finer_stages(network, images[:1], "dec1") == ("dec1",)


class Streams(nn.Module):
    """Two streams; ``head`` makes the features of the logits of them."""

    def __init__(self, head: Callable[[Tensor, Tensor], Tensor], width: int, stem: nn.Module | None = None) -> None:
        super().__init__()
        self.stem = stem or nn.Identity()
        self.left, self.other = block(3, 8, 4), block(3, 8, 4)
        self.head, self.fc = head, nn.Linear(width, 5)

    def forward(self, images: Tensor) -> Tensor:
        images = self.stem(images)
        logits: Tensor = self.fc(self.head(self.left(images), self.other(images)))
        return logits


@pytest.mark.parametrize("stem", [None, nn.Conv2d(3, 3, 1)])
def test_a_way_that_divides_is_refused_with_the_layers_to_choose_from(stem: nn.Module | None, images: Tensor) -> None:
    apart = seeded(lambda: Streams(lambda a, b: torch.cat([a.mean((2, 3)), b.mean((2, 3))], 1), 16, stem))
    for word in ("last", "stages"):
        with pytest.raises(BenchError, match=r"the path to the logits splits.*left, other"):
            resolve(apart, images[:1], word)
    assert resolve(apart, images[:1], "other") == ["other"]


class Scales(nn.Module):
    """A head that reads every stage."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.two, self.three = block(3, 4, 2), block(4, 6, 2), block(6, 8, 2)
        self.fc = nn.Linear(18, 5)

    def forward(self, images: Tensor) -> Tensor:
        first = self.first(images)
        second = self.two(first)
        logits: Tensor = self.fc(torch.cat([x.mean((2, 3)) for x in (first, second, self.three(second))], 1))
        return logits


def test_a_head_that_reads_every_stage(images: Tensor) -> None:
    network = seeded(Scales)
    assert resolve(network, images[:1], "stages") == ["first", "two", "three"]
    assert resolve(network, images[:1], "last") == ["three"]


class Residual(nn.Module):
    """A residual branch at the top level of the network: the sum is no module's output."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.branch, self.fc = block(3, 8, 4), block(8, 8), nn.Linear(8, 5)

    def forward(self, images: Tensor) -> Tensor:
        features = self.stem(images)
        logits: Tensor = self.fc((features + self.branch(features)).mean((2, 3)))
        return logits


THROUGH: dict[str, Callable[[], nn.Module]] = {
    **{name: lambda name=name: Gated(MEET[name]) for name in MEET},  # type: ignore[misc]
    "u-net": UNet,
    "residual": Residual,
    "resnet18": lambda: narrow("resnet18", 5),
    "densenet": lambda: torchvision.models.DenseNet(4, (2, 2), 8, num_classes=5),
    "squeezed": lambda: narrow("mobilenet_v3_small", 5),
    "shuffled": lambda: narrow("shufflenet_v2_x0_5", 5),
    "swin": lambda: torchvision.models.SwinTransformer([4, 4], 24, [2, 2], [2, 4], [2, 2], num_classes=5),
}


@pytest.mark.parametrize("name", THROUGH)
def test_everything_passes_through_the_last_layer(name: str, images: Tensor) -> None:
    """With another image's map at the last layer, the logits are the other image's: nothing goes around it."""
    network, pictures = seeded(THROUGH[name]).double(), images[:2].double()
    (place,) = resolve(network, pictures[:1], "last")
    layer = layer_of(network, pictures, place)
    swapped = rest(network, pictures, place, layer.activation.flip(0))
    apart = float((layer.logits[0] - layer.logits[1]).abs().max())
    assert apart > 0
    torch.testing.assert_close(swapped, layer.logits.flip(0), rtol=0, atol=1e-3 * apart)


@pytest.mark.parametrize("name", THROUGH)
def test_every_operation_of_common_networks_is_followed(name: str, images: Tensor) -> None:
    """No rule fails inside: else ``traced`` would go on without the operations, and the shapes be asked."""
    network = seeded(THROUGH[name])
    trace = _traced(network, images[:1], _Follow())
    assert trace.way is not None
    unknown = [o.name for o in trace.outputs if o.axes is None and len(o.shape) == 4]
    assert not unknown


class Registers(nn.Module):
    """A class token and four registers in front of 4 x 4 patches; the logits are the class token's."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.block = nn.Conv2d(3, 16, 16, 16), Block()
        self.norm, self.head = nn.LayerNorm(16), nn.Linear(16, 5)
        self.more = nn.Parameter(torch.ones(1, 5, 16))

    def forward(self, images: Tensor) -> Tensor:
        tokens = self.embed(images).flatten(2).mT
        tokens = self.block(torch.cat([self.more.expand(len(tokens), -1, -1), tokens], 1))
        logits: Tensor = self.head(self.norm(tokens)[:, 0])
        return logits


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm, self.attention = nn.LayerNorm(16), nn.MultiheadAttention(16, 2, batch_first=True)

    def forward(self, tokens: Tensor) -> Tensor:
        normed = self.norm(tokens)
        mixed: Tensor = tokens + self.attention(normed, normed, normed, need_weights=False)[0]
        return mixed


def test_the_last_layer_behind_many_tokens_and_few_patches(images: Tensor) -> None:
    network = seeded(Registers)
    assert resolve(network, images[:1], "last") == ["block.norm"]
    assert layer_of(network, images[:1], "block.norm").activation.shape == (1, 16, 4, 4)


class Fourier(nn.Module):
    """Where operations are unknown and the shape is ambiguous, behind a convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.show, self.fc = nn.Conv2d(3, 16, 4, 4), nn.Identity(), nn.Linear(16, 5)

    def forward(self, images: Tensor) -> Tensor:
        features = self.show(torch.fft.ifft2(torch.fft.fft2(self.conv(images))).real)
        logits: Tensor = self.fc(features.mean((2, 3)))
        return logits


def test_an_earlier_layer_does_not_stand_in_for_one_that_is_unclear(images: Tensor) -> None:
    network = seeded(Fourier)
    with pytest.raises(BenchError, match=r"'show'.*the last layer cannot be found.*with_layout"):
        resolve(network, images[:1], "last")
    assert resolve(bb.with_layout(network, {"show": "first"}), images[:1], "last") == ["show"]


def test_a_residual_branch_at_the_top_is_not_the_last_layer(images: Tensor) -> None:
    assert resolve(seeded(Residual), images[:1], "last") == ["stem"]


class Beside(nn.Module):
    """Logits of the class token, and of the best of the patches' own, as in VOLO."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.norm = nn.Conv2d(3, 16, 16, 16), nn.LayerNorm(16)
        self.head, self.beside = nn.Linear(16, 5), nn.Linear(16, 5)

    def forward(self, images: Tensor) -> Tensor:
        tokens = self.norm(self.embed(images).flatten(2).mT)
        logits: Tensor = self.head(tokens.mean(1)) + self.beside(tokens).amax(1) / 2
        return logits


def test_a_second_head_on_the_same_tokens_is_not_the_last_layer(images: Tensor) -> None:
    assert resolve(seeded(Beside), images[:1], "last") == ["norm"]


class Words(nn.Module):
    """Modules that are called as the words are."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.Sequential(block(3, 4, 2), block(4, 6, 2))
        self.last, self.fc = block(6, 8, 2), nn.Linear(8, 5)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.last(self.stages(images)).mean((2, 3)))
        return logits


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("stages", ["stages.0", "stages", "last"]),
        (["stages"], ["stages.0", "stages", "last"]),
        ("last", ["last"]),
        ("module:stages", ["stages"]),
        (["module:last", "module:stages", "stages.0"], ["last", "stages", "stages.0"]),
    ],
)
def test_a_module_that_is_called_like_a_word(wanted: Any, expected: list[str], images: Tensor) -> None:
    assert resolve(seeded(Words), images[:1], wanted) == expected


def test_a_wrong_name_behind_module(images: Tensor) -> None:
    with pytest.raises(BenchError, match="no layer 'stages'"):
        resolve(seeded(Pooled), images[:1], "module:stages")


def test_pooling_to_a_fixed_size_belongs_to_the_head(images: Tensor) -> None:
    network = narrow("vgg11", 5)
    assert resolve(network, images[:1], "last") == ["features"], "2 x 2 cells, which are then pooled to 7 x 7"
