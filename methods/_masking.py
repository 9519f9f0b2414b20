"""What methods that mask images share: maps grown to the image's size, min-max normalised, and their quantiles."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def grown(maps: Tensor, size: Sequence[int]) -> Tensor:
    """(n, m, H, W) from maps (n, m, h, w): bilinear, align_corners=False, as the engine does."""
    return F.interpolate(maps, list(size), mode="bilinear", align_corners=False)


def minmax(maps: Tensor) -> Tensor:
    """Each map (..., h, w) in 0 .. 1; zero where it is constant."""
    low, high = maps.amin((-2, -1), keepdim=True), maps.amax((-2, -1), keepdim=True)
    return (maps - low) / torch.where(high > low, high - low, 1)


def quantile(maps: Tensor, share: float) -> Tensor:
    """(..., 1, 1): the quantile of each map's values, between two of them linearly. Of any size, as torch's is not."""
    ordered = maps.flatten(-2).sort(-1).values
    place = share * (ordered.shape[-1] - 1)
    below = int(place)
    above = min(below + 1, ordered.shape[-1] - 1)
    return torch.lerp(ordered[..., below], ordered[..., above], place - below)[..., None, None]
