"""Regions and boxes cut from the map by a threshold that was chosen on other images.

Choe et al. 2020, arXiv:2001.07437, and 2022, arXiv:2007.04178 (evaluation of weakly supervised localisation). They take
the threshold that is best on the very images that are scored. Here each half of the images (by a digest of their names)
is scored at the threshold that is best on the other half.

The map is cut where floor(255 S) > c, c = 0 .. 254: what the authors' 1000 thresholds come to on a map of bytes. A
constant map has nothing above 0: no region, no box, 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage
from torch import Tensor

from benchbench.registry import metric
from benchbench.types import Scored, Seen

from ._regions import absent, boxes_of

CUTS = 255
OVERLAPS = (0.3, 0.5, 0.7)
CORNERS = ndimage.generate_binary_structure(2, 2)
Truth = Literal["whole", "components"]
Array = npt.NDArray[np.float64]
Binary = npt.NDArray[np.bool_]
Extents = npt.NDArray[np.int64]


def best_elsewhere(x: Array, y: Array, fold: npt.NDArray[np.int_]) -> Array:
    """Each image's y at the threshold whose mean y is highest over the images of the other fold; the first of equals.

    Args:
        x: (S,) thresholds. Where they begin anew, a further curve begins: it has a threshold of its own, and the value
            is the mean over the curves.
        y: (N, S).
        fold: (N,), 0 or 1.

    Returns:
        (N,); NaN where the other fold is empty.
    """
    values = np.full(len(y), np.nan)
    curves = np.split(np.arange(len(x)), np.flatnonzero(np.diff(x) < 0) + 1)
    for here in (fold == 0, fold == 1):
        if here.any() and not here.all():
            mean = y[~here].mean(0)
            best = [curve[mean[curve].argmax()] for curve in curves]
            values[here] = y[np.ix_(here, best)].mean(1)
    return values


@metric(
    "iou",
    title="IoU at a held-out threshold",
    higher_is_better=True,
    needs={"map", "mask"},
    protocols={"held-out-255": {}},
    unit="IoU",
    paper="doi:10.1007/s11263-009-0275-4",
    family="localisation",
    range=(0, 1),
    equation="|{S > t} and M| / |{S > t} or M|, t best on the other half of the images",
    held_out=best_elsewhere,
)
def iou(seen: Seen) -> Scored:
    """Intersection over union of the object and the map above a threshold that is best on other images.

    Everingham et al. 2010 (PASCAL VOC), of regions. ``levels``: IoU by threshold. The ``value`` is the image's own
    best, for want of other images; the engine puts the held-out one in its place.
    """
    if seen.mask is None:
        return _none(seen)
    level = _bytes(seen.map).flatten(1)
    on = seen.mask.flatten(1)
    area, both = _above(level, torch.ones_like(on)), _above(level, on)
    union = area + on.sum(1, keepdim=True) - both
    return _curves(seen, [both.double() / union.clamp_min(1)], absent(seen))


@metric(
    "max_box_acc",
    title="MaxBoxAcc",
    higher_is_better=True,
    needs={"map", "mask", "boxes"},
    protocols={"wsol-v1": {"truth": "whole"}, "wsol-v1-components": {"truth": "components"}},
    unit="share of images",
    paper="arXiv:2001.07437",
    family="localisation",
    range=(0, 1),
    equation="[IoU(box of the largest contour of {S > t}, box of M) >= 0.5], t best on the other half of the images",
    held_out=best_elsewhere,
    truth="box-else-mask",
)
def max_box_acc(seen: Seen, *, truth: Truth = "whole") -> Scored:
    """1 where the box around the map's largest region overlaps the object's box by an IoU of 0.5 or more.

    Largest by the area that its outer contour encloses. The object's boxes are the data's, of which the best counts.
    Where the data have none, ``truth``: the box around the mask, or the box of each of its connected components.
    """
    return largest_box_hits(seen, truth)


@metric(
    "max_box_acc_v2",
    title="MaxBoxAccV2",
    higher_is_better=True,
    needs={"map", "mask", "boxes"},
    protocols={"wsol-v2": {"truth": "whole"}, "wsol-v2-components": {"truth": "components"}},
    unit="share of images",
    paper="arXiv:2007.04178",
    family="localisation",
    range=(0, 1),
    equation="mean over d = 0.3, 0.5, 0.7 of [max over contours of {S > t_d} of IoU(box, box of M) >= d], "
    "t_d best on the other half of the images",
    held_out=best_elsewhere,
    truth="box-else-mask",
)
def max_box_acc_v2(seen: Seen, *, truth: Truth = "whole") -> Scored:
    """The share of the IoUs 0.3, 0.5 and 0.7 that the best of the map's boxes reaches, each at its own threshold.

    A box around every contour, those of holes too, as in the authors' code. ``truth`` as in max_box_acc.
    """
    return _boxes(seen, OVERLAPS, truth, _every)


def largest_box_hits(seen: Seen, truth: Truth) -> Scored:
    """MaxBoxAcc's answer: by threshold, 1 where the largest region's box overlaps the object's by 0.5 or more."""
    return _boxes(seen, (0.5,), truth, _largest)


def _boxes(seen: Seen, overlaps: tuple[float, ...], truth: Truth, find: Callable[[Binary], Extents]) -> Scored:
    why = absent(seen, "box-else-mask")
    levels = _bytes(seen.map).byte().cpu().numpy()
    best = np.zeros((len(levels), CUTS))
    for i, level in enumerate(levels):
        if not why[i] and level.any():
            wanted = _wanted(seen, i, truth)
            best[i] = [_overlap(find(level > cut), wanted, level.shape) for cut in range(CUTS)]
    ious = torch.from_numpy(best).to(seen.map.device)
    return _curves(seen, [(ious >= overlap).double() for overlap in overlaps], why)


def _wanted(seen: Seen, i: int, truth: Truth) -> Extents:
    """(n, 4): the object's boxes in whole pixels, as the authors' code cuts them off; the data's, or the mask's."""
    boxes = boxes_of(seen)[i]
    if boxes is not None:
        return boxes.cpu().numpy().astype(np.int64)
    assert seen.mask is not None, "an image without boxes and mask has a reason"
    mask = seen.mask[i].cpu().numpy()
    return _every(mask, holes=False) if truth == "components" else _around(mask)


def _around(mask: Binary) -> Extents:
    """(1, 4): the box around everything."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return np.array([[columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]])


def _every(binary: Binary, holes: bool = True) -> Extents:
    """(n, 4): the box of every 8-connected component, and of every hole with the pixels around it."""
    labels, _ = ndimage.label(binary, CORNERS)
    outer = _extents(ndimage.find_objects(labels))
    if not holes:
        return outer
    inner = _extents(ndimage.find_objects(_holes(binary)))
    return np.concatenate([outer, inner + np.array([-1, -1, 1, 1])])


def _largest(binary: Binary) -> Extents:
    """(1, 4): the box of the component whose outer contour, drawn through pixel centres, encloses the largest area.

    Four pixels in a square enclose 1, three 1/2; one in a hole is enclosed. The first in row-major order of equals.
    """
    labels, count = ndimage.label(binary, CORNERS)
    if count > 1:
        filled = (binary | (_holes(binary) > 0)).astype(np.int8)
        labels, count = ndimage.label(filled, CORNERS)
        square = filled[:-1, :-1] + filled[1:, :-1] + filled[:-1, 1:] + filled[1:, 1:]
        at = np.nonzero(square > 2)  # then one of two opposite corners is filled
        owner = np.maximum(labels[:-1, :-1][at], labels[1:, 1:][at])
        area = np.bincount(owner, (square[at] - 2) / 2, minlength=count + 1)
        labels = labels == 1 + area[1:].argmax()
    return _around(labels > 0)


def _holes(binary: Binary) -> npt.NDArray[np.int32]:
    """(H, W): 4-connected parts of the background that do not reach the border, numbered; 0 elsewhere."""
    labels, count = ndimage.label(~binary)
    open_ = np.zeros(count + 1, dtype=bool)
    open_[0] = True  # what is no background
    for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        open_[edge] = True
    holes: npt.NDArray[np.int32] = np.where(open_, 0, np.cumsum(~open_))[labels].astype(np.int32)
    return holes


def _extents(slices: list[tuple[slice, slice]]) -> Extents:
    """(n, 4): x0, y0, x1, y1, the last two one past the box's last pixel."""
    corners = [(x.start, y.start, x.stop, y.stop) for y, x in slices]
    return np.array(corners, dtype=np.int64).reshape(-1, 4)


def _overlap(boxes: Extents, wanted: Extents, size: tuple[int, ...]) -> float:
    """The highest IoU of a box and a wanted one.

    As the authors compute it: x1 and y1 are cut at the image's last pixel and then count as inside, so that a box off
    the border is one pixel wider and higher than its region. Wanted boxes are made alike: a perfect map has IoU 1.
    """
    limit = np.array([size[1], size[0]]) - 1
    low, high = boxes[:, None, :2], np.minimum(boxes[:, None, 2:], limit)
    low_, high_ = wanted[None, :, :2], np.minimum(wanted[None, :, 2:], limit)
    both = (np.minimum(high, high_) - np.maximum(low, low_) + 1).clip(0).prod(2)
    union = (high - low + 1).prod(2) + (high_ - low_ + 1).prod(2) - both
    return float((both / union).max())


def _bytes(height: Tensor) -> Tensor:
    """(B, H, W) of 0 .. 255: floor(255 S)."""
    return (height.double() * 255).long()


def _above(level: Tensor, counted: Tensor) -> Tensor:
    """(B, 255): how many of the counted pixels have a level above 0, 1, .. 254."""
    histogram = torch.zeros(len(level), CUTS + 1, dtype=torch.long, device=level.device)
    histogram.scatter_add_(1, level, counted.long())
    return histogram.flip(1).cumsum(1).flip(1)[:, 1:]


def _curves(seen: Seen, curves: list[Tensor], why: tuple[str, ...]) -> Scored:
    x = torch.arange(CUTS, dtype=torch.float64, device=seen.map.device) / CUTS
    best = torch.stack([curve.amax(1) for curve in curves]).mean(0)
    return Scored(best, levels=(x.repeat(len(curves)), torch.cat(curves, 1)), inapplicable=why)


def _none(seen: Seen) -> Scored:
    return Scored(torch.full((len(seen.map),), torch.nan), inapplicable=absent(seen))
