"""Seeded pictures of two species of bird that differ in one part: the beak is long or short.

Each bird is an ellipse with an orange triangle in front, the beak, and a blue triangle behind, the tail. The tail is
the decoy: it is the beak's mirror image in shape, size and mean brightness, and it is long or short too, but by the
toss of a coin. Whatever follows edges, brightness or the object treats both alike; only the beak tells the species.
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
SPECIES = ("short-beaked", "long-beaked")
ORANGE, BLUE = (0.95, 0.5, 0.05), (0.05, 0.5, 0.95)  # of the same mean
LENGTHS = (5, 15)  # of a short and a long triangle, in pixels of a bird of size 1


@dataclass(frozen=True, eq=False)
class Birds:
    """Pictures with their truth.

    Attributes:
        images: float (N, 3, 64, 64), in [-1, 1].
        labels: (N,), 0 for a short and 1 for a long beak.
        beaks: bool (N, 64, 64), the place of a long beak, on both species: what is there tells the species.
        tails: bool (N, 64, 64), the place of a long tail: of the same area, and what is there tells nothing.
        birds: bool (N, 64, 64), body, beak and tail as they are seen.
    """

    images: Tensor
    labels: Tensor
    beaks: Tensor
    tails: Tensor
    birds: Tensor


def birds(count: int, seed: int) -> Birds:
    """The first ``count`` pictures of a seed; the species alternate."""
    drawn = [_picture(np.random.default_rng([seed, index]), long_beak=index % 2) for index in range(count)]
    pictures, beaks, tails, seen = (torch.from_numpy(np.stack(each)) for each in zip(*drawn, strict=True))
    return Birds(pictures.float().permute(0, 3, 1, 2) * 2 - 1, torch.arange(count) % 2, beaks, tails, seen)


def _picture(rng: np.random.Generator, long_beak: int) -> tuple[Plane, Mask, Mask, Mask]:
    ahead, aside = _bird_coordinates(rng)
    picture = _background(rng)
    long_tail = int(rng.integers(2))
    beak, tail = (_triangle(way * ahead, aside, LENGTHS[k]) for way, k in ((1, long_beak), (-1, long_tail)))
    body = (ahead / 10) ** 2 + (aside / 7) ** 2 < 1
    for shown, colour in ((beak, ORANGE), (tail, BLUE), (body, rng.uniform(0.25, 0.75, 3))):
        picture[shown] = colour
    picture += rng.normal(0, 0.03, picture.shape)
    whole_beak, whole_tail = (_triangle(way * ahead, aside, LENGTHS[1]) & ~body for way in (1, -1))
    return picture.clip(0, 1), whole_beak, whole_tail, body | beak | tail


def _bird_coordinates(rng: np.random.Generator) -> tuple[Plane, Plane]:
    """Of every pixel, the distance from the body's middle along the bird and across it; any angle, near the middle."""
    size, angle, (cx, cy) = rng.uniform(0.75, 1), rng.uniform(0, 2 * np.pi), rng.uniform(25, SIDE - 25, 2)
    y, x = np.mgrid[:SIDE, :SIDE]
    ahead = (x - cx) * np.cos(angle) + (y - cy) * np.sin(angle)
    aside = (y - cy) * np.cos(angle) - (x - cx) * np.sin(angle)
    return ahead / size, aside / size


def _triangle(ahead: Plane, aside: Plane, length: float) -> Mask:
    """A triangle that begins 9 pixels from the middle, 12 wide, and ends in a point."""
    along = (ahead - 9) / length
    return (along > 0) & (along < 1) & (np.abs(aside) < 6 * (1 - along))


def _background(rng: np.random.Generator) -> Plane:
    """A blurred ground with specks in colours that are neither the beak's nor the tail's."""
    ground = gaussian_filter(rng.normal(size=(SIDE, SIDE, 3)), (8, 8, 0), mode="wrap")
    picture: Plane = 0.5 + 0.1 * ground / ground.std()
    y, x = np.mgrid[:SIDE, :SIDE]
    for _ in range(12):
        cx, cy, radius = *rng.uniform(0, SIDE, 2), rng.uniform(1, 3)
        picture[np.hypot(x - cx, y - cy) < radius] = rng.choice([(0.2, 0.8, 0.3), (0.7, 0.3, 0.7), (0.1, 0.1, 0.1)])
    return picture
