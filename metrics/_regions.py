"""What every localisation metric asks first: which region of the image counts, and whether the map can miss it."""

from __future__ import annotations

from collections.abc import Callable
from math import isqrt

import torch
from torch import Tensor
from torch.nn.functional import max_pool1d

from benchbench.types import Scored, Seen

from ..maps.similarity import reasons

NO_MASK = "the image has no mask"
EMPTY = "the image's mask is empty"
WHOLE = "the mask, as this metric reads it, covers the whole image: every map would score alike"


def on_region(
    seen: Seen, score: Callable[[Tensor], Tensor], region: Callable[[Tensor], Tensor] = lambda mask: mask
) -> Scored:
    """The score of each map on its image's region, where there is one that a map can miss.

    Args:
        score: takes the regions (B, H, W) bool; gives (B,). Its answer is dropped where the metric does not apply.
        region: takes the masks (B, H, W) bool; gives the regions. By default the masks themselves.
    """
    if seen.mask is None:
        return Scored(torch.full((len(seen.map),), torch.nan), inapplicable=absent(seen))
    regions = region(seen.mask)
    return Scored(score(regions), inapplicable=reasons(_empty(seen.mask), (regions.flatten(1).all(1), WHOLE)))


def absent(seen: Seen) -> tuple[str, ...]:
    """Per image why there is no object to look for, or ""."""
    if seen.mask is None:
        return (NO_MASK,) * len(seen.map)
    return reasons(_empty(seen.mask))


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
