"""Saliency maps at the image's size, and between 0 and 1."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def upsample(maps: Tensor, size: Sequence[int]) -> Tensor:
    """Maps (N, h, w) or (N, M, h, w) at the size (H, W): bilinear, align_corners=False."""
    stack = maps[:, None] if maps.ndim == 3 else maps
    large = F.interpolate(stack, size=list(size), mode="bilinear", align_corners=False)
    return large[:, 0] if maps.ndim == 3 else large


def minmax(maps: Tensor) -> Tensor:
    """Maps (..., h, w) scaled to [0, 1], each by itself; a constant map becomes all zero, and NaN stays NaN."""
    low, high = maps.amin((-2, -1), keepdim=True), maps.amax((-2, -1), keepdim=True)
    return (maps - low) / torch.where(high > low, high - low, 1)


def quantile(maps: Tensor, share: float) -> Tensor:
    """(..., 1, 1): the quantile of each map's values (..., h, w), interpolated linearly.

    torch.quantile does the same and refuses more than 16 million values.
    """
    ordered = maps.flatten(-2).sort(-1).values
    place = share * (ordered.shape[-1] - 1)
    below = int(place)
    above = min(below + 1, ordered.shape[-1] - 1)
    return torch.lerp(ordered[..., below], ordered[..., above], place - below)[..., None, None]


def saliency(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Maps (N, h, w) as every metric sees them: (N, H, W), upsampled, then min-max normalised each by itself.

    Computed in float64 and rounded to float32: pixels that are equal in exact arithmetic, as the borders that bilinear
    upsampling clamps, are then equal, and their order is the protocol's and not rounding's. A constant map becomes all
    zero; constancy is judged before upsampling, whose rounding would otherwise be stretched to a full range of noise.
    """
    live = maps.amax((-2, -1), keepdim=True) > maps.amin((-2, -1), keepdim=True)
    return (minmax(upsample(maps.double(), size)) * live).float()
