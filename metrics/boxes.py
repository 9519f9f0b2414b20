"""Localisation at a threshold of the map: IoU with the mask, MaxBoxAcc with its box.

A map says no threshold. It is chosen on other images of the same data, network, layer and method: the images are split
in two by their ids, and each half is judged at the threshold that is best on the other. Choe et al. 2020,
arXiv:2001.07437, choose on a set that is held out; their code on the very images that it judges, which flatters.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage
from torch import Tensor

from benchbench.registry import metric
from benchbench.types import Scored, Seen

from .localisation import masks_of

Array: TypeAlias = npt.NDArray[np.float64]
Box: TypeAlias = tuple[int, int, int, int]  # top, bottom, left, right: all inside
LEVELS = 100
OVERLAPS = (0.3, 0.5, 0.7)
_TOUCHING = np.ones((3, 3), dtype=int)  # diagonal neighbours are one component, as a contour has them


def held_out(x: Array, y: Array, fold: npt.NDArray[np.int64]) -> Array:
    """(N,): y (N, S) of each image at the threshold that is best, on average, on the images of the other fold.

    The lowest of equally good thresholds. NaN where the other fold is empty.
    """
    found = np.full(len(y), np.nan)
    for own in (0, 1):
        others = y[fold != own]
        if len(others):
            found[fold == own] = y[fold == own, int(np.argmax(others.mean(0)))]
    return found


def held_out_each(x: Array, y: Array, fold: npt.NDArray[np.int64]) -> Array:
    """The mean of ``held_out`` over equal parts of y (N, P S), each with a threshold of its own; x has P S values."""
    parts = len(OVERLAPS)
    each = [held_out(x, part, fold) for part in np.split(y, parts, axis=1)]
    return np.asarray(np.mean(each, axis=0))


def _thresholds(device: torch.device) -> Tensor:
    return torch.arange(LEVELS, dtype=torch.float64, device=device) / LEVELS


@metric(
    "iou",
    title="IoU",
    higher_is_better=True,
    needs=("map", "mask"),
    protocols={"held-out-100": {}},
    unit="share",
    paper="arXiv:2001.07437",
    family="localisation",
    range=(0, 1),
    equation="|map > t and mask| / |map > t or mask|, t the best on the other half of the images",
    across=held_out,
)
def iou(seen: Seen) -> Scored:
    """Intersection over union of the mask and the map above a threshold, of 100, that was chosen on other images."""
    masks, reasons = masks_of(seen)
    level = (seen.map.flatten(1).double() * LEVELS).ceil().clamp(0, LEVELS).long()  # map > t / 100 for t < level
    inside = masks.flatten(1).double()
    zeros = inside.new_zeros(len(inside), LEVELS + 1)
    both = zeros.scatter_add(1, level, inside)
    chosen = zeros.scatter_add(1, level, torch.ones_like(inside))
    above = [hist.flip(1).cumsum(1).flip(1)[:, 1:] for hist in (both, chosen)]  # at t: the levels above t
    union = (above[1] + inside.sum(1, keepdim=True) - above[0]).clamp_min(1)
    y = above[0] / union
    return Scored(y.amax(1), levels=(_thresholds(y.device), y), inapplicable=reasons)


@metric(
    "max_box_acc",
    title="MaxBoxAcc",
    higher_is_better=True,
    needs=("map", "mask"),
    protocols={"v1-held-out-100": {}},
    unit="share of images",
    paper="arXiv:2001.07437",
    family="localisation",
    range=(0, 1),
    equation="1 where the box of the largest component of map > t has IoU >= 0.5 with the mask's box",
    across=held_out,
)
def max_box_acc(seen: Seen) -> Scored:
    """Whether the box around the largest part of the map above a threshold hits the object's, with an IoU of 0.5.

    The object's box is that of its whole mask. Components touch at corners too; sizes are in pixels.
    """
    masks, reasons = masks_of(seen)
    best = _overlaps(seen.map, masks, reasons, largest=True)
    y = torch.from_numpy((best >= 0.5).astype(float)).to(seen.map.device)
    return Scored(y.amax(1), levels=(_thresholds(y.device), y), inapplicable=reasons)


@metric(
    "max_box_acc_v2",
    title="MaxBoxAccV2",
    higher_is_better=True,
    needs=("map", "mask"),
    protocols={"held-out-100": {}},
    unit="share of images",
    paper="arXiv:2007.04178",
    family="localisation",
    range=(0, 1),
    equation="mean over 0.3, 0.5, 0.7 of: 1 where the best box of map > t has at least that IoU with the mask's box",
    across=held_out_each,
)
def max_box_acc_v2(seen: Seen) -> Scored:
    """As MaxBoxAcc, with the best box of all parts of the map, at IoUs of 0.3, 0.5 and 0.7, each with its threshold."""
    masks, reasons = masks_of(seen)
    best = _overlaps(seen.map, masks, reasons, largest=False)
    hits = np.concatenate([best >= overlap for overlap in OVERLAPS], 1).astype(float)
    y = torch.from_numpy(hits).to(seen.map.device)
    x = torch.cat([_thresholds(y.device)] * len(OVERLAPS))
    return Scored(y.view(len(y), len(OVERLAPS), -1).amax(2).mean(1), levels=(x, y), inapplicable=reasons)


def _overlaps(maps: Tensor, masks: Tensor, reasons: tuple[str, ...], *, largest: bool) -> Array:
    """(B, 100): per threshold the IoU with the mask's box of the largest component's box, or of the best one's."""
    found = np.zeros((len(maps), LEVELS))
    pairs = zip(maps.cpu().numpy(), masks.cpu().numpy(), reasons, strict=True)
    for i, (height, mask, reason) in enumerate(pairs):
        if reason:
            continue
        target = box_of(mask)
        for t in range(LEVELS):
            boxes = boxes_of(height > t / LEVELS, largest=largest)
            found[i, t] = max((overlap(box, target) for box in boxes), default=0.0)
    return found


def boxes_of(chosen: npt.NDArray[np.bool_], *, largest: bool) -> list[Box]:
    """The boxes around the components of (H, W), or around the largest one alone, the first of equals."""
    labels, count = ndimage.label(chosen, structure=_TOUCHING)
    places: list[Any] = ndimage.find_objects(labels)
    if largest and count:
        sizes = np.bincount(labels.ravel())[1:]
        places = [places[int(np.argmax(sizes))]]
    return [(rows.start, rows.stop - 1, columns.start, columns.stop - 1) for rows, columns in places]


def box_of(mask: npt.NDArray[np.bool_]) -> Box:
    """The box around all of a mask (H, W) that is not empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(rows[0]), int(rows[-1]), int(columns[0]), int(columns[-1])


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes, in pixels."""
    height = min(one[1], other[1]) - max(one[0], other[0]) + 1
    width = min(one[3], other[3]) - max(one[2], other[2]) + 1
    both = max(height, 0) * max(width, 0)
    area = sum((box[1] - box[0] + 1) * (box[3] - box[2] + 1) for box in (one, other))
    return both / (area - both)
