"""Does the map point at the labelled object? Against the dataset's mask, at the size that the network sees.

Without a mask, or with an empty one, nothing here applies: that is never a hit and never a zero. A constant map points
nowhere: a miss, whatever its first pixel lies in.
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from benchbench.perturb import ranks
from benchbench.registry import metric
from benchbench.types import Scored, Seen

from .relation import midranks

NONE, EMPTY, FULL = "the dataset has no mask of it", "the mask is empty", "the mask covers the whole image"
_BOTH = ("map", "mask")


def masks_of(seen: Seen, *, full: bool = True) -> tuple[Tensor, tuple[str, ...]]:
    """The masks (B, H, W), and per image why there is none to be used; ``full``: one that covers everything may be."""
    if seen.mask is None:
        return torch.zeros_like(seen.map, dtype=torch.bool), (NONE,) * len(seen.map)
    area = seen.mask.flatten(1).sum(1).tolist()
    size = seen.mask[0].numel()
    return seen.mask, tuple(EMPTY if a == 0 else FULL if a == size and not full else "" for a in area)


def live(seen: Seen) -> Tensor:
    """(B,): whether the map is not constant."""
    return seen.map.amax((1, 2)) > seen.map.amin((1, 2))


@metric(
    "pointing_game",
    title="pointing game",
    higher_is_better=True,
    needs=_BOTH,
    protocols={"torchray-15": {}, "exact": {"tolerance": 0.0}},
    unit="share of images",
    paper="arXiv:1608.00507",
    family="localisation",
    range=(0, 1),
    equation="1 where the first highest pixel is less than 15 pixels from the mask, else 0",
    ranks_only=True,
)
def pointing_game(seen: Seen, *, tolerance: Annotated[float, Field(ge=0)] = 15.0) -> Scored:
    """Whether the most salient pixel, the first in row-major order, hits the object; strictly within the tolerance.

    Zhang et al. 2018; the tolerance is TorchRay's, there in pixels of the original image, here of the network's. With
    0 the pixel itself must lie in the mask.
    """
    masks, reasons = masks_of(seen)
    height, width = seen.map.shape[1:]
    place = seen.map.flatten(1).argmax(1)
    y, x = place // width, place % width
    rows = torch.arange(height, device=place.device)[:, None]
    columns = torch.arange(width, device=place.device)
    square = (rows - y[:, None, None]).square() + (columns - x[:, None, None]).square()
    nearest = torch.where(masks, square, torch.iinfo(torch.int64).max).amin((1, 2)).double()
    hit = (nearest < tolerance**2) | (nearest == 0)
    return Scored((hit & live(seen)).double(), inapplicable=reasons)


@metric(
    "energy_pointing_game",
    title="energy pointing game",
    higher_is_better=True,
    needs=_BOTH,
    protocols={"minmax": {}, "positive": {"of": "positive"}},
    unit="share of the mass",
    paper="arXiv:1910.01279",
    family="localisation",
    range=(0, 1),
    equation="sum of the map in the mask / sum of the map",
)
def energy_pointing_game(seen: Seen, *, of: Literal["minmax", "positive"] = "minmax") -> Scored:
    """The share of the map's mass that lies on the object (Wang et al. 2020, Score-CAM, section 4.3).

    ``of``: the min-max normalised map, or the positive part of the map as the method gave it. Compare with the mask's
    own share of the image, which part ``area`` tells: a map without preference has that.
    """
    masks, reasons = masks_of(seen)
    height = seen.map.double()
    if of == "positive":
        assert seen.raw is not None, "the engine gives the raw map"
        grown = F.interpolate(seen.raw.double()[:, None], masks.shape[1:], mode="bilinear", align_corners=False)
        height = grown[:, 0].clamp_min(0) * live(seen)[:, None, None]
    mass = height.sum((1, 2))
    inside = (height * masks).sum((1, 2))
    value = torch.where(mass > 0, inside / torch.where(mass > 0, mass, 1), 0)
    return Scored(value, parts={"area": masks.double().mean((1, 2))}, inapplicable=reasons)


@metric(
    "relevance_rank_accuracy",
    higher_is_better=True,
    needs=_BOTH,
    protocols={"mask-sized": {}},
    unit="share of pixels",
    paper="arXiv:2003.07258",
    family="localisation",
    range=(0, 1),
    equation="|the |mask| most salient pixels in the mask| / |mask|",
    ranks_only=True,
)
def relevance_rank_accuracy(seen: Seen) -> Scored:
    """Of as many most salient pixels as the mask has, the share that lies in it (Arras et al. 2022, equation 2)."""
    masks, reasons = masks_of(seen)
    area = masks.flatten(1).sum(1)
    chosen = ranks(seen.map) < area[:, None, None]
    return Scored(_share_inside(chosen, masks, area) * live(seen), inapplicable=reasons)


@metric(
    "topk_intersection",
    title="top-k intersection",
    higher_is_better=True,
    needs=_BOTH,
    protocols={"quantus-1000": {}},
    unit="share of pixels",
    paper="arXiv:2104.14995",
    family="localisation",
    range=(0, 1),
    equation="|the k most salient pixels in the mask| / k",
    ranks_only=True,
)
def topk_intersection(seen: Seen, *, k: Annotated[int, Field(ge=1)] = 1000) -> Scored:
    """Of the k most salient pixels the share that lies in the mask (Theiner et al. 2021); all pixels, if k is more."""
    masks, reasons = masks_of(seen)
    count = torch.full((len(masks),), min(k, masks[0].numel()), device=masks.device)
    return Scored(_share_inside(ranks(seen.map) < count[0], masks, count) * live(seen), inapplicable=reasons)


def _share_inside(chosen: Tensor, masks: Tensor, count: Tensor) -> Tensor:
    return (chosen & masks).flatten(1).sum(1).double() / count.clamp_min(1)


@metric(
    "attribution_auc",
    title="attribution AUC",
    higher_is_better=True,
    needs=_BOTH,
    protocols={"roc": {}},
    unit="probability",
    paper="doi:10.1016/j.patrec.2005.10.010",
    family="localisation",
    range=(0, 1),
    equation="P(a pixel of the mask is more salient than one outside) + P(equally salient) / 2",
    ranks_only=True,
)
def attribution_auc(seen: Seen) -> Scored:
    """Area under the ROC curve of the map as a classifier of the mask's pixels; a constant map has 1/2.

    By the rank sum (Fawcett 2006, section 7). Where the mask covers the image there is nothing outside: not applicable.
    """
    masks, reasons = masks_of(seen, full=False)
    inside = masks.flatten(1).double()
    ones = inside.sum(1)
    pairs = ones * (inside.shape[1] - ones)
    above = (midranks(seen.map.flatten(1)) * inside).sum(1) - ones * (ones + 1) / 2
    return Scored(torch.where(pairs > 0, above / torch.where(pairs > 0, pairs, 1), 0.5), inapplicable=reasons)


@metric(
    "pxap",
    title="PxAP",
    higher_is_better=True,
    needs=_BOTH,
    protocols={"per-image-1000": {}},
    unit="precision",
    paper="arXiv:2001.07437",
    family="localisation",
    range=(0, 1),
    equation="sum over thresholds of precision x gain in recall",
)
def pxap(seen: Seen, *, levels: Annotated[int, Field(ge=2, le=100_000)] = 1000) -> Scored:
    """Average precision of the map as a classifier of the mask's pixels, at 1,000 thresholds of the min-max map.

    Choe et al. 2020, section 3.3, image by image, where the paper pools the pixels of all images. A constant map has
    the mask's share of the image, which part ``area`` tells.
    """
    masks, reasons = masks_of(seen)
    flat, inside = seen.map.flatten(1).double(), masks.flatten(1).double()
    level = (levels - (flat * levels).floor().clamp(0, levels)).long()  # 0 for the most salient
    zeros = flat.new_zeros(len(flat), levels + 1)
    true = zeros.scatter_add(1, level, inside).cumsum(1)
    chosen = zeros.scatter_add(1, level, torch.ones_like(flat)).cumsum(1)
    recall = true / true[:, -1:].clamp_min(1)
    gain = torch.diff(recall, dim=1, prepend=torch.zeros_like(recall[:, :1]))
    return Scored((true / chosen.clamp_min(1) * gain).sum(1), parts={"area": inside.mean(1)}, inapplicable=reasons)
