"""ViT-CX: the authors' steps written out, with clusters merged one pair at a time."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchbench.seeds import streamed

from ..helpers import layer_of, map_of
from ..networks import Pooled, Vit, seeded


def clusters_of(apart: Tensor, threshold: float) -> list[list[int]]:
    """Complete linkage: the two clusters whose farthest members are nearest are merged, while that is in reach."""
    groups = [[i] for i in range(len(apart))]
    while len(groups) > 1:
        pairs = list(itertools.combinations(range(len(groups)), 2))
        reach = [max(float(apart[i, j]) for i in groups[a] for j in groups[b]) for a, b in pairs]
        if min(reach) > threshold:
            break
        a, b = pairs[int(np.argmin(reach))]
        groups = [g for k, g in enumerate(groups) if k not in (a, b)] + [groups[a] + groups[b]]
    return groups


def between(values: Tensor) -> Tensor:
    return (values - values.min()) / (values.max() - values.min())


@torch.no_grad()
def written_out(
    network: nn.Module, image: Tensor, activation: Tensor, seed: int, threshold: float
) -> tuple[Tensor, int]:
    """(H, W), and how many masks there are."""
    maps = F.interpolate(activation[None], size=(64, 64), mode="bilinear", align_corners=False)[0]
    channels = [between(m) for m in maps if m.max() > m.min()]
    apart = torch.tensor(
        [[1 - float(F.cosine_similarity(a.flatten(), b.flatten(), 0)) for a in channels] for b in channels]
    )
    groups = sorted(clusters_of(apart, threshold), key=min)
    masks = [between(torch.stack([channels[i] for i in group]).sum(0)) for group in groups]
    target = int(network(image[None]).argmax())
    plain = float(network(image[None]).softmax(1)[0, target])
    total, parts = torch.stack(masks).sum(0), torch.zeros(64, 64)
    for number, mask in enumerate(masks):
        draws = torch.Generator().manual_seed(streamed((seed,), f"mask {number}")[0])
        noise = 0.1 * torch.randn(image.shape, generator=draws) * (1 - mask)
        hidden, shown = (float(network(x[None]).softmax(1)[0, target]) for x in (image * mask + noise, image + noise))
        parts += (hidden - shown + plain) * torch.where(total > 0, mask / total, 0)
    return parts / len(masks), len(masks)


@pytest.mark.parametrize(
    ("build", "place", "threshold"),
    [(Vit, "encoder.layers.encoder_layer_1.ln_1", 0.1), (Vit, "encoder.ln", 0.3), (Pooled, "stage1", 0.3)],
)
def test_vitcx_step_by_step(build: type[nn.Module], place: str, threshold: float, images: Tensor) -> None:
    network = seeded(build)
    layer = layer_of(network, images[:2], place)
    maps = map_of("vitcx", network, images[:2], place, distance=threshold)
    for b in range(2):
        expected, count = written_out(network, images[b], layer.activation[b], layer.seeds[b], threshold)
        assert 1 < count < layer.activation.shape[1]
        torch.testing.assert_close(maps[b], expected, rtol=1e-3, atol=1e-6)
