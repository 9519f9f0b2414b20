"""RISE: Petsiuk, Das and Saenko 2018, arXiv:1806.07421, equations 6 and 7.

D-RISE, for detectors: Petsiuk, Jain, Manjunatha, Morariu, Mehra, Ordonez and Saenko 2021, arXiv:2006.03204.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from benchbench.registry import method
from benchbench.types import Layer, ScoreKind


@method(
    "rise",
    title="RISE",
    needs=("input", "scores"),
    paper="arXiv:1806.07421",
    fails="Small objects fall between its coarse masks; with few masks the map is noise.",
)
def rise(
    layer: Layer,
    *,
    masks: Annotated[int, Field(ge=1)] = 4000,
    cells: Annotated[int, Field(ge=1)] = 7,
    keep: Annotated[float, Field(gt=0, lt=1)] = 0.5,
    score: ScoreKind = "probability",
) -> Tensor:
    """The mean of random masks weighted by the score of the image under each, over the masks' expected value.

    A mask is a grid of ``cells`` x ``cells``, each 1 with probability ``keep``, upsampled (bilinear) to one cell more
    than the image and cropped at a random place. Every image draws its own masks, from its own seed.
    """
    draw = _random_masks(layer, masks, cells, keep)
    scores = layer.score_pictures(lambda i, n: layer.images[i] * draw(i, n)[:, None], masks, of=score)
    return _weighted_masks(scores, draw) / (masks * keep)


@method(
    "drise",
    title="D-RISE",
    needs=("input", "detections"),
    paper="arXiv:2006.03204",
    fails="With few masks the map is noise; an object much smaller than a cell is blurred.",
)
def drise(
    layer: Layer,
    *,
    masks: Annotated[int, Field(ge=1)] = 5000,
    cells: Annotated[int, Field(ge=1)] = 16,
    keep: Annotated[float, Field(gt=0, lt=1)] = 0.5,
) -> Tensor:
    """Random masks weighted by how similar the detections under each mask are to the explained detection.

    The similarity is the intersection over union of the boxes times the cosine of the class probabilities, of the
    detection for which this product is largest. The explained detection is that of the target in the whole image; the
    map is 0 where there is none. Every image draws its own masks, from its own seed.
    """
    draw = _random_masks(layer, masks, cells, keep)
    weights = layer.detection_similarity(lambda i, n: layer.images[i] * draw(i, n)[:, None], masks)
    return _weighted_masks(weights, draw) / (masks * keep)


def _random_masks(layer: Layer, count: int, cells: int, keep: float) -> Callable[[Tensor, Tensor], Tensor]:
    """``count`` masks for each of the layer's images, drawn from its seed: from images and masks (m,) to (m, H, W)."""
    size = (layer.images.shape[2], layer.images.shape[3])
    grids = (layer.uniform(count, cells, cells) < keep).to(layer.images)
    shifts = layer.uniform(count, 2, stream="shifts")
    return lambda image, variant: _masks(grids[image, variant], shifts[image, variant], size)


def _weighted_masks(weights: Tensor, draw: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """The sum (B, H, W) of each image's masks times their ``weights`` (B, n)."""
    return torch.stack([_weighted_sum(row, partial(_of_image, draw, i)) for i, row in enumerate(weights)])


def _of_image(draw: Callable[[Tensor, Tensor], Tensor], i: int, some: Tensor) -> Tensor:
    return draw(torch.full_like(some, i), some)


def _weighted_sum(weights: Tensor, masks: Callable[[Tensor], Tensor]) -> Tensor:
    """(H, W), a few masks at a time."""
    total = weights.new_zeros(())
    for some in torch.split(torch.arange(len(weights), device=weights.device), 64):
        total = total + torch.einsum("n,nhw->hw", weights[some], masks(some))
    return total


def _masks(grids: Tensor, shifts: Tensor, size: tuple[int, int]) -> Tensor:
    """(m, H, W) from grids (m, s, s) and shifts (m, 2) in 0 .. 1."""
    cell = [-(-side // grids.shape[1]) for side in size]
    large = F.interpolate(
        grids[:, None], [(grids.shape[1] + 1) * c for c in cell], mode="bilinear", align_corners=False
    )[:, 0]
    top, left = (shifts * torch.tensor(cell).to(shifts)).long().unbind(1)
    rows = top[:, None] + torch.arange(size[0], device=grids.device)
    columns = left[:, None] + torch.arange(size[1], device=grids.device)
    return large.gather(1, rows[:, :, None].expand(-1, -1, large.shape[2])).gather(
        2, columns[:, None, :].expand(-1, size[0], -1)
    )
