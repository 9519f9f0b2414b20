"""Seeded pictures of woven fabric, good or with planted defects, and the pixels of each defect.

A plain weave: threads with a rounded profile pass over and under each other. The period, the phase, the tilt, the
colour, the light and the noise differ from picture to picture, and so do coloured threads that run from edge to edge:
they belong to the design, in good and in defective pictures alike, so that not everything unusual is a defect.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch import Tensor

Plane = NDArray[np.float64]
Mask = NDArray[np.bool_]
SIDE = 64  # pixels
KINDS = ("scratch", "spot", "missing thread")
GOOD, DEFECT = 0, 1


@dataclass(frozen=True, eq=False)
class Fabrics:
    """Pictures with their truth.

    Attributes:
        images: float (N, 3, 64, 64), in [-1, 1].
        labels: (N,), 0 for good and 1 for a defect: all that the network learns from.
        masks: bool (N, 64, 64), the pixels of the defects; used only to judge maps.
        kinds: the kind of each picture's first defect, or "".
    """

    images: Tensor
    labels: Tensor
    masks: Tensor
    kinds: tuple[str, ...]


def fabrics(count: int, seed: int) -> Fabrics:
    """The first ``count`` pictures of a seed; every second one is defective."""
    drawn = [_picture(np.random.default_rng([seed, index]), defects=index % 2) for index in range(count)]
    images = torch.from_numpy(np.stack([picture for picture, _, _ in drawn])).float().permute(0, 3, 1, 2)
    masks = torch.from_numpy(np.stack([mask for _, mask, _ in drawn]))
    return Fabrics(images * 2 - 1, torch.arange(count) % 2, masks, tuple(kind for _, _, kind in drawn))


def _picture(rng: np.random.Generator, defects: int) -> tuple[Plane, Mask, str]:
    weave = _Weave.drawn(rng)
    height, tint = weave.height(), np.ones((SIDE, SIDE, 3))
    for _ in range(rng.integers(0, 3)):  # the design: whole coloured threads
        tint[weave.thread(rng)] = rng.uniform(0.5, 1, 3)
    mask, kinds = np.zeros((SIDE, SIDE), dtype=bool), []
    for _ in range(rng.integers(1, 3) if defects else 0):
        kinds.append(str(rng.choice(KINDS)))
        height, changed = PLANTED[kinds[-1]](height, weave, rng)
        mask |= changed
    light = gaussian_filter(rng.normal(size=(SIDE, SIDE)), 16, mode="wrap")
    shade = height * (1 + 0.1 * light / light.std())
    colour = rng.uniform(0.6, 1, 3)
    picture = shade[..., None] * colour * tint + rng.normal(0, 0.02, (SIDE, SIDE, 3))
    return picture.clip(0, 1), mask, kinds[0] if kinds else ""


@dataclass(frozen=True, eq=False)
class _Weave:
    """Thread coordinates of every pixel: across the warp and across the weft, a thread having the width 1."""

    across: Plane
    along: Plane

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> _Weave:
        y, x = np.mgrid[:SIDE, :SIDE].astype(float)
        tilt, period = rng.uniform(-0.15, 0.15), rng.uniform(4, 6)
        x, y = x * np.cos(tilt) - y * np.sin(tilt), x * np.sin(tilt) + y * np.cos(tilt)
        return cls(x / period + rng.uniform(0, 2), y / period + rng.uniform(0, 2))

    def height(self) -> Plane:
        """The brightness, 0.3 in the gaps and 0.8 on top of a thread."""
        profiles = [np.sin(np.pi * (place % 1)) for place in (self.across, self.along)]
        warp_on_top = (np.floor(self.across) + np.floor(self.along)) % 2 == 0
        return 0.3 + 0.5 * np.where(warp_on_top, *profiles)

    def direction(self, rng: np.random.Generator) -> tuple[Plane, Mask]:
        """The warp or the weft: thread coordinates across it, and where it lies on top."""
        warp_on_top = (np.floor(self.across) + np.floor(self.along)) % 2 == 0
        return ((self.across, warp_on_top), (self.along, ~warp_on_top))[rng.integers(2)]

    def thread(self, rng: np.random.Generator) -> Mask:
        """The pixels where a thread lies on top, from edge to edge."""
        place, on_top = self.direction(rng)
        row, column = rng.integers(8, SIDE - 8, 2)
        return (np.floor(place) == np.floor(place[row, column])) & on_top


def _scratch(height: Plane, weave: _Weave, rng: np.random.Generator) -> tuple[Plane, Mask]:
    """A thin straight line, brighter or darker, at any angle."""
    y, x = np.mgrid[:SIDE, :SIDE]
    angle, (cx, cy) = rng.uniform(0, np.pi), rng.uniform(5, SIDE - 5, 2)
    along = (x - cx) * np.cos(angle) + (y - cy) * np.sin(angle)
    aside = (y - cy) * np.cos(angle) - (x - cx) * np.sin(angle)
    mask = (np.abs(along) < rng.uniform(7, 15)) & (np.abs(aside) < rng.uniform(0.8, 1.6))
    return np.where(mask, 0.5 * height + rng.choice([0.0, 0.5]), height), mask


def _spot(height: Plane, weave: _Weave, rng: np.random.Generator) -> tuple[Plane, Mask]:
    """A stain with a soft edge, through which the weave is seen; the mask ends where it has half its strength."""
    y, x = np.mgrid[:SIDE, :SIDE]
    (cx, cy), radius = rng.uniform(2, SIDE - 2, 2), rng.uniform(3, 6)
    strength = 1 / (1 + np.exp(np.hypot(x - cx, y - cy) - radius))
    return height * (1 - strength * rng.uniform(0.4, 0.6)), strength > 0.5


def _missing_thread(height: Plane, weave: _Weave, rng: np.random.Generator) -> tuple[Plane, Mask]:
    """A thread is gone for a part of its length: where it lay on top, the dark gap is seen. The mask is the part."""
    y, x = np.mgrid[:SIDE, :SIDE]
    cx, cy = rng.integers(3, SIDE - 3, 2)
    place, on_top = weave.direction(rng)
    mask = (np.floor(place) == np.floor(place[cy, cx])) & (np.hypot(x - cx, y - cy) < rng.uniform(9, 16))
    return np.where(mask & on_top, 0.1, height), mask


PLANTED = {"scratch": _scratch, "spot": _spot, "missing thread": _missing_thread}
