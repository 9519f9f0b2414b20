"""Where a layer's output holds its map; which layers a transformer's are; the network behind tokens."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torchvision.models import SwinTransformer, vit_b_32

from benchbench.capture import capture
from benchbench.errors import BenchError
from benchbench.layers import before, resolve
from benchbench.layout import Layout, Tokens, layout_of, tokens_of, with_grid

from .helpers import layer_of, map_of
from .networks import Pooled, Vit, seeded


def swin() -> nn.Module:
    made: nn.Module = SwinTransformer([4, 4], 24, [2, 2], [2, 4], [2, 2], num_classes=7)
    return made


SIDES, KINDS = st.integers(1, 9), st.sampled_from(["first", "last", "tokens"])


@given(SIDES, SIDES, st.integers(0, 4), st.integers(1, 5), KINDS)
def test_there_and_back(height: int, width: int, prefix: int, channels: int, kind: Any) -> None:
    """The map of an output put back into another output is that map, and nothing else of it has changed."""
    shape = {
        "first": (2, channels, height, width),
        "last": (2, height, width, channels),
        "tokens": (2, prefix + height * width, channels),
    }[kind]
    one, other = torch.randn(shape), torch.randn(shape)
    layout = Layout(kind, height, width, prefix if kind == "tokens" else 0)
    assert layout.map_of(one).shape == (2, channels, height, width)
    put = layout.output_of(layout.map_of(one), other)
    if kind == "tokens":
        assert torch.equal(put[:, prefix:], one[:, prefix:])
        assert torch.equal(put[:, :prefix], other[:, :prefix])
        assert torch.equal(layout.tokens(one[..., 0]), one[:, prefix:, 0].reshape(2, height, width))
    else:
        assert torch.equal(put, one)


@pytest.mark.parametrize(
    ("shape", "size", "expected"),
    [
        ((2, 197, 768), (224, 224), Layout("tokens", 14, 14, 1)),
        ((2, 198, 768), (224, 224), Layout("tokens", 14, 14, 2)),
        ((2, 201, 768), (224, 224), Layout("tokens", 14, 14, 5)),
        ((2, 49, 768), (224, 224), Layout("tokens", 7, 7, 0)),
        ((2, 1 + 6 * 12, 768), (96, 192), Layout("tokens", 6, 12, 1)),
        ((2, 197, 100), (224, 224), None),
        ((2, 7, 768), (224, 224), None),
        ((2, 56, 56, 96), (224, 224), Layout("last", 56, 56)),
        ((2, 96, 56, 56), (224, 224), Layout("first", 56, 56)),
        ((2, 28, 28, 28), (224, 224), Layout("first", 28, 28)),
        ((2, 6, 12, 96), (96, 192), Layout("last", 6, 12)),
        ((2, 768), (224, 224), None),
    ],
)
def test_layouts_that_are_known(shape: tuple[int, ...], size: tuple[int, int], expected: Layout | None) -> None:
    assert layout_of(shape, size, Tokens(frozenset({768}))) == expected


def test_the_layers_of_transformers(images: Tensor) -> None:
    """The last that the logits listen to, one per resolution."""
    assert resolve(seeded(Vit), images, "last") == ["encoder.layers.encoder_layer_1.ln_1"]
    assert resolve(seeded(swin), images, "stages") == ["features.1", "permute"]
    assert before(seeded(swin), images, "permute") == ("features.1", "permute")
    assert before(seeded(Pooled), images, "relu") == ("stage1", "relu")
    assert before(seeded(Pooled), images, "stage1") == ("stage1",)
    big = torch.randn(1, 3, 224, 224)
    network = seeded(lambda: vit_b_32())
    nn.init.normal_(network.get_submodule("heads.head").weight)
    assert resolve(network, big, "last") == ["encoder.layers.encoder_layer_11.ln_1"]


def test_gradcam_on_tokens_by_hand(images: Tensor) -> None:
    network, place = seeded(Vit), "encoder.layers.encoder_layer_1.ln_1"
    kept: list[Tensor] = []
    handle = network.get_submodule(place).register_forward_hook(lambda _m, _i, o: kept.append(o))
    logits = network(images)
    handle.remove()
    (slope,) = torch.autograd.grad(logits.max(1).values.sum(), kept)
    patches, weight = kept[0][:, 1:], slope[:, 1:].mean(1, keepdim=True)
    expected = (patches * weight).sum(2).relu().reshape(6, 8, 8)
    assert expected.any()
    torch.testing.assert_close(map_of("gradcam", network, images, place), expected.detach(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("build", "place"),
    [
        (Vit, "encoder.layers.encoder_layer_1.ln_1"),
        (Vit, "encoder.layers.encoder_layer_0"),
        (Vit, "conv_proj"),
        (swin, "features.1"),
        (swin, "norm"),
    ],
)
def test_the_network_behind_tokens(build: Any, place: str, images: Tensor) -> None:
    """The logits of the activation itself; and of a changed one those of a hook that changes the patches alone."""
    network = seeded(build)
    layer = layer_of(network, images, place)
    torch.testing.assert_close(layer.rest(layer.activation), layer.logits, rtol=1e-4, atol=1e-5)
    channel = 3
    changed = layer.activation.clone()
    changed[:, channel] = 0
    prefix = capture(network, images, [place], lambda z: z.argmax(1)).layouts[place].prefix
    first = capture(network, images, [place], lambda z: z.argmax(1)).layouts[place].kind == "first"

    def silence(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        output = output.clone()
        if first:
            output[:, channel] = 0
        elif prefix:
            output[:, prefix:, channel] = 0
        else:
            output[..., channel] = 0
        return output

    handle = network.get_submodule(place).register_forward_hook(silence)
    expected = network(images)
    handle.remove()
    torch.testing.assert_close(layer.rest(changed), expected, rtol=1e-4, atol=1e-5)
    logit, ablated = (z.gather(1, layer.targets[:, None]) for z in (layer.logits, expected))
    scores = layer.score_changed(_without, layer.activation.shape[1])
    torch.testing.assert_close(scores[:, channel : channel + 1], ablated, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(logit, ablated)


def _without(activation: Tensor, channel: Tensor) -> Tensor:
    activation[torch.arange(len(activation)), channel] = 0
    return activation


def test_several_layouts_in_one_pass(images: Tensor) -> None:
    """All layers together have the gradients of each alone."""
    network = seeded(Vit)
    places = ["conv_proj", "encoder.layers.encoder_layer_0", "encoder.layers.encoder_layer_1.ln_1"]
    together = capture(network, images, places, lambda z: z.argmax(1))
    for place in places:
        alone = capture(network, images, [place], lambda z: z.argmax(1))
        torch.testing.assert_close(together.activations[place], alone.activations[place])
        torch.testing.assert_close(together.gradients[place], alone.gradients[place], rtol=1e-4, atol=1e-7)


class Strips(nn.Module):
    """Patches of 16 x 4 pixels, so that 64 x 64 pixels are 4 x 16 tokens: as many as of 8 x 8 pixels, and not so."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, 8, (16, 4), (16, 4))
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, 5)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.norm(self.embed(images).flatten(2).mT).mean(1))
        return logits


def test_a_grid_given_by_hand_is_believed() -> None:
    network, images = seeded(Strips), torch.rand(2, 3, 64, 64)
    guessed = capture(network, images, ["norm"], lambda z: z.argmax(1))
    assert guessed.layouts["norm"] == Layout("tokens", 8, 8, 0), "64 tokens of a square image"
    told = with_grid(network, (4, 16))
    found = capture(told, images, ["norm"], lambda z: z.argmax(1))
    assert found.layouts["norm"] == Layout("tokens", 4, 16, 0)
    torch.testing.assert_close(found.activations["norm"][:, :, 1, 5], network.norm(network.embed(images)[:, :, 1, 5]))
    assert not hasattr(network, "benchbench_grid"), "the user's network is as it was"
    assert resolve(told, images, "last") == ["norm"]
    assert map_of("gradcam", told, images, "norm").shape == (2, 4, 16)
    assert map_of("shapleycam", told, images, "norm").shape == (2, 4, 16)
    ablated = map_of("ablationcam", told, images, "norm").flatten(1)
    torch.testing.assert_close(ablated, map_of("ablationcam", network, images, "norm").flatten(1))


def test_a_grid_by_hand_leaves_room_for_other_tokens_and_other_layers() -> None:
    tokens = Tokens(frozenset({8}), (4, 16))
    assert layout_of((2, 66, 8), (64, 64), tokens) == Layout("tokens", 4, 16, 2)
    assert layout_of((2, 256, 8), (64, 64), tokens) == Layout("tokens", 16, 16, 0), "another stage tells itself"
    assert layout_of((2, 64, 9), (64, 64), tokens) is None, "not of a token's width"
    assert tokens_of(seeded(Strips)) == Tokens(frozenset({8}), None)


@pytest.mark.parametrize("grid", [(4,), (0, 3), "4x16", (4.0, 16.0), None])
def test_a_grid_that_is_none(grid: Any) -> None:
    with pytest.raises(BenchError, match="rows, columns"):
        with_grid(seeded(Strips), grid)
