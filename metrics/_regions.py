"""What every localisation metric asks first: which region of the image counts, and whether the map can miss it."""

from __future__ import annotations

from collections.abc import Callable
from math import isqrt
from typing import Literal, TypeAlias

import torch
from torch import Tensor
from torch.nn.functional import max_pool1d

from benchbench.types import Scored, Seen

from ..maps.box_region import filled
from ..maps.similarity import reasons

Truth: TypeAlias = Literal["mask", "mask-else-box", "box-else-mask"]

NO_MASK = "the image has no mask"
NO_TRUTH = "the image has no mask and no boxes"
EMPTY = "the image's mask is empty"
CUT_AWAY = "the crop that the network sees has none of the object's boxes in it"
WHOLE = "the mask, as this metric reads it, covers the whole image: every map would score alike"


def on_region(
    seen: Seen,
    score: Callable[[Tensor], Tensor],
    region: Callable[[Tensor], Tensor] = lambda mask: mask,
    truth: Truth = "mask",
) -> Scored:
    """The score of each map on its image's region, where there is one that a map can miss.

    Args:
        score: takes the regions (B, H, W) bool; gives (B,). Its answer is dropped where the metric does not apply.
        region: takes the objects (B, H, W) bool; gives the regions. By default the objects themselves.
        truth: the object is its mask; or, for want of that, all its boxes filled; or the boxes, and for want of them
            the box around the mask.
    """
    why = absent(seen, truth)
    if all(why):
        return Scored(torch.full((len(seen.map),), torch.nan), inapplicable=why)
    regions = region(_objects(seen, truth))
    covered = reasons((regions.flatten(1).all(1), WHOLE))
    return Scored(score(regions), inapplicable=tuple(a or b for a, b in zip(why, covered, strict=True)))


def absent(seen: Seen, truth: Truth = "mask") -> tuple[str, ...]:
    """Per image why there is no object to look for, or ""."""
    masked = (NO_MASK,) * len(seen.map) if seen.mask is None else reasons(_empty(seen.mask))
    if truth == "mask":
        return masked
    boxes = boxes_of(seen)
    boxed = tuple(NO_TRUTH if known is None else "" if len(known) else CUT_AWAY for known in boxes)
    if truth == "box-else-mask" and seen.mask is not None:
        return tuple(b if known is not None else m for m, b, known in zip(masked, boxed, boxes, strict=True))
    return boxed if seen.mask is None else masked


def boxes_of(seen: Seen) -> tuple[Tensor | None, ...]:
    """Per image its boxes (n, 4), or None where the data tell none."""
    return seen.boxes or (None,) * len(seen.map)


def _objects(seen: Seen, truth: Truth) -> Tensor:
    """(B, H, W) bool: where the objects are; nowhere where there is none."""
    if seen.mask is not None and truth != "box-else-mask":
        return seen.mask
    around = torch.zeros_like(seen.map, dtype=torch.bool) if seen.mask is None else boxed(seen.mask)
    for i, known in enumerate(boxes_of(seen)):
        if known is not None:
            around[i] = filled(known, around.shape[1:])
    return around


def _empty(mask: Tensor) -> tuple[Tensor, str]:
    return ~mask.flatten(1).any(1), EMPTY


def within(mask: Tensor, tolerance: int) -> Tensor:
    """(B, H, W) bool: the pixels whose centre is less than ``tolerance`` pixels from one of the mask's, strictly.

    The disc is taken a row of it at a time: a run of pixels to both sides, moved up and down.
    """
    height, width = mask.shape[1:]
    near = torch.zeros_like(mask)
    for dy in range(min(tolerance, height)):
        half = min(isqrt(tolerance**2 - dy**2 - 1), width - 1)
        run = max_pool1d(mask.float(), 2 * half + 1, stride=1, padding=half) > 0
        near[:, dy:] |= run[:, : height - dy]
        near[:, : height - dy] |= run[:, dy:]
    return near


def boxed(mask: Tensor) -> Tensor:
    """(B, H, W) bool: the smallest upright box around each mask, filled."""
    return _spanned(mask.any(2))[:, :, None] & _spanned(mask.any(1))[:, None, :]


def _spanned(line: Tensor) -> Tensor:
    """(B, n) bool: from the first to the last true place of each row."""
    count = line.long()
    return (count.cumsum(1) > 0) & (count.flip(1).cumsum(1).flip(1) > 0)
