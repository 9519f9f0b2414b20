"""Seeded backgrounds for cut-out objects: plain, gradient and texture."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

OCTAVES = (4, 8, 16, 32, 64)  # cells along a side: from blotches to grain


def plain(size: int, source: torch.Generator) -> Tensor:
    """One random colour: (3, size, size) in [0, 1]."""
    return torch.rand(3, 1, 1, generator=source).expand(3, size, size)


def gradient(size: int, source: torch.Generator) -> Tensor:
    """From one random colour to another, along a random direction: (3, size, size) in [0, 1]."""
    first, second = torch.rand(2, 3, 1, 1, generator=source)
    angle = 2 * math.pi * float(torch.rand(1, generator=source))
    along = torch.linspace(-1, 1, size)
    ramp = along[None, :] * math.cos(angle) + along[:, None] * math.sin(angle)
    return torch.lerp(first, second, _stretched(ramp))


def texture(size: int, source: torch.Generator) -> Tensor:
    """Value noise of five octaves of equal height between two random colours: (3, size, size) in [0, 1]."""
    first, second = torch.rand(2, 3, 1, 1, generator=source)
    octaves = [
        F.interpolate(torch.rand(1, 1, n, n, generator=source), (size, size), mode="bilinear", align_corners=False)
        for n in OCTAVES
    ]
    return torch.lerp(first, second, _stretched(torch.stack(octaves).sum(0)[0, 0]))


def _stretched(values: Tensor) -> Tensor:
    low, high = values.amin(), values.amax()
    return (values - low) / (high - low)
