"""Which pictures are the same: a picture is scored once, whichever maps and probes it comes from.

Methods agree often (Grad-CAM, HiRes-CAM and CAM behind a pooled head), but for rounding, and rounding may decide which
pixels a removal takes. So it is never maps that count as equal. Two pictures of an image are the same if they hide the
same pixels under the same fill, or weigh all pixels by the same numbers, to the last bit: then the network's answer is
the same, and no score depends on what else is in a study.

Sets of pixels are compared by a sum of 64 random bits of each pixel: two sets that differ have the same sum with a
probability of 2 to the power of -64.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from ..maps.normalise import saliency
from ..types.probes import Above, Band, Keep, Multiply, Ordered, Probe, Thinned
from .apply_probe import above, amounts
from .parts import Parts

Name: TypeAlias = tuple[str | bool, ...]
_SEED = 20_250_117


def keys(size: tuple[int, int], device: torch.device) -> Tensor:
    """(2, H * W) int64: two random numbers of each pixel of an image, the same in every run."""
    generator = torch.Generator().manual_seed(_SEED)
    low, high = torch.iinfo(torch.int64).min, torch.iinfo(torch.int64).max
    return torch.randint(low, high, (2, size[0] * size[1]), generator=generator).to(device)


def name_of(probe: Probe) -> Name:
    """What a probe's pictures have in common, but for the map: pictures of other names are others."""
    if isinstance(probe, Multiply):
        return "weighed", probe.fill, probe.inverted
    assert isinstance(probe, (Ordered, Above)), "a probe that depends on the map"
    return "hidden", probe.fill


def sums(rank: Tensor, key: Tensor) -> Tensor:
    """(N, H * W + 1) int64: by k, the sum over the pixels whose part is among the first k, of ranks (N, H, W)."""
    totals = torch.zeros(len(rank), key.shape[1] + 1, dtype=torch.int64, device=rank.device)
    totals.scatter_add_(1, rank.flatten(1) + 1, key[0].expand(len(rank), -1))
    return totals.cumsum(1)


def marks(probe: Probe, height: Tensor, parts: Parts, first: Tensor | None, key: Tensor) -> Tensor:
    """(N,) int64: of one name, equal where the probe's pictures of one image are the same.

    Args:
        height: (N, H, W), the maps at the image's size, min-max normalised.
        parts: of the N images, of the probe's kind.
        first: from ``sums``, of the probe's order; None for probes without one.
        key: from ``keys``.
    """
    if isinstance(probe, Multiply):
        bits = height.contiguous().view(torch.int32).flatten(1).long()
        return ((bits >> 16) * key[0] + (bits & 0xFFFF) * key[1]).sum(1)
    if isinstance(probe, Above):
        return of_hidden(above(probe, height), key)
    assert isinstance(probe, Ordered), "a probe that depends on the map"
    assert not isinstance(probe, Thinned), "what it hides is no beginning of an order: see of_hidden"
    assert first is not None, "a probe with an order has ranks"
    if isinstance(probe, Band):
        start, stop = (first.gather(1, count[:, None].long()) for count in amounts([probe.start, probe.stop], parts))
        return (stop - start)[:, 0]
    subtotal = first.gather(1, amounts([probe.fraction], parts)[0, :, None].long())[:, 0]
    return first[:, -1] - subtotal if isinstance(probe, Keep) else subtotal


def of_hidden(hidden: Tensor, key: Tensor) -> Tensor:
    """(N,) int64: the mark of pictures that hide these pixels (N, H, W)."""
    return (hidden.flatten(1) * key[0]).sum(1)


def same_shown(maps: Sequence[Tensor], size: tuple[int, int]) -> list[list[int]]:
    """The places of maps (B, h, w) that are one map to the last bit for all B images, at the images' size."""
    shown = [saliency(batch, size) for batch in maps]
    groups: list[list[int]] = []
    for i, each in enumerate(shown):
        group = next((g for g in groups if torch.equal(shown[g[0]], each)), None)
        if group is None:
            groups.append([i])
        else:
            group.append(i)
    return groups
