"""Saliency maps at the image's size, and between 0 and 1."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def upsample(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Maps (N, h, w) at the image's size (N, H, W): bilinear, align_corners=False."""
    return F.interpolate(maps[:, None], size=size, mode="bilinear", align_corners=False)[:, 0]


def minmax(maps: Tensor) -> Tensor:
    """Maps (N, H, W) scaled to [0, 1], each by itself; a constant map becomes all zero."""
    low, high = maps.amin((-2, -1), keepdim=True), maps.amax((-2, -1), keepdim=True)
    span = high - low
    return torch.where(span > 0, (maps - low) / torch.where(span > 0, span, 1), 0)


def saliency(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Maps (N, h, w) as every metric sees them: (N, H, W), upsampled, then min-max normalised each by itself.

    Computed in float64 and rounded to float32: pixels that are equal in exact arithmetic, as the borders that bilinear
    upsampling clamps, are then equal, and their order is the protocol's and not rounding's. A constant map becomes all
    zero; constancy is judged before upsampling, whose rounding would otherwise be stretched to a full range of noise.
    """
    live = maps.amax((-2, -1), keepdim=True) > maps.amin((-2, -1), keepdim=True)
    return (minmax(upsample(maps.double(), size)) * live).float()
