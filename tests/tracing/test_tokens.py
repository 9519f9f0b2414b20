"""timm's transformers with zero to five tokens beside the patches, and methods on tokens, against loops and hooks."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchcam.methods import LeGrad
from torchvision.models import SwinTransformer

from benchbench.errors import NotApplicable
from benchbench.network.attention import attentions
from benchbench.network.capture import capture
from benchbench.network.derivatives import curvature
from benchbench.network.layers import resolve

from ..helpers import layer_of, map_of
from ..networks import Vit, seeded

timm = pytest.importorskip("timm")
SMALL = {"img_size": 64, "patch_size": 8, "embed_dim": 16, "depth": 2, "num_heads": 2, "num_classes": 7}
KINDS: dict[str, tuple[int, dict[str, Any]]] = {
    "average": (0, {"class_token": False, "global_pool": "avg"}),
    "class": (1, {}),
    "class, normalised mean": (1, {"global_pool": "avg"}),
    "registers": (5, {"reg_tokens": 4}),
    "registers without places": (5, {"reg_tokens": 4, "no_embed_class": True, "init_values": 0.5}),
    "registers, mean": (4, {"reg_tokens": 4, "class_token": False, "no_embed_class": True, "global_pool": "avg"}),
    "wide": (1, {"img_size": (48, 80)}),
    "distilled": (2, {}),
}


def lively(model: Any) -> nn.Module:
    """Linear layers of ordinary size, so that blocks differ and attention is not uniform."""
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.3)
    network: nn.Module = model
    return network


def built(kind: str) -> Any:
    def make() -> nn.Module:
        options = {**SMALL, **KINDS[kind][1]}
        if kind == "distilled":
            from timm.models.deit import VisionTransformerDistilled

            return lively(VisionTransformerDistilled(**options))
        return lively(timm.models.VisionTransformer(**options))

    return seeded(make)


def sized(kind: str, images: Tensor) -> Tensor:
    """Two images as the network takes them."""
    doubled = images[:2].repeat(1, 1, 1, 2)
    return doubled[:, :, :48, :80] if kind == "wide" else images[:2]


def written_out(network: Any, images: Tensor) -> tuple[Tensor, list[Tensor], list[Tensor], list[Tensor]]:
    """Logits, each block's attention, its scores before the softmax, and the block's output, by matrix products."""
    tokens = network.norm_pre(network._pos_embed(network.patch_embed(images)))
    weights, scores, outputs = [], [], []
    for block in network.blocks:
        qkv = block.attn.qkv(block.norm1(tokens)).reshape(len(images), -1, 3, 2, 8)
        q, k, v = (qkv[:, :, i].transpose(1, 2) for i in range(3))
        scores.append((torch.einsum("bhqd,bhkd->bhqk", q, k) / 8**0.5).detach())
        weight = (torch.einsum("bhqd,bhkd->bhqk", q, k) / 8**0.5).softmax(-1)
        weights.append(weight)
        mixed = torch.einsum("bhqk,bhkd->bqhd", weight, v).flatten(2)
        tokens = tokens + block.ls1(block.attn.proj(mixed))
        tokens = tokens + block.ls2(block.mlp(block.norm2(tokens)))
        outputs.append(tokens)
    return network.forward_head(network.norm(tokens)), weights, scores, outputs


@pytest.mark.parametrize("kind", KINDS)
def test_timm_s_attention_and_its_methods(kind: str, images: Tensor) -> None:
    network, pictures, prefix = built(kind), sized(kind, images), KINDS[kind][0]
    before = network(pictures)
    logits, weights, scores, outputs = written_out(network, pictures)
    torch.testing.assert_close(before, logits, rtol=1e-4, atol=1e-5)
    targets = logits.argmax(1)
    slopes = torch.autograd.grad(logits.gather(1, targets[:, None]).sum(), weights, retain_graph=True)
    block_attentions, grid = attentions(network, pictures, targets, "logit")
    height, width = pictures.shape[2] // 8, pictures.shape[3] // 8
    assert (grid.layout.height, grid.layout.width, grid.layout.prefix) == (height, width, prefix)
    for block, weight, slope in zip(block_attentions, weights, slopes, strict=True):
        torch.testing.assert_close(block.weight, weight.detach(), rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(block.weight.sum(-1), torch.ones(weight.shape[:3]))
        assert block.gradient is not None
        torch.testing.assert_close(block.gradient, slope, rtol=1e-3, atol=1e-6)
    maps = {name: map_of(name, network, pictures, "") for name in ("attention-rollout", "chefer", "agcam")}
    for b in range(2):
        rolled, relevance = torch.eye(weights[0].shape[-1]), torch.eye(weights[0].shape[-1])
        guided = torch.zeros_like(rolled)
        for weight, score, slope in zip(weights, scores, slopes, strict=True):
            guided += (slope[b].clamp_min(0) / (1 + (-score[b]).exp())).sum(0)
            mixed = weight[b].mean(0) + torch.eye(len(rolled))
            rolled = mixed / mixed.sum(1, keepdim=True) @ rolled
            relevance = relevance + (weight[b] * slope[b]).clamp_min(0).mean(0) @ relevance
        for name, product in (("attention-rollout", rolled), ("chefer", relevance), ("agcam", guided)):
            rows = {"distilled": product[:2], "class, normalised mean": product[1:], "average": product}
            rows["registers, mean"] = product[4:]
            row = rows.get(kind, product[:1]).mean(0)
            expected = row[prefix:].reshape(height, width).detach()
            torch.testing.assert_close(maps[name][b], expected, rtol=1e-3, atol=1e-6)
    assert torch.equal(network(pictures), before)
    assert all(block.attn.fused_attn == type(block.attn)(16, 2).fused_attn for block in network.blocks)
    if kind == "distilled":
        with pytest.raises(NotApplicable, match="distilled"):
            map_of("legrad", network, pictures, "")
        return
    layered = torch.zeros(2, height, width)
    for weight, output in zip(weights, outputs, strict=True):
        score = network.head(network.fc_norm(network.norm(output.mean(1)))).gather(1, targets[:, None]).sum()
        (slope,) = torch.autograd.grad(score, weight, retain_graph=True)
        layered += slope.clamp_min(0).mean((1, 2))[:, prefix:].reshape(2, height, width) / 2
    torch.testing.assert_close(map_of("legrad", network, pictures, ""), layered, rtol=1e-3, atol=1e-6)


def test_legrad_is_torchcam_s(images: Tensor) -> None:
    network = seeded(Vit)
    targets = network(images).argmax(1)
    with LeGrad(network, list(network.get_submodule("encoder.layers").children())) as extractor:
        expected = extractor(targets.tolist(), network(images), normalized=False)[0]
    torch.testing.assert_close(map_of("legrad", network, images, "", targets), expected, rtol=1e-4, atol=1e-7)


def test_weights_are_those_that_the_module_gives_when_asked(images: Tensor) -> None:
    network = seeded(Vit)
    weights: list[Tensor] = []

    def ask(module: nn.Module, inputs: Any, _named: Any, _output: Any) -> None:
        if not torch.is_grad_enabled():
            weights.append(type(module).forward(module, *inputs, need_weights=True, average_attn_weights=False)[1])

    blocks = [m for m in network.modules() if isinstance(m, nn.MultiheadAttention)]
    handles = [block.register_forward_hook(ask, with_kwargs=True) for block in blocks]
    with torch.no_grad():
        logits = network(images)
    for handle in handles:
        handle.remove()
    for gradient in ("none", "logit", "block"):
        block_attentions, _ = attentions(network, images, logits.argmax(1), gradient)
        for block, weight in zip(block_attentions, weights, strict=True):
            torch.testing.assert_close(block.weight, weight, rtol=1e-5, atol=1e-7)


class SequenceFirst(nn.Module):
    """One attention block, its tokens (tokens, B, width), and no head that LeGrad knows."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.norm = nn.Conv2d(3, 8, 8, 8), nn.LayerNorm(8)
        self.attention, self.fc = nn.MultiheadAttention(8, 2), nn.Linear(8, 5)

    def forward(self, images: Tensor) -> Tensor:
        tokens = self.norm(self.patches(images).flatten(2).permute(2, 0, 1))
        logits: Tensor = self.fc(self.attention(tokens, tokens, tokens, need_weights=False)[0].tanh().mean(0))
        return logits


def test_slopes_by_finite_differences(images: Tensor) -> None:
    """Of attention whose tokens come first: the score of the values mixed by changed weights, in double."""
    network = seeded(SequenceFirst).double()
    pictures, targets = images[:2].double(), torch.tensor([1, 3])
    block_attentions, grid = attentions(network, pictures, targets, "logit")
    assert (grid.layout.height, grid.layout.width, grid.layout.prefix) == (8, 8, 0)
    gradient = block_attentions[0].gradient
    assert gradient is not None

    def score(weight: Tensor) -> Tensor:
        with torch.no_grad():
            tokens = network.norm(network.patches(pictures).flatten(2).mT)
            inside = network.attention
            values = (tokens @ inside.in_proj_weight[16:].T + inside.in_proj_bias[16:]).reshape(2, 64, 2, 4)
            mixed = torch.einsum("bhqk,bkhd->bqhd", weight, values).flatten(2)
            logits = network.fc(inside.out_proj(mixed).tanh().mean(1))
            return logits.gather(1, targets[:, None])[:, 0]  # type: ignore[no-any-return]

    torch.testing.assert_close(score(block_attentions[0].weight), network(pictures).detach()[[0, 1], targets])
    for b, head, query, key in ((0, 0, 3, 5), (1, 1, 60, 2), (0, 1, 17, 17)):
        step = torch.zeros_like(block_attentions[0].weight)
        step[b, head, query, key] = 1e-5
        slope = (score(block_attentions[0].weight + step) - score(block_attentions[0].weight - step))[b] / 2e-5
        torch.testing.assert_close(gradient[b, head, query, key], slope, rtol=1e-5, atol=1e-10)
    with pytest.raises(NotApplicable, match="logits off every block"):
        attentions(network, pictures, targets, "block")


def test_windows_are_refused(images: Tensor) -> None:
    """timm's Swin has attention of the known kind, among the tokens of a window."""
    network = timm.models.swin_transformer.SwinTransformer(
        img_size=64, patch_size=4, embed_dim=16, depths=(2, 2), num_heads=(2, 2), window_size=4, num_classes=7
    ).eval()
    with pytest.raises(NotApplicable, match="not among all patches"):
        attentions(network, images, torch.zeros(6, dtype=torch.long), "none")


@pytest.mark.parametrize("kind", KINDS)
def test_the_last_layer_is_one_that_the_logits_listen_to(kind: str, images: Tensor) -> None:
    network, pictures = built(kind), sized(kind, images)
    (place,) = resolve(network, pictures, "last")
    averaged = kind in ("average", "class, normalised mean", "registers, mean")
    assert place == ("norm" if averaged else "blocks.1.norm1")
    kept: list[Tensor] = []
    handle = network.get_submodule(place).register_forward_hook(lambda _m, _i, o: kept.append(o))
    score = network(pictures).max(1).values.sum()
    handle.remove()
    (slope,) = torch.autograd.grad(score, kept)
    prefix, height, width = KINDS[kind][0], pictures.shape[2] // 8, pictures.shape[3] // 8
    layer = layer_of(network, pictures, place)
    rows = slope[:, prefix:].reshape(2, height, width, 16).permute(0, 3, 1, 2)
    assert rows.any()
    torch.testing.assert_close(layer.gradient, rows, rtol=1e-4, atol=1e-7)
    cells = kept[0][:, prefix:].detach().reshape(2, height, width, 16)
    expected = torch.stack([(c * s.mean((0, 1))).sum(-1) for c, s in zip(cells, rows.permute(0, 2, 3, 1), strict=True)])
    torch.testing.assert_close(map_of("gradcam", network, pictures, place), expected.relu(), rtol=1e-4, atol=1e-6)


def test_class_and_register_tokens_that_rotary_attention_cuts_off(images: Tensor) -> None:
    """DINOv3 turns queries and keys of the patches alone: five tokens are put before them again in every block."""
    size = {"img_size": 64, "embed_dim": 32, "depth": 2, "num_heads": 2, "num_classes": 7}
    network = seeded(lambda: lively(timm.create_model("vit_small_patch16_dinov3", **size)))
    assert resolve(network, images[:1], "last") == ["norm"]
    layer = layer_of(network, images[:2], "blocks.1.norm1")
    kept: list[Tensor] = []
    handle = network.get_submodule("blocks.1.norm1").register_forward_hook(lambda _m, _i, o: kept.append(o))
    network(images[:2])
    handle.remove()
    cells = kept[0][:, 5:].reshape(2, 4, 4, 32).permute(0, 3, 1, 2)
    torch.testing.assert_close(layer.activation, cells, rtol=1e-4, atol=1e-5)
    blocks, grid = attentions(network, images[:2], torch.zeros(2, dtype=torch.long), "none", scores=True)
    assert (grid.layout.prefix, grid.layout.height, grid.read) == (5, 4, tuple(range(5, 21)))
    assert all(b.score is not None and torch.allclose(b.score.softmax(-1), b.weight, atol=1e-6) for b in blocks)


def test_the_last_layer_of_torchvision_s_swin(images: Tensor) -> None:
    """Behind its last norm the channels come first; the stages before it hold them last."""
    network = seeded(lambda: SwinTransformer([4, 4], 24, [1, 1, 2, 1], [3, 6, 12, 24], [7, 7], num_classes=7))
    stages = resolve(network, images[:1], "stages")
    seen = capture(network, images[:2], stages, lambda z: z.argmax(1))
    assert [seen.activations[s].shape[1:] for s in stages] == [(24, 16, 16), (48, 8, 8), (96, 4, 4), (192, 2, 2)]
    assert [seen.layouts[s].kind for s in stages] == ["last", "last", "last", "first"]
    assert all(seen.gradients[s].flatten(1).any(1).all() for s in stages)
    layer = layer_of(network, images[:2], stages[1])
    with torch.no_grad():
        output = network.get_submodule("features")[:4](images[:2])
    torch.testing.assert_close(layer.activation, output.permute(0, 3, 1, 2), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(layer.rest(layer.activation), layer.logits, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("place", ["encoder.layers.encoder_layer_1.ln_1", "encoder.layers.encoder_layer_0"])
def test_ablationcam_on_tokens_by_a_hook(place: str, images: Tensor) -> None:
    """A channel of the patches is zeroed in the network's own forward; the class token keeps it."""
    network, pictures = seeded(Vit), images[:2]
    layer = layer_of(network, pictures, place)
    maps = map_of("ablationcam", network, pictures, place)
    assert maps.flatten(1).any(1).all()
    for b in range(2):
        expected = torch.zeros(8, 8)
        for k in range(16):

            def silence(_module: nn.Module, _inputs: Any, output: Tensor, k: int = k) -> Tensor:
                output = output.clone()
                output[:, 1:, k] = 0
                return output

            handle = network.get_submodule(place).register_forward_hook(silence)
            with torch.no_grad():
                without = network(pictures[b : b + 1])[0, layer.targets[b]]
            handle.remove()
            y = layer.logits[b, layer.targets[b]]
            expected += (y - without) / y * layer.activation[b, k]
        torch.testing.assert_close(maps[b], expected.relu(), rtol=1e-3, atol=1e-5)


def test_curvature_in_tokens_by_differences_of_slopes(images: Tensor) -> None:
    """H v is the change of the gradient along v, where v moves the patches alone."""
    network, place, targets = seeded(Vit).double(), "encoder.layers.encoder_layer_1.ln_1", torch.tensor([2, 5])
    pictures = images[:2].double()
    direction = torch.randn(2, 16, 8, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    step = direction.flatten(2).mT * 1e-5

    def slope(sign: int) -> Tensor:
        kept: list[Tensor] = []

        def move(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
            kept.append(torch.cat([output[:, :1], output[:, 1:] + sign * step], 1).detach().requires_grad_())
            return kept[0]

        handle = network.get_submodule(place).register_forward_hook(move)
        score = network(pictures).gather(1, targets[:, None]).sum()
        handle.remove()
        return torch.autograd.grad(score, kept)[0][:, 1:].mT.reshape(2, 16, 8, 8)

    expected = (slope(1) - slope(-1)) / 2e-5
    assert expected.abs().max() > 1e-3
    product, _ = curvature(network, pictures, place, targets, direction)
    torch.testing.assert_close(product, expected, rtol=1e-4, atol=1e-6 * float(expected.abs().max()))


NAMED: dict[str, dict[str, Any]] = {
    "deit_tiny_patch16_224": {"img_size": 64, "depth": 2},
    "deit3_small_patch16_224": {"img_size": 64, "depth": 2},
    "deit_tiny_distilled_patch16_224": {"img_size": 64, "depth": 2},
    "swin_tiny_patch4_window7_224": {"img_size": 128, "window_size": 4, "depths": (1, 1, 2, 1), "embed_dim": 24},
    "swinv2_tiny_window8_256": {"img_size": 128, "window_size": 4, "depths": (1, 1, 2, 1), "embed_dim": 24},
}


@pytest.mark.parametrize("name", NAMED)
def test_named_transformers_of_timm_under_the_cam_family(name: str) -> None:
    """Each method at the last layer against the layer's own output and slope, read off by a hook."""
    network = seeded(lambda: lively(timm.create_model(name, num_classes=7, **NAMED[name])))
    side = NAMED[name]["img_size"]
    pictures = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(5))
    (place,) = resolve(network, pictures[:1], "last")
    kept: list[Tensor] = []
    handle = network.get_submodule(place).register_forward_hook(lambda _m, _i, o: kept.append(o))
    logits = network(pictures)
    handle.remove()
    (slope,) = torch.autograd.grad(logits.max(1).values.sum(), kept)
    output, grid = kept[0].detach(), (4, 4)
    if output.ndim == 3:
        prefix = output.shape[1] - 16
        assert prefix == (0 if "swin" in name else 2 if "distilled" in name else 1)
        output, slope = (t[:, prefix:].reshape(2, *grid, -1) for t in (output, slope))
    assert output.shape[1:3] == grid, "channels last, 4 x 4"
    product = output * slope
    expected = {
        "gradcam": (output * slope.mean((1, 2), keepdim=True)).sum(3).relu(),
        "hirescam": product.sum(3).relu(),
        "gradcam-elementwise": product.relu().sum(3),
        "layercam": (output * slope.relu()).sum(3).relu(),
    }
    assert sum(float(maps.max()) > 0 for maps in expected.values()) >= 3, "zeros everywhere test nothing"
    for method, maps in expected.items():
        torch.testing.assert_close(
            map_of(method, network, pictures, place), maps, rtol=1e-3, atol=1e-5 * float(maps.max())
        )
