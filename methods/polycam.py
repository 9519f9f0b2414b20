"""Poly-CAM: Englebert, Cornu and De Vleeschouwer 2022, arXiv:2204.13359."""

from __future__ import annotations

import torch
from torch import Tensor, relu

from benchbench.registry import method
from benchbench.types import Layer

from ..maps.normalise import quantile, upsample

_OUTLIERS = 0.001  # on each side, as in the authors' code
_LEAST = 1e-12


@method(
    "polycam+",
    title="Poly-CAM+",
    needs=("activation", "stages", "scores"),
    paper="arXiv:2204.13359",
    fails="Masks of early layers are fine textures, and masked images are unlike any seen in training.",
)
def polycam_plus(layer: Layer) -> Tensor:
    """From this layer up to the finest stage, maps of channels weighted by p(masked image), each times the coarser one.

    Before the product each map is divided by its own local mean at the coarser resolution. The map has the finest
    stage's resolution.
    """
    return _product([_map(stage, _kept(stage)) for stage in layer.stages])


@method(
    "polycam-",
    title="Poly-CAM-",
    needs=("activation", "stages", "scores"),
    paper="arXiv:2204.13359",
    fails="Evidence that is there twice: taking away one channel's region does not lower the score.",
)
def polycam_minus(layer: Layer) -> Tensor:
    """As polycam+, with channels weighted by ReLU(p(image) - p(image times 1 - mask))."""
    return _product([_map(stage, relu(_whole(stage) - _removed(stage))) for stage in layer.stages])


@method(
    "polycam+-",
    title="Poly-CAM±",
    needs=("activation", "stages", "scores"),
    paper="arXiv:2204.13359",
    fails="As polycam+ and polycam-: images with parts masked are unlike any seen in training.",
)
def polycam_plus_minus(layer: Layer) -> Tensor:
    """As polycam+, with channels weighted by ReLU(p(masked image) + p(image) - p(image times 1 - mask))."""
    return _product([_map(s, relu(_kept(s) + _whole(s) - _removed(s))) for s in layer.stages])


def _whole(stage: Layer) -> Tensor:
    return stage.probability[:, None]


def _kept(stage: Layer) -> Tensor:
    """(B, K): the probability of the image times each mask."""
    masks, size = _masks(stage), stage.images.shape[2:]
    return stage.score_pictures(lambda i, k: stage.images[i] * upsample(masks[i, k][:, None], size), masks.shape[1])


def _removed(stage: Layer) -> Tensor:
    """(B, K): the probability of the image times 1 - each mask."""
    masks, size = _masks(stage), stage.images.shape[2:]
    return stage.score_pictures(
        lambda i, k: stage.images[i] * (1 - upsample(masks[i, k][:, None], size)), masks.shape[1]
    )


def _masks(stage: Layer) -> Tensor:
    """(B, K, h, w) in 0 .. 1: less the low outlier, over the high outlier (not the range), as in the authors' code."""
    low, high = (quantile(stage.activation, share) for share in (_OUTLIERS, 1 - _OUTLIERS))
    return ((stage.activation - low) / high.clamp_min(_LEAST)).clamp(0, 1)


def _map(stage: Layer, weight: Tensor) -> Tensor:
    return relu(torch.einsum("bk,bkhw->bhw", weight, stage.activation))


def _product(maps: list[Tensor]) -> Tensor:
    """Of maps from the finest, (B, h, w) each: the coarsest, times each finer one divided by its local mean."""
    product, *rest = [each[:, None] for each in reversed(maps)]
    for finer in rest:
        local = upsample(upsample(finer, product.shape[2:]), finer.shape[2:])
        product = finer / local.clamp_min(_LEAST) * upsample(product, finer.shape[2:])
    return product[:, 0]
