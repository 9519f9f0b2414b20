"""Where a metric cannot depend on the map: it does not apply there, as every map would have the same value.

A metric of answers to perturbed pictures depends on the map by its pictures. On an image of one part, or where each
step takes nothing or everything, all maps give the same pictures; and so they do where the fill is the image. Both are
of the image, the same for every map, and are told without asking the network.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..perturbation.apply_probe import amounts
from ..perturbation.fills import whole
from ..perturbation.parts import Parts, parts_in
from ..types import Pixels
from ..types.probes import MAP, Band, FillName, Ordered, Probe, canonical, fill_of, needs_map

ROUNDING = 1e-5  # of the image's largest value: a blur of one colour is that colour to a few parts in a million
SETTLED = "every map gives the same pictures of this image: no step removes only a part of it"
UNFILLED = "every map gives the same pictures of this image: the fill is the image itself"


def moot(probes: Sequence[Probe], pixels: Pixels, cells: int, differ: dict[FillName, Tensor]) -> tuple[str, ...]:
    """Per image why no map can change the answers to a metric's probes, or "".

    Args:
        probes: the metric's; without one that depends on the map there is no reason.
        cells: how many the map has at its own resolution.
        differ: (B,) by fill, whether it differs from the image; kept here between metrics.
    """
    mapped = [canonical(probe) for probe in probes if needs_map(probe)]
    if not mapped:
        return ("",) * len(pixels.images)
    free = torch.stack([_free(probe, pixels, cells) for probe in mapped]).any(0)
    fills = dict.fromkeys(fill for probe in mapped if (fill := fill_of(probe)))
    for fill in fills:
        if fill not in differ:
            differ[fill] = _differs(fill, pixels)
    seen = torch.stack([differ[fill] for fill in fills]).any(0)
    pairs = zip(free.tolist(), seen.tolist(), strict=True)
    return tuple(SETTLED if not can else "" if differs else UNFILLED for can, differs in pairs)


def _free(probe: Probe, pixels: Pixels, cells: int) -> Tensor:
    """(B,): whether two maps can give two pictures."""
    count = torch.full((len(pixels.images),), pixels.size[0] * pixels.size[1], device=pixels.images.device)
    if not isinstance(probe, Ordered):
        return count > 1
    parts = parts_in(probe.parts, pixels) if probe.parts != MAP else Parts(None, count * 0 + cells, (), pixels.size)
    if isinstance(probe, Band):
        ends = amounts([probe.start, probe.stop], parts)
        count = ends[1] - ends[0]
        return (count > 0) & (count < parts.count)
    removed = amounts([probe.fraction], parts)[0]
    return (removed > 0) & (removed < parts.count)


def _differs(fill: FillName, pixels: Pixels) -> Tensor:
    """(B,): whether the fill alone differs from the image by more than rounding."""
    images = pixels.images.flatten(1)
    return (whole(fill, pixels).flatten(1) - images).abs().amax(1) > ROUNDING * images.abs().amax(1)
