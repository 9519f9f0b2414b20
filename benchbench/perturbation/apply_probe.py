"""From a probe and a map to the pictures that the network is shown: pixels and parts ranked, removed and kept.

A probe is a frozen record, so equal probes of different metrics are one probe, scored once. One that does not depend
on the map (a random part, a given region) is scored once for all methods.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..types.probes import (
    Above,
    Band,
    Filled,
    Keep,
    Multiply,
    Order,
    Ordered,
    Probe,
    Random,
    Region,
    Thinned,
    Ties,
    Whole,
)
from .fills import filled
from .parts import Parts


def ranks(maps: Tensor, order: Order = "most") -> Tensor:
    """(N, H, W): 0 for the most (or least) salient pixel of each map, H*W - 1 for the last; ties in row-major order."""
    flat = maps.flatten(1)
    return _places(flat.argsort(dim=1, descending=order == "most", stable=True)).view_as(maps)


def rank_parts(
    maps: Tensor, order: Order, parts: Parts, ties: Ties = "row-major", values: Tensor | None = None
) -> Tensor:
    """(N, H, W): the rank of each pixel's part, the ``most`` (or ``least``) salient part first.

    Args:
        maps: (N, H, W).
        parts: of the same N images.
        ties: in which order parts of equal saliency go.
        values: (N, n), the saliency of each part; None for the mean over its pixels.
    """
    if parts.labels is None:
        flat = maps.flatten(1)
        return _ranked(-flat if order == "most" else flat, parts, ties).view_as(maps)
    means = parts.means(maps.double()) if values is None else values.double()
    present = torch.arange(means.shape[1], device=means.device) < parts.count[:, None]
    key = torch.where(present, -means if order == "most" else means, torch.inf)
    return _ranked(key, parts, ties).gather(1, parts.labels.flatten(1)).view_as(maps)


def _ranked(key: Tensor, parts: Parts, ties: Ties) -> Tensor:
    """(N, n): the rank of each part by a rising key (N, n)."""
    if ties == "row-major":
        return _places(key.argsort(dim=1, stable=True))
    if ties == "reversed":
        first = torch.arange(key.shape[1] - 1, -1, -1, device=key.device).expand_as(key)
    else:
        first = parts.drawn(f"ties/{ties}")  # a permutation, read as the order in which the parts go
    return _places(first.gather(1, key.gather(1, first).argsort(dim=1, stable=True)))


def _places(sequence: Tensor) -> Tensor:
    """The inverse of each row's permutation."""
    places = torch.arange(sequence.shape[1], device=sequence.device).expand_as(sequence)
    return torch.empty_like(sequence).scatter_(1, sequence, places)


def hidden(probe: Ordered | Region | Random, parts: Parts, rank: Tensor | None) -> Tensor:
    """(N, H, W) bool: which pixels the probe replaces by its fill.

    Args:
        parts: of the N images, of the probe's kind.
        rank: (N, H, W) from ``rank_parts``, for the probe's order; None for probes without one.
    """
    if isinstance(probe, Region):
        return parts.each() == probe.index
    if isinstance(probe, Random):
        rank = parts.shuffled(probe.index)
    assert rank is not None, "a probe with an order has ranks"
    if isinstance(probe, Band):
        ends = amounts([probe.start, probe.stop], parts)[:, :, None, None]
        return (rank >= ends[0]) & (rank < ends[1])
    first = rank < amounts([probe.fraction], parts)[0, :, None, None]
    if isinstance(probe, Thinned):
        return first & (parts.chances(probe.index) < probe.chance)
    return ~first if isinstance(probe, Keep) else first


def amounts(fractions: Sequence[float], parts: Parts) -> Tensor:
    """(F, N): how many of each image's parts each fraction is."""
    shares = torch.tensor(fractions, dtype=torch.float64, device=parts.count.device)
    return torch.round(shares[:, None] * parts.count.double())


def members(probe: Region | Random, parts: Parts) -> Tensor:
    """(N, n) bool: which parts the probe replaces."""
    if isinstance(probe, Region):
        every = torch.arange(int(parts.count.max()), device=parts.count.device)
        return (every == probe.index).expand(len(parts.count), -1)
    return parts.drawn(probe.index) < amounts([probe.fraction], parts)[0, :, None]


def above(probe: Above, maps: Tensor) -> Tensor:
    """(N, H, W) bool: which pixels the probe replaces, by maps (N, H, W) in 0 .. 1."""
    values = (maps if probe.order == "most" else 1 - maps).double()
    ordered = values.flatten(1).sort(1).values
    place = probe.percent / 100 * (ordered.shape[1] - 1)
    low, high = ordered[:, int(place)], ordered[:, min(int(place) + 1, ordered.shape[1] - 1)]
    level = torch.lerp(low, high, place - int(place))[:, None, None]
    chosen = values > level if probe.strict else values >= level
    return ~chosen if probe.keep else chosen


def apply(
    probe: Probe, images: Tensor, fill: Tensor, parts: Parts, rank: Tensor | None = None, maps: Tensor | None = None
) -> Tensor:
    """The probe's pictures (N, C, H, W).

    Args:
        images, fill: (N, C, H, W), row by row; the fill from ``fills.FILLS``.
        parts, rank: see ``hidden``.
        maps: (N, H, W), min-max normalised, for Multiply and Above.
    """
    if isinstance(probe, Whole):
        return images
    if isinstance(probe, Filled):
        return fill
    if isinstance(probe, Multiply):
        assert maps is not None, "Multiply has a map"
        weight = (1 - maps if probe.inverted else maps)[:, None]
        return images * weight + fill * (1 - weight)
    if isinstance(probe, Above):
        assert maps is not None, "Above has a map"
        return filled(probe.fill, images, fill, above(probe, maps))
    return filled(probe.fill, images, fill, hidden(probe, parts, rank))
