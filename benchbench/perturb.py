"""Probes: perturbed images as data. What to remove, how much of it, and what to put there.

A probe is a frozen record, so equal probes of different metrics are one probe, scored once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torch.nn import functional as F

FillName: TypeAlias = Literal["zero", "blur"]
Order: TypeAlias = Literal["most", "least"]


@dataclass(frozen=True)
class Whole:
    """The image as it is."""


@dataclass(frozen=True)
class Filled:
    """Nothing of the image: the fill alone."""

    fill: FillName


@dataclass(frozen=True)
class Remove:
    """The first round(fraction * H * W) pixels are replaced by the fill, the ``most`` (or ``least``) salient first.

    Pixels of equal saliency go in row-major order.
    """

    fraction: float
    fill: FillName = "zero"
    order: Order = "most"


@dataclass(frozen=True)
class Keep:
    """All but the first round(fraction * H * W) pixels are replaced by the fill, the ``most`` salient kept first."""

    fraction: float
    fill: FillName = "zero"
    order: Order = "most"


@dataclass(frozen=True)
class Multiply:
    """image * map + fill * (1 - map), with the min-max normalised map (or 1 - map where ``inverted``)."""

    fill: FillName = "zero"
    inverted: bool = False


Probe: TypeAlias = Whole | Filled | Remove | Keep | Multiply


def canonical(probe: Probe) -> Probe:
    """The same picture by its simplest name: removing nothing is Whole, keeping nothing is Filled."""
    match probe:
        case Remove(fraction=0.0) | Keep(fraction=1.0):
            return Whole()
        case Remove(fraction=1.0, fill=fill) | Keep(fraction=0.0, fill=fill):
            return Filled(fill)
    return probe


def fill_of(probe: Probe) -> FillName | None:
    """The fill that the probe's pictures contain; None for the whole image."""
    return None if isinstance(probe, Whole) else probe.fill


def order_of(probe: Probe) -> Order:
    """Which pixels go first; of no consequence for probes without an order."""
    return probe.order if isinstance(probe, (Remove, Keep)) else "most"


def needs_map(probe: Probe) -> bool:
    """Whether the picture depends on the map, or on the image alone."""
    return not isinstance(canonical(probe), (Whole, Filled))


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


def ranks(maps: Tensor, order: Order = "most") -> Tensor:
    """(N, H, W): 0 for the most (or least) salient pixel of each map, H*W - 1 for the last; ties in row-major order."""
    flat = maps.flatten(1)
    sequence = flat.argsort(dim=1, descending=order == "most", stable=True)
    places = torch.arange(flat.shape[1], device=maps.device).expand_as(sequence)
    return torch.empty_like(sequence).scatter_(1, sequence, places).view_as(maps)


def fill_zero(images: Tensor) -> Tensor:
    """Zeros in the network's normalised space: the mean colour."""
    return torch.zeros_like(images)


def rise_kernel() -> Tensor:
    """RISE's blur (11, 11): a delta filtered by scipy with sigma 5 in an 11 x 11 box with reflecting border.

    The Gaussian folds back at the border, so this is nearly a box: centre 0.00883, corner 0.00774. Source: RISE's
    evaluation code (arXiv:1806.07421); a plain 11 x 11 Gaussian of sigma 5 is another protocol.
    """
    delta = torch.zeros(11, 11, dtype=torch.float64)
    delta[5, 5] = 1
    return torch.from_numpy(gaussian_filter(delta.numpy(), 5)).float()


def fill_blur(images: Tensor) -> Tensor:
    """The image under RISE's blur, with zero padding, channel by channel."""
    kernel = rise_kernel().to(images)
    channels = images.shape[1]
    return F.conv2d(images, kernel.expand(channels, 1, 11, 11), padding=5, groups=channels)


FILLS: dict[FillName, Callable[[Tensor], Tensor]] = {"zero": fill_zero, "blur": fill_blur}


def apply(probe: Probe, images: Tensor, fill: Tensor, rank: Tensor, maps: Tensor) -> Tensor:
    """The probe's pictures (N, 3, H, W).

    Args:
        images, fill: (N, 3, H, W), row by row.
        rank: (N, H, W) from ``ranks``, for the probe's order.
        maps: (N, H, W), min-max normalised.
    """
    match probe:
        case Whole():
            return images
        case Filled():
            return fill
        case Remove(fraction=fraction):
            return torch.where((rank < _count(fraction, rank))[:, None], fill, images)
        case Keep(fraction=fraction):
            return torch.where((rank < _count(fraction, rank))[:, None], images, fill)
        case Multiply(inverted=inverted):
            weight = (1 - maps if inverted else maps)[:, None]
            return images * weight + fill * (1 - weight)


def _count(fraction: float, rank: Tensor) -> int:
    return round(fraction * rank.shape[-2] * rank.shape[-1])
