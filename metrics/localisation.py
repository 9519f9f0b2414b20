"""Does the map point at the labelled object? Metrics of a map and the object's mask or boxes, at the image's size.

The map is upsampled and min-max normalised, as in docs/definitions.md. An image without the truth that a metric takes,
with an empty one, or with one that no map can miss, is not applicable: never a hit and never a zero. What a constant
map scores stands in each metric; it is never more than chance.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
import torch
from pydantic import AfterValidator, Field
from torch import Tensor

from benchbench.registry import metric
from benchbench.types import Scored, Seen

from ..maps.normalise import upsample
from ._correlation import midranks
from ._regions import on_region, within

Array = npt.NDArray[np.float64]
Pixels = Annotated[int, Field(ge=1, le=100_000)]
Levels = Annotated[int, Field(ge=0, le=100_000)]
MASKED = {"map", "mask"}
LOCATED = {"map", "mask", "boxes"}


def _whole(k: float) -> float:
    if k > 1 and k != int(k):
        raise ValueError("a number of pixels is whole")
    return k


PixelsOrShare = Annotated[float, Field(gt=0, le=100_000), AfterValidator(_whole)]


@metric(
    "pointing_game",
    title="pointing game",
    higher_is_better=True,
    needs=LOCATED,
    protocols={"torchray-15": {"tolerance": 15}, "exact": {"tolerance": 1}},
    unit="share of images",
    paper="arXiv:1608.00507",
    family="localisation",
    range=(0, 1),
    equation="[min over pixels m of the mask of |argmax S - m| < tolerance]",
    ranks_only=True,
    truth="mask-else-box",
)
def pointing_game(seen: Seen, *, tolerance: Pixels = 15) -> Scored:
    """1 where the map's highest pixel lies on the object or less than 15 pixels from it, else 0.

    Zhang et al. 2016 (excitation backprop). The margin is TorchRay's: a pixel of the mask at a Euclidean
    distance strictly below ``tolerance``; 1 is the highest pixel alone. TorchRay measures on the photograph at its own
    size, here the image is what the network sees. Of equal pixels the first in row-major order points. A constant map
    points nowhere: 0. Not applicable where the mask with its margin covers the image. Data without masks are judged by
    their boxes, filled, as Zhang et al. do on VOC.

    The margin is of pixels, whatever the image's size: a disc of it covers a sixth of 64 x 64, where a map that points
    at the centre passes nearly always. Use ``exact`` there.
    """
    height = seen.map.flatten(1)
    points = height.amax(1) > height.amin(1)

    def hit(region: Tensor) -> Tensor:
        on = region.flatten(1).gather(1, height.argmax(1, keepdim=True))[:, 0]
        return (on & points).double()

    return on_region(seen, hit, lambda mask: within(mask, tolerance), truth="mask-else-box")


@metric(
    "energy_pointing_game",
    title="energy pointing game",
    higher_is_better=True,
    needs=LOCATED,
    protocols={
        "minmax-mask": {"mass": "minmax", "region": "mask"},
        "scorecam-box": {"mass": "minmax", "region": "box"},
        "positive-mask": {"mass": "positive", "region": "mask"},
    },
    unit="share of the mass",
    paper="arXiv:1910.01279",
    family="localisation",
    range=(0, 1),
    equation="sum of S over the region / sum of S",
    truth="mask",
    reading=lambda mass, region: {"truth": "box-else-mask"} if region == "box" else {},
)
def energy_pointing_game(
    seen: Seen, *, mass: Literal["minmax", "positive"] = "minmax", region: Literal["mask", "box"] = "mask"
) -> Scored:
    """The share of the map's positive mass that lies on the object.

    Wang et al. 2020 (Score-CAM), whose region is the bounding ``box``: the data's boxes, or the one around the mask
    where the data have none. The mass is the min-max normalised
    map, whose lowest pixel is 0; with ``positive`` it is the positive part of the map as the method gave it, upsampled:
    the relevance mass accuracy of Arras et al. 2022, arXiv:2003.07258. No mass, as a constant map has after min-max,
    has no share on the object: 0.
    """
    height = seen.map.double()
    if mass == "positive":
        assert seen.raw is not None, "the engine gives the map at its layer's size"
        height = upsample(seen.raw.double(), (seen.map.shape[1], seen.map.shape[2])).clamp_min(0)

    def share(regions: Tensor) -> Tensor:
        total = height.sum((1, 2))
        return torch.where(total > 0, (height * regions).sum((1, 2)) / total, 0).clamp_max(1)

    return on_region(seen, share, truth="box-else-mask" if region == "box" else "mask")


@metric(
    "relevance_rank_accuracy",
    title="relevance rank accuracy",
    higher_is_better=True,
    needs=MASKED,
    protocols={"arras": {}},
    unit="share of the mask's size",
    paper="arXiv:2003.07258",
    family="localisation",
    range=(0, 1),
    equation="|top-|M| pixels of S and M| / |M|",
    ranks_only=True,
)
def relevance_rank_accuracy(seen: Seen) -> Scored:
    """Of the K highest pixels the share on the object, K the object's size in pixels.

    Arras et al. 2022. Equal pixels at the limit count by the share of them that is on the object, which is
    the mean over all orders of them: no corner of the image is favoured, and a constant map scores the mask's share.
    """
    return on_region(seen, lambda mask: _in_top(seen.map, mask, mask.flatten(1).sum(1)))


@metric(
    "topk_intersection",
    title="top-k intersection",
    higher_is_better=True,
    needs=MASKED,
    protocols={"quantus-1000": {"k": 1000}, "top-5-percent": {"k": 0.05}},
    unit="share of k",
    paper="arXiv:2104.14995",
    family="localisation",
    range=(0, 1),
    equation="|top-k pixels of S and M| / k",
    ranks_only=True,
)
def topk_intersection(seen: Seen, *, k: PixelsOrShare = 1000) -> Scored:
    """Of the k highest pixels the share on the object; k is a number of pixels or, below 1, a share of the image's.

    Theiner et al. 2022; k = 1000 is Quantus' default. Where the object has fewer than k pixels, a perfect map scores
    below 1. Equal pixels as in relevance_rank_accuracy. Not applicable to an image of k pixels or fewer.
    """
    pixels = seen.map[0].numel()
    count = int(k) if k >= 1 else max(1, round(k * pixels))
    if count >= pixels:
        why = f"the image has {pixels} pixels, not more than k = {count}: every map takes all of them"
        return Scored(torch.full((len(seen.map),), torch.nan), inapplicable=(why,) * len(seen.map))
    return on_region(
        seen, lambda mask: _in_top(seen.map, mask, torch.full_like(mask[:, 0, 0], count, dtype=torch.long))
    )


@metric(
    "attribution_auc",
    title="attribution AUC",
    higher_is_better=True,
    needs=MASKED,
    protocols={"mid-ranks": {}},
    unit="probability",
    paper="doi:10.1016/j.patrec.2005.10.010",
    family="localisation",
    range=(0, 1),
    equation="P(S(on) > S(off)) + P(S(on) = S(off)) / 2",
    ranks_only=True,
)
def attribution_auc(seen: Seen) -> Scored:
    """Area under the ROC curve of the map as a classifier of the object's pixels.

    Fawcett 2006: the probability that a pixel of the object is higher than one outside it, equal ones counting half (by
    mid-ranks). A constant map scores 1/2, as chance does.
    """

    def area(mask: Tensor) -> Tensor:
        height, on = seen.map.flatten(1), mask.flatten(1)
        rank = midranks(height)
        inside = on.sum(1).double()
        wins = (rank * on).sum(1) - inside * (inside + 1) / 2
        return wins / (inside * (on.shape[1] - inside))

    return on_region(seen, area)


def pooled_precision(sums: Array) -> Array:
    """(R,): average precision of (R, 2 S): the object's pixels in each step of the map, from the top, then all pixels.

    Choe et al. 2020: the sum over thresholds of precision times the rise in recall, pixels of all images together.
    """
    on, every = np.split(sums, 2, axis=1)
    hits, shown = on.cumsum(1), every.cumsum(1)
    precision = np.divide(hits, shown, out=np.zeros_like(hits), where=shown > 0)
    return np.asarray((precision * on).sum(1) / hits[:, -1])


@metric(
    "pxap",
    title="PxAP per image",
    higher_is_better=True,
    needs=MASKED,
    protocols={"wsol-1000": {"levels": 1000}, "wsol-100": {"levels": 100}, "exact": {"levels": 0}},
    unit="average precision",
    paper="arXiv:2001.07437",
    family="localisation",
    range=(0, 1),
    equation="sum over thresholds t, falling, of precision(t) (recall(t) - recall(t before))",
    pooled=pooled_precision,
)
def pxap(seen: Seen, *, levels: Levels = 1000) -> Scored:
    """Average precision of the map as a classifier of the object's pixels, for each image by itself.

    Choe et al. 2020, who pool the pixels of all images; a value per image is what can be paired. Theirs, of all images
    together, stands in pooled.parquet and ``run.pooled()``, bootstrapped over images. Their code counts
    pixels in steps of 1 / ``levels`` of the normalised map (1000; 100 in its evaluation script), the value 1 apart;
    0 takes every distinct value as a threshold. A constant map scores the mask's share of the image.
    """

    def precision(mask: Tensor) -> Tensor:
        height = _steps(seen.map, levels) if levels else seen.map
        falling, order = height.flatten(1).sort(dim=1, descending=True)
        on = mask.flatten(1).gather(1, order)
        shown = falling.shape[1] - torch.searchsorted(falling.flip(1), falling)  # pixels as high or higher
        hits = on.long().cumsum(1).gather(1, shown - 1)
        return (on * (hits.double() / shown)).sum(1) / on.sum(1)

    scored = on_region(seen, precision)
    if seen.mask is None or not levels:
        return scored
    step = levels + 1 - _steps(seen.map, levels).flatten(1)  # 0 is the top
    on = [
        torch.zeros_like(step[:, :1]).repeat(1, levels + 1).scatter_add(1, step, counted)
        for counted in (seen.mask.flatten(1).long(), torch.ones_like(step))
    ]
    tops = torch.arange(levels, -1, -1, dtype=torch.float64) / levels
    return replace(scored, levels=(tops.repeat(2), torch.cat(on, 1)))


def _steps(height: Tensor, levels: int) -> Tensor:
    """(B, H, W): in which of the ``levels`` equal steps of [0, 1) a pixel lies; 1 is in the last, which is its own."""
    edges = torch.arange(levels, dtype=torch.float64, device=height.device) * (1 / levels)
    return torch.bucketize(height.double(), torch.cat([edges, edges.new_ones(1)]), right=True)


def _in_top(height: Tensor, mask: Tensor, count: Tensor) -> Tensor:
    """(B,): of the ``count`` (B,) highest pixels the share in the mask, equal ones at the limit by expectation."""
    flat, on = height.flatten(1), mask.flatten(1)
    limit = flat.sort(dim=1, descending=True).values.gather(1, (count - 1).clamp_min(0)[:, None])
    above, level = flat > limit, flat == limit
    left = count - above.sum(1)
    hits = (above & on).sum(1) + left * (level & on).sum(1).double() / level.sum(1)
    return hits / count
