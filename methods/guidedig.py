"""Guided integrated gradients: Kapishnikov et al. 2021, arXiv:2106.09788."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from benchbench.registry import method
from benchbench.types import Layer

from ._sign import Sign, evidence

Fraction = Annotated[float, Field(ge=0, le=1)]
_CLOSE = 1e-9  # two distances that differ by less, relative or absolute, are the same: as in the authors' code


@method(
    "guidedig",
    title="Guided IG",
    needs=("input", "gradient", "look"),
    paper="arXiv:2106.09788",
    fails="Its path depends on the network, so two networks with the same outputs near the image may get different "
    "maps. Pixels at the mean colour, which is the baseline, get nothing.",
)
def guidedig(
    layer: Layer,
    *,
    steps: Annotated[int, Field(ge=1)] = 200,
    fraction: Annotated[float, Field(gt=0, le=1)] = 0.25,
    distance: Fraction = 0.02,
    sign: Sign = "positive",
) -> Tensor:
    """Integrated gradients on a path that moves the values with the smallest gradients first; the positive part.

    From a zero image, each step brings the image closer by 1 / ``steps`` of the L1 distance, by moving the
    ``fraction`` of values whose gradient is smallest, and more of them if these do not suffice. No value leaves the
    straight path by more than ``distance`` of its way: 0 is integrated gradients, 1 the unbounded path.
    """
    paths = [_Path(image, torch.zeros_like(image), torch.zeros_like(image)) for image in layer.images.double()]
    for step in range(steps):
        places = torch.stack([path.place for path in paths]).to(layer.images)
        gradients = layer.look(places).gradient.double()
        paths = [
            _advanced(path, gradient, (step + 1) / steps, fraction, distance)
            for path, gradient in zip(paths, gradients, strict=True)
        ]
    return evidence(torch.stack([path.attribution for path in paths]).to(layer.images), sign)


@dataclass(frozen=True, eq=False)
class _Path:
    """One image's way from zero: where it ends, where it is, and the sum of movement times gradient so far."""

    end: Tensor
    place: Tensor
    attribution: Tensor


def _advanced(path: _Path, gradient: Tensor, share: float, fraction: float, distance: float) -> _Path:
    """The path after the step to ``share`` of the way, all of which uses one gradient."""
    total = float(path.end.abs().sum())
    if total == 0:
        return path
    low, high = max(share - distance, 0.0) * path.end, min(share + distance, 1.0) * path.end
    target = total * (1 - share)
    place = torch.where(_behind(path.place, low), low, path.place)  # values that fell behind the band
    while not math.isclose(left := float((path.end - place).abs().sum()), target, rel_tol=_CLOSE, abs_tol=_CLOSE):
        chosen = _smallest(gradient.abs().where(place != high, torch.inf), fraction)
        reach = float(((high - place).abs() * chosen).sum())
        if reach == 0:
            break
        part = min((left - target) / reach, 1.0)
        moved = high if part == 1 else place + (high - place) * part
        place = torch.where(chosen, moved, place)
        if part < 1:
            break
    return _Path(path.end, place, path.attribution + (place - path.place) * gradient)


def _behind(place: Tensor, low: Tensor) -> Tensor:
    """Where the place is closer to zero than ``low``, which has the sign of the end."""
    return place.abs() < low.abs()


def _smallest(magnitude: Tensor, fraction: float) -> Tensor:
    """(3, H, W) bool: the finite values up to the quantile ``fraction``, rounded down to one of the values."""
    rank = int(fraction * (magnitude.numel() - 1))
    threshold = magnitude.flatten().kthvalue(rank + 1).values
    return (magnitude <= threshold) & magnitude.isfinite()
