"""Where a layer's output holds its map; which layers a transformer's are; the network behind tokens."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torchvision.models import SwinTransformer, VisionTransformer

import benchbench as bb
from benchbench.attribution.layer_services import capture_batch
from benchbench.errors import BenchError, NotApplicable
from benchbench.network.attention import attentions
from benchbench.network.behind_layer import cut
from benchbench.network.capture import capture
from benchbench.network.fast_copy import prepare
from benchbench.network.layers import finer_stages, resolve
from benchbench.network.scorer import Scorer
from benchbench.tracing.find_layout import Tokens, layout_of, tokens_of, with_grid, with_layout
from benchbench.types.token_grid import Layout

from ..helpers import layer_of, map_of
from ..networks import Pooled, Vit, seeded


def swin() -> nn.Module:
    network: nn.Module = SwinTransformer([4, 4], 24, [2, 2], [2, 4], [2, 2], num_classes=7)
    return network


SIDES, KINDS = st.integers(1, 9), st.sampled_from(["first", "last", "tokens"])


@given(SIDES, SIDES, st.integers(0, 4), st.integers(1, 5), KINDS)
def test_there_and_back(height: int, width: int, prefix: int, channels: int, kind: Any) -> None:
    """The map of an output put back into another output is that map, and nothing else of it has changed."""
    shape = {
        "first": (2, channels, height, width),
        "last": (2, height, width, channels),
        "tokens": (2, prefix + height * width, channels),
    }[kind]
    output, other = torch.randn(shape), torch.randn(shape)
    layout = Layout(kind, height, width, prefix if kind == "tokens" else 0)
    assert layout.map_of(output).shape == (2, channels, height, width)
    restored = layout.output_of(layout.map_of(output), other)
    if kind == "tokens":
        assert torch.equal(restored[:, prefix:], output[:, prefix:])
        assert torch.equal(restored[:, :prefix], other[:, :prefix])
        assert torch.equal(layout.tokens(output[..., 0]), output[:, prefix:, 0].reshape(2, height, width))
    else:
        assert torch.equal(restored, output)


@pytest.mark.parametrize(
    ("shape", "size", "expected"),
    [
        ((2, 197, 768), (224, 224), Layout("tokens", 14, 14, 1)),
        ((2, 198, 768), (224, 224), Layout("tokens", 14, 14, 2)),
        ((2, 201, 768), (224, 224), Layout("tokens", 14, 14, 5)),
        ((2, 49, 768), (224, 224), Layout("tokens", 7, 7, 0)),
        ((2, 1 + 6 * 12, 768), (96, 192), Layout("tokens", 6, 12, 1)),
        ((2, 197, 100), (224, 224), None),
        ((2, 56, 56, 96), (224, 224), Layout("last", 56, 56)),
        ((2, 96, 56, 56), (224, 224), Layout("first", 56, 56)),
        ((2, 6, 12, 96), (96, 192), Layout("last", 6, 12)),
        ((2, 768), (224, 224), None),
    ],
)
def test_layouts_that_are_known(shape: tuple[int, ...], size: tuple[int, int], expected: Layout | None) -> None:
    assert layout_of(shape, size, Tokens(frozenset({768}))) == expected


@pytest.mark.parametrize(
    ("shape", "size", "message"),
    [
        ((2, 28, 28, 28), (224, 224), "with_layout"),
        ((2, 64, 100, 16), (224, 224), "with_layout"),
        ((2, 7, 768), (224, 224), "with_grid"),
        ((2, 17, 768), (64, 64), "with_grid"),
    ],
)
def test_a_shape_that_tells_nothing_is_refused(shape: tuple[int, ...], size: tuple[int, int], message: str) -> None:
    """Of 17 tokens, 16 may be patches, or 9 behind 8 others."""
    with pytest.raises(NotApplicable, match=message):
        layout_of(shape, size, Tokens(frozenset({768})))


@pytest.mark.parametrize("shape", [(2, 64, 64, 16), (2, 28, 28, 28)])
def test_a_module_of_a_known_kind_tells_whatever_the_shape(shape: tuple[int, ...]) -> None:
    first, last = Layout("first", shape[2], shape[3]), Layout("last", shape[1], shape[2])
    for module in (
        nn.Conv2d(3, 4, 1),
        nn.BatchNorm2d(4),
        nn.MaxPool2d(2),
        nn.GroupNorm(2, 4),
        nn.ConvTranspose2d(3, 4, 1),
    ):
        assert layout_of(shape, (64, 64), Tokens(frozenset()), module) == first
    for other in (nn.LayerNorm(4), nn.Linear(4, 4)):
        assert layout_of(shape, (64, 64), Tokens(frozenset({28})), other) == last


def test_the_layers_of_transformers(images: Tensor) -> None:
    """The last that the logits listen to, one per resolution."""
    assert resolve(seeded(Vit), images, "last") == ["encoder.layers.encoder_layer_1.ln_1"]
    assert resolve(seeded(swin), images, "stages") == ["features.1", "permute"]
    assert finer_stages(seeded(swin), images, "permute") == ("features.1", "permute")
    assert finer_stages(seeded(Pooled), images, "relu") == ("stage1", "relu")
    assert finer_stages(seeded(Pooled), images, "stage1") == ("stage1",)
    network = seeded(lambda: VisionTransformer(64, 32, num_layers=12, num_heads=2, hidden_dim=16, mlp_dim=32))
    nn.init.normal_(network.get_submodule("heads.head").weight)
    assert resolve(network, images[:1], "last") == ["encoder.layers.encoder_layer_11.ln_1"]


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


def test_the_operations_tell_the_grid_of_strips() -> None:
    network, images = seeded(Strips), torch.rand(2, 3, 64, 64)
    captured = capture(network, images, ["norm"], lambda z: z.argmax(1))
    assert captured.layouts["norm"] == Layout("tokens", 4, 16, 0), "64 tokens, which might be 8 x 8"
    torch.testing.assert_close(
        captured.activations["norm"][:, :, 1, 5], network.norm(network.embed(images)[:, :, 1, 5])
    )
    assert resolve(network, images, "last") == ["norm"]
    assert map_of("shapleycam", network, images, "norm").shape == (2, 4, 16)


class Hidden(Strips):
    """The same behind an operation that nothing is known about."""

    def forward(self, images: Tensor) -> Tensor:
        tokens = torch.fft.ifft(torch.fft.fft(self.embed(images).flatten(2).mT)).real
        logits: Tensor = self.head(self.norm(tokens).mean(1))
        return logits


def test_a_grid_given_by_hand_is_believed_where_the_operations_do_not_tell() -> None:
    network, images = seeded(Hidden), torch.rand(2, 3, 64, 64)
    assert capture(network, images, ["norm"], lambda z: z.argmax(1)).layouts["norm"] == Layout("tokens", 8, 8, 0)
    expected = network.norm(network.embed(images)[:, :, 1, 5])
    for described in (with_grid(network, (4, 16)), with_layout(network, {"norm": (4, 16)})):
        captured = capture(described, images, ["norm"], lambda z: z.argmax(1))
        assert captured.layouts["norm"] == Layout("tokens", 4, 16, 0)
        torch.testing.assert_close(captured.activations["norm"][:, :, 1, 5], expected, rtol=1e-3, atol=1e-4)
        assert resolve(described, images, "last") == ["norm"]
        assert map_of("gradcam", described, images, "norm").shape == (2, 4, 16)
        ablated = map_of("ablationcam", described, images, "norm").flatten(1)
        torch.testing.assert_close(ablated, map_of("ablationcam", network, images, "norm").flatten(1))
    for name in ("benchbench_grid", "benchbench_layouts"):
        assert not hasattr(network, name), "the user's network is as it was"


def test_a_grid_that_contradicts_the_operations_is_refused() -> None:
    network, images = with_grid(seeded(Strips), (8, 8)), torch.rand(2, 3, 64, 64)
    with pytest.raises(NotApplicable, match="lie in 4 x 16 cells"):
        capture(network, images, ["norm"], lambda z: z.argmax(1))
    meant = with_layout(network, {"norm": (8, 8)})
    assert capture(meant, images, ["norm"], lambda z: z.argmax(1)).layouts["norm"] == Layout("tokens", 8, 8, 0)


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


@pytest.mark.parametrize(
    ("layouts", "message"),
    [
        ({"nrm": "last"}, "no layer 'nrm'.*'norm'"),
        ({"norm": "middle"}, "'middle'.*Give 'first'"),
        ({"norm": (4,)}, "Give 'first'"),
        ({"norm": (0, 4)}, "Give 'first'"),
    ],
)
def test_a_layout_that_is_none(layouts: Any, message: str) -> None:
    with pytest.raises(BenchError, match=message):
        with_layout(seeded(Strips), layouts)


@pytest.mark.parametrize("layout", ["first", "last", (9, 16)])
def test_a_layout_that_an_output_cannot_have(layout: Any) -> None:
    with pytest.raises(BenchError, match=r"its output is \(1, 64, 8\)"):
        capture(
            with_layout(seeded(Strips), {"norm": layout}), torch.rand(2, 3, 64, 64), ["norm"], lambda z: z.argmax(1)
        )


class Uneven(nn.Module):
    """A convolution, what ``between`` makes of it, ReLU, the mean over space and a linear layer."""

    def __init__(self, convolution: nn.Module, *between: nn.Module, turn: bool = False) -> None:
        super().__init__()
        self.conv, self.between, self.relu = convolution, nn.Sequential(*between), nn.ReLU()
        self.fc, self.turn = nn.LazyLinear(5), turn

    def forward(self, images: Tensor) -> Tensor:
        images = images.mT if self.turn else images
        logits: Tensor = self.fc(self.relu(self.between(self.conv(images))).mean((2, 3)))
        return logits


UNEVEN: dict[str, Any] = {
    "columns by 4": lambda: Uneven(nn.Conv2d(3, 64, 3, stride=(1, 4), padding=1)),
    "rows by 4": lambda: Uneven(nn.Conv2d(3, 16, 3, stride=(4, 1), padding=1)),
    "turned": lambda: Uneven(nn.Conv2d(3, 64, 3, stride=(1, 4), padding=1), turn=True),
    "as many channels as cells": lambda: Uneven(nn.Conv2d(3, 64, 3, padding=1)),
    "pooled rows": lambda: Uneven(nn.Conv2d(3, 16, 3, padding=1), nn.MaxPool2d((4, 1))),
    "pooled columns": lambda: Uneven(nn.Conv2d(3, 64, 3, padding=1), nn.BatchNorm2d(64), nn.AvgPool2d((1, 8))),
    "all rows at once": lambda: Uneven(nn.Conv2d(3, 64, (64, 1))),
    "drawn apart": lambda: Uneven(nn.Conv2d(3, 8, 4, 4), nn.ConvTranspose2d(8, 64, (4, 1), (4, 1)), nn.GroupNorm(2, 64)),  # noqa: E501
}  # fmt: skip


@pytest.mark.parametrize("layer", ["relu", "last", "between"])
@pytest.mark.parametrize("name", UNEVEN)
def test_maps_of_uneven_networks_by_hand(name: str, layer: str, images: Tensor) -> None:
    """HiResCAM in its closed form, sum_k w_k A_k / cells, of networks that shorten one side of the image alone."""

    def build() -> Any:
        uneven = UNEVEN[name]()
        uneven(torch.zeros(1, 3, 64, 64))
        return uneven

    network: Any = seeded(build)
    pictures, targets = images[:3], torch.tensor([1, 4, 0])
    with torch.no_grad():
        before = network.between(network.conv(pictures.mT if network.turn else pictures))
        weight = network.fc.weight[targets][:, :, None, None] / before[0, 0].numel()
        expected = (weight * (before.relu() if layer != "between" else before * (before > 0))).sum(1).relu()
    expected = expected.mT if network.turn else expected
    place = resolve(network, pictures[:1], layer)[-1]
    assert place == ("relu" if layer == "last" else layer)
    maps = map_of("hirescam", network, pictures, place, targets)
    assert expected.flatten(1).any(1).all()
    torch.testing.assert_close(maps, expected, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(map_of("hirescam", network, pictures[:1], place, targets[:1])[0], maps[0])
    layer_at = layer_of(network, pictures, place, targets)
    torch.testing.assert_close(layer_at.rest(layer_at.activation), layer_at.logits, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["columns by 4", "turned", "pooled columns"])
def test_explain_and_the_prepared_copy_read_uneven_networks_alike(name: str, images: Tensor) -> None:
    def build() -> Any:
        uneven = UNEVEN[name]()
        uneven(torch.zeros(1, 3, 64, 64))
        return uneven

    network = seeded(build)
    copied = prepare(network, images[:2])
    assert copied.used
    plain = capture_batch(network, Scorer(network), images[:2], ["relu"], lambda z: z.argmax(1), gradient=True)
    scorer = Scorer(copied.network, 4, True, proven=frozenset({"relu"}))
    fast = capture_batch(network, scorer, images[:2], ["relu"], lambda z: z.argmax(1), gradient=True)
    assert fast.captured.layouts == plain.captured.layouts
    torch.testing.assert_close(
        fast.captured.activations["relu"], plain.captured.activations["relu"], rtol=1e-3, atol=1e-4
    )
    behind = cut(network, "relu", images[:2], plain.captured.activations["relu"], plain.captured.logits,
                 plain.captured.layouts["relu"])  # fmt: skip
    assert behind is not None
    with torch.no_grad():
        logits = behind.logits(plain.captured.activations["relu"], images[:2], torch.tensor([0, 1]), ())
    torch.testing.assert_close(logits, plain.captured.logits)


class Columns(nn.Module):
    """Tokens of strips: 16 of 64 x 4 pixels, behind a class token; or 4 x 16 in column-major order."""

    def __init__(self, patch: tuple[int, int], *, turned: bool = False, classes: int = 1) -> None:
        super().__init__()
        self.embed, self.turned, self.count = nn.Conv2d(3, 24, patch, patch), turned, classes
        self.block = nn.TransformerEncoderLayer(24, 2, 24, 0.0, batch_first=True)
        self.norm, self.head = nn.LayerNorm(24), nn.Linear(24, 5)

    def forward(self, images: Tensor) -> Tensor:
        patches = self.embed(images)
        tokens = (patches.mT if self.turned else patches).flatten(2).mT
        tokens = torch.cat([tokens.new_ones(len(tokens), self.count, 24), tokens], 1)
        logits: Tensor = self.head(self.norm(self.block(tokens)).mean(1))
        return logits


@pytest.mark.parametrize(("patch", "turned"), [((64, 4), False), ((4, 64), False), ((16, 4), True), ((4, 16), True)])
def test_gradcam_on_tokens_of_strips_by_hand(patch: tuple[int, int], turned: bool, images: Tensor) -> None:
    network, pictures = seeded(lambda: Columns(patch, turned=turned)), images[:2]
    kept: list[Tensor] = []
    handle = network.norm.register_forward_hook(lambda _m, _i, o: kept.append(o))
    score = network(pictures).max(1).values.sum()
    handle.remove()
    (slope,) = torch.autograd.grad(score, kept)
    grid = (64 // patch[0], 64 // patch[1])
    flat = (kept[0][:, 1:] * slope[:, 1:].mean(1, keepdim=True)).sum(2).relu().detach()
    expected = flat.reshape(2, grid[1], grid[0]).mT if turned else flat.reshape(2, *grid)
    torch.testing.assert_close(map_of("gradcam", network, pictures, "norm"), expected, rtol=1e-4, atol=1e-7)
    layer = layer_of(network, pictures, "norm")
    torch.testing.assert_close(layer.rest(layer.activation), layer.logits, rtol=1e-4, atol=1e-5)


def test_attention_s_grid_is_that_of_the_tokens(images: Tensor) -> None:
    network = seeded(lambda: Columns((64, 4)))
    block_attentions, grid = attentions(network, images[:2], torch.tensor([0, 1]), "none")
    assert grid.layout == Layout("tokens", 1, 16, 1)
    assert block_attentions[0].weight.shape == (2, 2, 17, 17)


class Unclear(nn.Module):
    """As many channels as cells on a side, behind an operation without a rule; channels first, or last."""

    def __init__(self, *, last: bool) -> None:
        super().__init__()
        self.conv, self.show, self.fc, self.last = nn.Conv2d(3, 16, 4, 4), nn.Identity(), nn.Linear(16, 5), last

    def forward(self, images: Tensor) -> Tensor:
        values = self.conv(images).relu()
        values = values.permute(0, 2, 3, 1) if self.last else values
        values = self.show(torch.fft.ifft2(torch.fft.fft2(values)).real)
        logits: Tensor = self.fc(values.mean((1, 2) if self.last else (2, 3)))
        return logits


@pytest.mark.parametrize("last", [False, True])
def test_an_unclear_layout_is_refused_and_can_be_given(last: bool, images: Tensor) -> None:
    network, targets = seeded(lambda: Unclear(last=last)), torch.tensor([1, 2])
    with pytest.raises(NotApplicable, match="with_layout"):
        bb.explain(network, images[:2], method="hirescam", layer="show", target=targets)
    described = bb.with_layout(network, {"show": "last" if last else "first"})
    with torch.no_grad():
        activation = network.conv(images[:2]).relu()
        expected = (network.fc.weight[targets][:, :, None, None] / 256 * activation).sum(1).relu()
    torch.testing.assert_close(
        map_of("hirescam", described, images[:2], "show", targets), expected, rtol=1e-3, atol=1e-5
    )
    assert resolve(described, images[:1], "last") == ["show"]


class Unrolled(nn.Module):
    """Tokens window by window, as in Hiera, that pass an operation without a rule; then pooled to rows of tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.norm, self.fc = nn.Conv2d(3, 8, 8, 8), nn.LayerNorm(8), nn.Linear(8, 5)
        self.show, self.pooled = nn.LayerNorm(8), nn.LayerNorm(8)

    def forward(self, images: Tensor) -> Tensor:
        parts = self.embed(images).unflatten(3, (4, 2)).unflatten(2, (4, 2))  # (B, K, 4, 2, 4, 2)
        tokens = self.norm(parts.permute(0, 3, 5, 2, 4, 1).flatten(1, 4))
        tokens = self.show(torch.fft.ifft(torch.fft.fft(tokens)).real) + tokens
        logits: Tensor = self.fc(self.pooled(tokens.unflatten(1, (4, 16)).amax(1)).mean(1))
        return logits


def test_tokens_that_are_not_in_rows_are_refused_and_pooled_ones_read(images: Tensor) -> None:
    network = seeded(Unrolled)
    for name, message in (("norm", "not a spatial map"), ("show", "in another order")):
        with pytest.raises(NotApplicable, match=message):
            capture(network, images, [name], lambda z: z.argmax(1))
    assert resolve(network, images[:1], "last") == ["pooled"]
    kept: list[Tensor] = []
    handle = network.pooled.register_forward_hook(lambda _m, _i, o: kept.append(o))
    network(images)
    handle.remove()
    activation = capture(network, images, ["pooled"], lambda z: z.argmax(1)).activations["pooled"]
    torch.testing.assert_close(activation[:, :, 1, 2], kept[0][:, 1 * 4 + 2].detach(), msg="row 1 of 4, column 2")
