"""TIS: the authors' steps written out image by image, on networks with class, register and distillation tokens."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from benchbench.errors import NotApplicable
from benchbench.network.patch_sampling import check_sampling
from benchbench.registry import METHODS

from ..helpers import layer_of, map_of
from ..networks import Pooled, Vit, seeded
from ..tracing.test_tokens import built, lively, sized

timm = pytest.importorskip("timm")
PREFIX = {
    "torchvision": 1,
    "average": 0,
    "registers without places": 5,
    "registers, mean": 4,
    "distilled": 2,
    "wide": 1,
}


def clustered(points: np.ndarray[Any, Any], centroids: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Lloyd's steps as fast_pytorch_kmeans takes them: 100 at most, until the centroids hardly move; 0 if empty."""
    for _ in range(100):
        distances = ((points[:, None] - centroids[None]) ** 2).sum(-1)
        nearest = distances.argmin(1)
        moved = np.stack(
            [points[nearest == j].mean(0) if (nearest == j).any() else 0 * centroids[j] for j in range(len(centroids))]
        )
        change, centroids = ((moved - centroids) ** 2).sum(), moved
        if change <= 1e-4:
            break
    return centroids


def embedded(network: Any, picture: Tensor) -> Tensor:
    """The tokens that go into the first block."""
    if hasattr(network, "encoder"):
        patches: Tensor = network._process_input(picture)
        return torch.cat([network.class_token, patches], 1) + torch.as_tensor(network.encoder.pos_embedding)
    tokens: Tensor = network.norm_pre(network._pos_embed(network.patch_embed(picture)))
    return tokens


def read_off(network: Any, tokens: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Logits, and what each block returns."""
    outputs = []
    for block in network.encoder.layers if hasattr(network, "encoder") else network.blocks:
        tokens = block(tokens)
        outputs.append(tokens)
    if hasattr(network, "encoder"):
        return network.heads(network.encoder.ln(tokens)[:, 0]), outputs
    return network.forward_head(network.norm(tokens)), outputs


@torch.no_grad()
def written_out(network: Any, picture: Tensor, draws: Tensor, masks: int, keep: float, prefix: int) -> Tensor:
    """(places,), and which patches each mask keeps."""
    tokens = embedded(network, picture)
    logits, outputs = read_off(network, tokens)
    channels = torch.cat(outputs, -1)[0, prefix:].T.double().numpy()
    centroids = clustered(channels, channels[np.argsort(draws.numpy())[:masks]])
    total, count = np.zeros(channels.shape[1]), np.zeros(channels.shape[1])
    for centroid in centroids:
        kept = sorted(np.argsort(-centroid, kind="stable")[: int(keep * len(centroid))])
        sampled = torch.cat([tokens[:, :prefix], tokens[:, prefix:][:, kept]], 1)
        probability = read_off(network, sampled)[0].softmax(1)[0, int(logits.argmax())]
        total[kept] += float(probability)
        count[kept] += 1
    return torch.from_numpy(np.divide(total, count, out=np.zeros_like(total), where=count > 0)).float()


@pytest.mark.parametrize("kind", PREFIX)
def test_tis_step_by_step(kind: str, images: Tensor) -> None:
    network = seeded(Vit) if kind == "torchvision" else built(kind)
    pictures = images[:2] if kind == "torchvision" else sized(kind, images)
    maps = map_of("tis", network, pictures, "", masks=12, keep=0.3)
    assert maps.shape[1:] == (pictures.shape[2] // 8, pictures.shape[3] // 8)
    layer = layer_of(network, pictures, "input image").lending(METHODS["tis"].needs)
    draws = layer.uniform(layer.tokens.values.shape[2])
    assert layer.tokens.grid.prefix == PREFIX[kind]
    for b in range(2):
        expected = written_out(network, pictures[b : b + 1], draws[b], 12, 0.3, PREFIX[kind])
        assert expected.std() > 0
        torch.testing.assert_close(maps[b].flatten(), expected, rtol=1e-4, atol=1e-6)


def test_all_patches_score_as_the_image_does(images: Tensor) -> None:
    layer = layer_of(seeded(Vit), images[:3], "input image")
    everything = torch.arange(64).expand(3, 2, -1)
    torch.testing.assert_close(layer.tokens.score(everything), layer.probability[:, None].expand(3, 2))


def test_where_tokens_cannot_be_left_out(images: Tensor) -> None:
    with pytest.raises(NotApplicable, match="only the blocks of"):
        check_sampling(seeded(Pooled), images[:1])
    size = {"img_size": 64, "embed_dim": 32, "depth": 2, "num_heads": 2}

    def rotary() -> nn.Module:
        return lively(timm.create_model("eva02_tiny_patch14_224", patch_size=16, **size))

    def biased() -> nn.Module:
        return lively(timm.create_model("beitv2_base_patch16_224", **size))

    for build, reason in ((rotary, "more than their tokens"), (biased, "without some of its patches")):
        with pytest.raises(NotApplicable, match=reason):
            check_sampling(seeded(build), images[:1])
    check_sampling(seeded(Vit), images[:1])
