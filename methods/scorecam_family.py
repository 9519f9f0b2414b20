"""Score-CAM's relatives: SS-CAM (Naidu and Michael 2020, arXiv:2006.14255), IS-CAM (Naidu et al. 2020)."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, relu

from benchbench.registry import method
from benchbench.types import Layer, ScoreKind

from ..maps.normalise import minmax, upsample


@method(
    "sscam",
    title="SS-CAM",
    needs=("activation", "scores"),
    paper="arXiv:2006.14255",
    fails="With noise as large as the masks themselves the weights hardly differ, and the map is the mean activation.",
)
def sscam(
    layer: Layer,
    *,
    samples: Annotated[int, Field(ge=1)] = 35,
    sigma: Annotated[float, Field(ge=0)] = 2.0,
    score: ScoreKind = "probability",
) -> Tensor:
    """Score-CAM with Gaussian noise on each mask, its scores averaged over the noise.

    The mask is upsampled and min-max normalised, then gets the noise of standard deviation ``sigma``; there is no
    normalisation after it. A constant channel weighs 0.
    """
    masks, live = _masks(layer.activation)
    size = layer.images.shape[2:]

    def noisy(image: Tensor, variant: Tensor) -> Tensor:
        mask = minmax(upsample(masks[image, variant // samples][:, None], size))[:, 0]
        drawn = zip(image.tolist(), variant.tolist(), strict=True)
        noise = torch.stack([_noise(layer.seeds[i], v, mask) for i, v in drawn])
        return layer.images[image] * (mask + sigma * noise)[:, None]

    scores = layer.score_pictures(noisy, masks.shape[1] * samples, of=score)
    return _weighted(layer, scores.view(len(masks), -1, samples).mean(2) * live)


@method(
    "iscam",
    title="IS-CAM",
    needs=("activation", "scores"),
    paper="arXiv:2010.03023",
    fails="Darker images are unlike any seen in training; its mean over them weighs channels more alike than "
    "Score-CAM does.",
)
def iscam(layer: Layer, *, steps: Annotated[int, Field(ge=1)] = 10, score: ScoreKind = "probability") -> Tensor:
    """Score-CAM with each mask scaled by 1 / steps .. 1 in turn, its scores averaged over the scales.

    A constant channel weighs 0.
    """
    masks, live = _masks(layer.activation)
    size = layer.images.shape[2:]

    def scaled(image: Tensor, variant: Tensor) -> Tensor:
        mask = minmax(upsample(masks[image, variant // steps][:, None], size))[:, 0]
        share = (variant % steps + 1).to(mask) / steps
        return layer.images[image] * (share[:, None, None] * mask)[:, None]

    scores = layer.score_pictures(scaled, masks.shape[1] * steps, of=score)
    return _weighted(layer, scores.view(len(masks), -1, steps).mean(2) * live)


def _masks(activation: Tensor) -> tuple[Tensor, Tensor]:
    """The activations (B, K, h, w), and which channels are not constant (B, K)."""
    return activation, (activation.amax((2, 3)) > activation.amin((2, 3))).to(activation)


def _noise(seed: int, variant: int, like: Tensor) -> Tensor:
    """(H, W): standard normal, the same for an image and a variant in whatever batch."""
    generator = torch.Generator().manual_seed((seed * 1_000_003 + variant) % 2**63)
    return torch.randn(like.shape[1:], generator=generator).to(like)


def _weighted(layer: Layer, weight: Tensor) -> Tensor:
    return relu(torch.einsum("bk,bkhw->bhw", weight, layer.activation))
