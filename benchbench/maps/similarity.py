"""How alike two maps of the same image are, and how complex one is. All in float64, a number per image.

Maps are compared after min-max normalisation, rounded to a millionth: cells that differ by less are equal, as what
another batch size does to a map is less. A map with no more spread than that, as a share of its largest value, is
constant.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .normalise import minmax

_STEPS = 1_000_000
ROUNDING = 1 / _STEPS
_WINDOW = 7


def constant(maps: Tensor) -> Tensor:
    """(B,) bool: whether a map (B, ...) is the same everywhere."""
    flat = maps.double().flatten(1)
    return flat.amax(1) - flat.amin(1) <= ROUNDING * flat.abs().amax(1)


def levels(maps: Tensor) -> Tensor:
    """(B, N): the map's cells on a scale of 0 to 1, rounded; a constant map is zero."""
    return _steps(maps).double() * ROUNDING


def _steps(maps: Tensor) -> Tensor:
    """(B, N), 0 to a million: ``levels`` as whole numbers, so that no further rounding moves them."""
    flat = minmax(maps.double().flatten(1)[:, None])[:, 0]
    return (flat * _STEPS).round().long() * ~constant(maps)[:, None]


def pearson(first: Tensor, second: Tensor) -> Tensor:
    """(B,): the correlation of two maps (B, ...) of one shape, in [-1, 1]; NaN where either is constant."""
    return _correlation(levels(first), levels(second))


def spearman(first: Tensor, second: Tensor) -> Tensor:
    """(B,): the correlation of the cells' ranks, in [-1, 1]; equal cells share a rank; NaN where either is constant."""
    return _correlation(ranks(levels(first)), ranks(levels(second)))


def ranks(values: Tensor) -> Tensor:
    """(B, N): from the lowest, 0 to N - 1; equal values share the mean of their ranks."""
    ordered = values.sort(1).values.contiguous()
    low = torch.searchsorted(ordered, values.contiguous())
    high = torch.searchsorted(ordered, values.contiguous(), right=True)
    return (low + high - 1).double() / 2


def _correlation(first: Tensor, second: Tensor) -> Tensor:
    first, second = (x - x.mean(1, keepdim=True) for x in (first, second))
    spread = first.norm(dim=1) * second.norm(dim=1)
    return torch.where(spread > 0, (first * second).sum(1) / spread, torch.nan).clamp(-1, 1)


def ssim(first: Tensor, second: Tensor) -> Tensor:
    """(B,): the structural similarity of two maps (B, H, W) in [0, 1]. Wang et al. 2004.

    Mean over all places of a uniform window of 7 x 7 (less where a map is smaller), sample covariances, K1 = 0.01,
    K2 = 0.03, range 1. A number in [-1, 1], for constant maps too.
    """
    window = [min(_WINDOW, side) for side in first.shape[1:]]
    count = window[0] * window[1]

    def local(values: Tensor) -> Tensor:
        return F.avg_pool2d(values[:, None], window, stride=1)[:, 0]

    x, y = first.double(), second.double()
    mean_x, mean_y = local(x), local(y)
    unbiased = count / max(count - 1, 1)
    spread = unbiased * (local(x * x) - mean_x**2 + local(y * y) - mean_y**2)
    shared = unbiased * (local(x * y) - mean_x * mean_y)
    c1, c2 = 0.01**2, 0.03**2
    similarities = (2 * mean_x * mean_y + c1) * (2 * shared + c2) / ((mean_x**2 + mean_y**2 + c1) * (spread + c2))
    return similarities.mean((1, 2))


def histogram_entropy(maps: Tensor, bins: int) -> Tensor:
    """(B,): the entropy in nats of each map's histogram, of equal bins from its lowest to its highest value."""
    place = (_steps(maps) * bins // _STEPS).clamp(max=bins - 1)
    counts = torch.zeros(len(maps), bins, dtype=torch.float64, device=maps.device)
    counts.scatter_add_(1, place, torch.ones_like(place, dtype=torch.float64))
    share = counts / place.shape[1]
    return -torch.xlogy(share, share).sum(1)


def reasons(*rules: tuple[Tensor, str]) -> tuple[str, ...]:
    """Per image the first reason whose mask (B,) is true, or "": what a metric says where it does not apply."""
    masks = [(mask.tolist(), why) for mask, why in rules]
    return tuple(next((why for mask, why in masks if mask[i]), "") for i in range(len(masks[0][0])))
