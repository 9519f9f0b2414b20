"""Where a metric cannot depend on the map: it does not apply there, as every map would have the same value.

A metric of answers to perturbed pictures depends on the map by its pictures. On an image of one part, or where each
step takes nothing or everything, all maps give the same pictures. Where the network answers the same on the image and
on each fill alone, it does not listen to what the fill hides. Both are of the image, the same for every map.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from .perturb import Filled, Keep, Probe, Remove, Whole, amounts, canonical, fill_of, needs_map
from .regions import MAP, Parts, parts_in
from .scoring import Answers
from .types import Pixels

ROUNDING = 1e-5  # of the larger of two answers: a network in float32 tells no less
SETTLED = "every map gives the same pictures of this image: no step takes a part of it and leaves another"
DEAF = "the network answers the same on the image and on the fill alone, whatever the map"


def references(probes: Sequence[Probe]) -> list[Probe]:
    """The fills alone of the probes that depend on the map: what their pictures go to as everything is hidden."""
    fills = dict.fromkeys(fill_of(probe) for probe in probes if needs_map(probe))
    return [Filled(fill) for fill in fills if fill is not None]


def moot(
    probes: Sequence[Probe], answers: Mapping[Probe, Answers], m: int, pixels: Pixels, cells: int
) -> tuple[str, ...]:
    """Per image why no map can change the answers to a metric's probes, or "".

    Args:
        probes: the metric's; without one that depends on the map there is no reason.
        answers: by probe (M, B), the whole image's and the ``references`` among them.
        m: which of the M maps is judged.
        cells: how many the map has at its own resolution.
    """
    mapped = [canonical(probe) for probe in probes if needs_map(probe)]
    if not mapped:
        return ("",) * len(pixels.images)
    free = torch.stack([_free(probe, pixels, cells) for probe in mapped]).any(0)
    whole = answers[Whole()]
    heard = torch.stack([_differ(whole, answers[fill], m) for fill in references(mapped)]).any(0)
    pairs = zip(free.tolist(), heard.tolist(), strict=True)
    return tuple(SETTLED if not can else "" if hears else DEAF for can, hears in pairs)


def _free(probe: Probe, pixels: Pixels, cells: int) -> Tensor:
    """(B,): whether two maps can give two pictures."""
    count = torch.full((len(pixels.images),), pixels.size[0] * pixels.size[1], device=pixels.images.device)
    if not isinstance(probe, (Remove, Keep)):
        return count > 1
    parts = parts_in(probe.parts, pixels) if probe.parts != MAP else Parts(None, count * 0 + cells, (), pixels.size)
    taken = amounts([probe.fraction], parts)[0]
    return (taken > 0) & (taken < parts.count)


def _differ(one: Answers, other: Answers, m: int) -> Tensor:
    """(B,): whether the target's logit or probability differs by more than rounding."""
    pairs = [(one.logit[m], other.logit[m]), (one.probability[m], other.probability[m])]
    far = [(a - b).abs() > ROUNDING * torch.maximum(a.abs(), b.abs()) for a, b in pairs]
    return far[0] | far[1] | ~torch.isfinite(pairs[0][0] - pairs[0][1])
