"""How far two maps of the same image are apart, normalised alike."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import BenchError
from ..maps.normalise import saliency
from ..maps.similarity import spearman


@dataclass(frozen=True)
class MapDifference:
    """Of a batch of two maps each.

    Attributes:
        largest: the largest difference of a cell of two maps in 0 .. 1.
        correlation: the lowest Spearman correlation of an image; None if each image has a constant map.
        either_sign: the largest difference if each of our maps may change its sign.
    """

    largest: float
    correlation: float | None
    either_sign: float


def finite_maps(maps: Tensor) -> Tensor:
    """The maps (B, h, w), on the CPU.

    Raises:
        BenchError: they have values that are not finite.
    """
    if not torch.isfinite(maps).all():
        raise BenchError("its map has values that are not finite")
    return maps.cpu()


def difference(theirs: Tensor, ours: Tensor, size: tuple[int, int]) -> MapDifference:
    """Of the library's maps and ours, both (B, h, w), at their own sizes.

    Where the library keeps the positive part alone, so do we. The library's negative part is never cut.

    Args:
        size: of the images.
    """
    positive = bool((theirs >= 0).all())
    expected = saliency(theirs, size)
    both = [saliency(_kept(sign * ours, positive=positive), size) for sign in (1, -1)]
    apart = [(each - expected).abs().amax((1, 2)) for each in both]
    correlations = spearman(both[0], expected)
    known = correlations[torch.isfinite(correlations)]
    lowest = float(known.min()) if len(known) else None
    return MapDifference(float(apart[0].max()), lowest, float(torch.minimum(*apart).max()))


def _kept(maps: Tensor, *, positive: bool) -> Tensor:
    return maps.clamp_min(0) if positive else maps


def all_constant(maps: Tensor) -> bool:
    """Whether every map (B, h, w) is the same everywhere."""
    return bool((maps.amax((1, 2)) <= maps.amin((1, 2))).all())


def apart(first: Tensor, second: Tensor, size: tuple[int, int]) -> float:
    """The largest difference of two answers of the same method, as it is shown."""
    return float((saliency(first, size) - saliency(second, size)).abs().max())
