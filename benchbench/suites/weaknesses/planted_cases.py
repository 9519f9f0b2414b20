"""Constructions in which every map's right answer is known: the layer is the image itself, behind it a small head.

No training and no weights. The target is the first logit y of [y, 0], with y what the head says of the features.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import torch
from torch import Tensor, nn

Head: TypeAlias = Callable[[Tensor], Tensor]  # features (B, K, h, w) -> y (B,)
Box: TypeAlias = tuple[slice, slice]

FOOTPRINTS: tuple[Box, ...] = ((slice(0, 3), slice(0, 5)), (slice(5, 7), slice(0, 2)), (slice(5, 7), slice(8, 9)))
DECOY, TRUE = (slice(1, 3), slice(1, 3)), (slice(5, 7), slice(5, 7))
THIRD = (slice(5, 7), slice(1, 3))
BLIND = slice(4, 7)  # rows, of 7
DRAWS, CHANNELS = 50, 8
LEVELS = (0.25, 0.5, 0.75, 1.25, 1.5, 1.75)  # of the slope times the mean activation; at 1 the score saturates
STEPS = (0.3, 0.5, 0.7)  # where y jumps, as a share of the evidence in the image; one cell of four is below all


@dataclass(frozen=True, eq=False)
class PlantedCase:
    """A head and an image whose map is known.

    Attributes:
        head: from features (B, K, h, w) to y (B,).
        image: (1, K, h, w), which is the layer's activation too.
        truth: (h, w) in [0, 1], not constant: what each cell contributes to y, in parts of the largest contribution.
    """

    head: Head
    image: Tensor
    truth: Tensor


class Planted(nn.Module):
    """The image is the layer ``features``; the logits are [y, 0], with y what the head says of it."""

    def __init__(self, head: Head) -> None:
        super().__init__()
        self.features = nn.Identity()
        self.head = head

    def forward(self, images: Tensor) -> Tensor:
        y = self.head(self.features(images))
        return torch.stack([y, torch.zeros_like(y)], 1)


def instances() -> Tensor:
    """(1, 3, 8, 10): three channels with footprints of 15, 4 and 2 of 80 cells."""
    image = torch.zeros(1, 3, 8, 10)
    for channel, place in enumerate(FOOTPRINTS):
        image[0, channel][place] = 1
    return image


def squares(*places: Box) -> Tensor:
    """(1, n, 8, 8): a channel for each place, 1 there and 0 elsewhere."""
    image = torch.zeros(1, len(places), 8, 8)
    for channel, place in enumerate(places):
        image[0, channel][place] = 1
    return image


def total(features: Tensor) -> Tensor:
    """sum relu(A)."""
    return torch.relu(features).sum((1, 2, 3))


def pooled(features: Tensor) -> Tensor:
    """Global average pooling, and one linear layer of weights 20."""
    return 20 * features.mean((2, 3)).sum(1)


def decoy(features: Tensor) -> Tensor:
    """5 relu(A_0 - 1) + A_1, each summed over its own 2 x 2 cells; a millionth keeps the decoy's slope at A_0 = 1."""
    return 5 * torch.relu(features[:, 0, *DECOY] - 1 + 1e-6).sum((1, 2)) + features[:, 1, *TRUE].sum((1, 2))


def either(features: Tensor) -> Tensor:
    """min(1, a + b), with a and b the values of two cells."""
    return 1 - torch.relu(1 - features[:, 0, 0, 0] - features[:, 1, 3, 3])


def both(features: Tensor) -> Tensor:
    """relu(a + b - 1), with a and b the means of two channels over their own 2 x 2 cells: a AND b."""
    return torch.relu(features[:, 0, *DECOY].mean((1, 2)) + features[:, 1, *TRUE].mean((1, 2)) - 1)


def opposed(features: Tensor) -> Tensor:
    """1 + sum of A_0 over one place - sum of A_0 over another of the same size: its slopes have the mean 0."""
    return 1 + features[:, 0, *TRUE].sum((1, 2)) - features[:, 0, *DECOY].sum((1, 2))


def saturated(slope: float) -> Head:
    """1 - relu(1 - slope <A_0>)."""
    return lambda features: 1 - torch.relu(1 - slope * features[:, 0].mean((1, 2)))


def step(threshold: float) -> Head:
    """1 where <A_0> is above the threshold, and 0 below: its slope is 0 wherever it has one."""
    return lambda features: (1 + torch.sign(features[:, 0].mean((1, 2)) - threshold)) / 2


def by_place(draw: int) -> tuple[Tensor, Tensor]:
    """Features (1, 8, 7, 7), rectified normal, and a linear head's weights (8, 7, 7), normal and 0 in rows 4 to 6."""
    generator = torch.Generator().manual_seed(draw)
    image = torch.relu(torch.randn(1, CHANNELS, 7, 7, generator=generator))
    weight = torch.randn(CHANNELS, 7, 7, generator=generator)
    weight[:, BLIND] = 0
    return image, weight


@cache
def of_total() -> tuple[PlantedCase, ...]:
    return (PlantedCase(total, instances(), instances()[0].sum(0)),)


@cache
def of_pooled() -> tuple[PlantedCase, ...]:
    return (PlantedCase(pooled, instances(), instances()[0].sum(0)),)


@cache
def of_places() -> tuple[PlantedCase, ...]:
    """The random linear heads: a cell contributes the positive part of its sum over channels."""

    def drawn(draw: int) -> PlantedCase:
        image, weight = by_place(draw)
        contribution = torch.relu((weight * image[0]).sum(0))
        head: Head = lambda features: (weight * features).sum((1, 2, 3))  # noqa: E731 - it closes over the weights
        return PlantedCase(head, image, contribution / contribution.max())

    return tuple(map(drawn, range(DRAWS)))


@cache
def of_slopes() -> tuple[PlantedCase, ...]:
    image = instances()
    image[0, 1:] = 0
    mean = float(image[0, 0].mean())
    return tuple(PlantedCase(saturated(level / mean), image, image[0, 0]) for level in LEVELS)


@cache
def of_decoy() -> tuple[PlantedCase, ...]:
    image = torch.zeros(1, 3, 8, 8)
    image[0, 0][DECOY] = image[0, 1][TRUE] = 1
    return (PlantedCase(decoy, image, image[0, 1]),)


@cache
def of_either() -> tuple[PlantedCase, ...]:
    image = torch.zeros(1, 3, 4, 4)
    image[0, 0, 0, 0] = image[0, 1, 3, 3] = 1.5
    return (PlantedCase(either, image, image[0].sum(0) / 1.5),)


@cache
def of_both() -> tuple[PlantedCase, ...]:
    image = squares(DECOY, TRUE, THIRD)
    return (PlantedCase(both, image, image[0, :2].sum(0)),)


@cache
def of_opposed() -> tuple[PlantedCase, ...]:
    image = squares(TRUE, DECOY).sum(1, keepdim=True)
    return (PlantedCase(opposed, image, squares(TRUE)[0, 0]),)


@cache
def of_steps() -> tuple[PlantedCase, ...]:
    image = squares(TRUE, DECOY)
    mean = float(image[0, 0].mean())
    return tuple(PlantedCase(step(level * mean), image, image[0, 0]) for level in STEPS)
