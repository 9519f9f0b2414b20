"""The attention that is watched, and the methods on it, against a transformer written out."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import swin_t

from benchbench.errors import NotApplicable
from benchbench.network.attention import attentions

from ..helpers import map_of
from ..networks import Pooled, Vit, seeded


def run(network: Any, images: Tensor) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    """Logits, the attention of both blocks and the blocks' outputs, from the weights, by torch's functions alone."""
    tokens = network._process_input(images)
    tokens = torch.cat([network.class_token.expand(len(images), -1, -1), tokens], 1) + network.encoder.pos_embedding
    weights, outputs = [], []
    for block in network.encoder.layers:
        normed = block.ln_1(tokens)
        inside = block.self_attention
        q, k, v = (normed @ inside.in_proj_weight.T + inside.in_proj_bias).chunk(3, -1)
        heads = [x.reshape(len(images), -1, 2, 8).transpose(1, 2) for x in (q, k, v)]
        weight = (heads[0] @ heads[1].mT / 8**0.5).softmax(-1)
        weights.append(weight)
        tokens = tokens + inside.out_proj((weight @ heads[2]).transpose(1, 2).flatten(2))
        tokens = tokens + block.mlp(block.ln_2(tokens))
        outputs.append(tokens)
    return network.heads(network.encoder.ln(tokens)[:, 0]), weights, outputs


@pytest.fixture(scope="module")
def network() -> nn.Module:
    return seeded(Vit)


def test_what_is_watched(network: nn.Module, images: Tensor) -> None:
    logits, weights, outputs = run(network, images)
    torch.testing.assert_close(network(images), logits, rtol=1e-4, atol=1e-5)
    targets = logits.argmax(1)
    blocks, grid = attentions(network, images, targets, "logit")
    slopes = torch.autograd.grad(logits.gather(1, targets[:, None]).sum(), weights, retain_graph=True)
    assert (grid.layout.height, grid.layout.width, grid.layout.prefix) == (8, 8, 1)
    for block, weight, slope in zip(blocks, weights, slopes, strict=True):
        torch.testing.assert_close(block.weight, weight.detach(), rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(block.weight.sum(-1), torch.ones(6, 2, 65))
        assert block.gradient is not None
        torch.testing.assert_close(block.gradient, slope, rtol=1e-3, atol=1e-6)
    by_block, _ = attentions(network, images, targets, "block")
    encoder, heads = network.get_submodule("encoder.ln"), network.get_submodule("heads")
    for block, weight, output in zip(by_block, weights, outputs, strict=True):
        score = heads(encoder(output.mean(1))).gather(1, targets[:, None]).sum()
        (slope,) = torch.autograd.grad(score, weight, retain_graph=True)
        assert block.gradient is not None
        torch.testing.assert_close(block.gradient, slope, rtol=1e-3, atol=1e-6)
    assert all(block.gradient is None for block in attentions(network, images, targets, "none")[0])


def test_nothing_is_changed(network: nn.Module, images: Tensor) -> None:
    before = network(images)
    attentions(network, images, torch.zeros(6, dtype=torch.long), "block")
    assert torch.equal(network(images), before)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())


def test_rollout(network: nn.Module, images: Tensor) -> None:
    _, weights, _ = run(network, images)
    for heads in ("mean", "max"):
        maps = map_of("attention-rollout", network, images, "", heads=heads)
        for b in range(6):
            rolled = torch.eye(65)
            for weight in weights:
                merged = weight[b].mean(0) if heads == "mean" else weight[b].max(0).values
                mixed = merged + torch.eye(65)
                rolled = mixed / mixed.sum(1, keepdim=True) @ rolled
            torch.testing.assert_close(maps[b], rolled[0, 1:].reshape(8, 8).detach(), rtol=1e-4, atol=1e-6)


def test_chefer(network: nn.Module, images: Tensor) -> None:
    logits, weights, _ = run(network, images)
    slopes = torch.autograd.grad(logits.max(1).values.sum(), weights)
    maps = map_of("chefer", network, images, "")
    for b in range(6):
        relevance = torch.eye(65)
        for weight, slope in zip(weights, slopes, strict=True):
            relevance = relevance + (weight[b] * slope[b]).relu().mean(0) @ relevance
        torch.testing.assert_close(maps[b], relevance[0, 1:].reshape(8, 8).detach(), rtol=1e-3, atol=1e-5)


def test_legrad(network: nn.Module, images: Tensor) -> None:
    logits, weights, outputs = run(network, images)
    targets, expected = logits.argmax(1), torch.zeros(6, 8, 8)
    for weight, output in zip(weights, outputs, strict=True):
        scores = network.get_submodule("heads")(network.get_submodule("encoder.ln")(output.mean(1)))
        (slope,) = torch.autograd.grad(scores.gather(1, targets[:, None]).sum(), weight, retain_graph=True)
        expected += slope.relu().mean((1, 2))[:, 1:].reshape(6, 8, 8) / 2
    torch.testing.assert_close(map_of("legrad", network, images, ""), expected, rtol=1e-3, atol=1e-6)


def test_agcam(network: Any, images: Tensor) -> None:
    logits, weights, outputs = run(network, images)
    slopes = torch.autograd.grad(logits.max(1).values.sum(), weights)
    expected = torch.zeros(6, 64)
    embedded = torch.cat([network.class_token.expand(6, -1, -1), network._process_input(images)], 1)
    inputs = [embedded + network.encoder.pos_embedding, *outputs[:-1]]
    for block, tokens, weight, slope in zip(network.encoder.layers, inputs, weights, slopes, strict=True):
        inside = block.self_attention
        queries, keys, _ = (block.ln_1(tokens) @ inside.in_proj_weight.T + inside.in_proj_bias).chunk(3, -1)
        for head in (slice(0, 8), slice(8, 16)):
            score = torch.einsum("bd,bkd->bk", queries[:, 0, head], keys[:, :, head]) / 8**0.5
            torch.testing.assert_close(score.softmax(-1), weight[:, head.start // 8, 0], rtol=1e-4, atol=1e-6)
            positive = slope[:, head.start // 8, 0].clamp_min(0)
            expected += (positive / (1 + (-score).exp())).detach()[:, 1:]
    torch.testing.assert_close(map_of("agcam", network, images, ""), expected.reshape(6, 8, 8), rtol=1e-3, atol=1e-6)
    assert all(block.score is None for block in attentions(network, images, logits.argmax(1), "logit")[0])


def test_timm(images: Tensor) -> None:
    """timm's vision transformer: the weights of its softmax, the same logits, all three methods."""
    timm = pytest.importorskip("timm")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = timm.models.VisionTransformer(
            img_size=64, patch_size=8, embed_dim=16, depth=2, num_heads=2, num_classes=7, weight_init=""
        ).eval()
        for module in model.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.3)
    before = model(images)
    blocks, grid = attentions(model, images, before.argmax(1), "logit")
    assert torch.equal(model(images), before)
    assert (len(blocks), grid.layout.prefix, blocks[0].weight.shape) == (2, 1, (6, 2, 65, 65))
    inside = model.blocks[0].attn
    tokens = model.blocks[0].norm1(model.norm_pre(model.patch_drop(model._pos_embed(model.patch_embed(images)))))
    q, k, _ = inside.qkv(tokens).reshape(6, 65, 3, 2, 8).permute(2, 0, 3, 1, 4)
    torch.testing.assert_close(blocks[0].weight, (q @ k.mT / 8**0.5).softmax(-1).detach(), rtol=1e-4, atol=1e-6)
    for name in ("attention-rollout", "chefer", "legrad", "agcam"):
        assert map_of(name, model, images, "").flatten(1).std(1).min() > 0


@pytest.mark.parametrize(("build", "reason"), [(Pooled, "no attention of a known kind"), (swin_t, "another kind")])
def test_where_there_is_none(build: Any, reason: str, images: Tensor) -> None:
    with pytest.raises(NotApplicable, match=reason):
        attentions(seeded(build), images[:1], torch.zeros(1, dtype=torch.long), "logit")
