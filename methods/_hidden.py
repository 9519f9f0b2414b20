"""What stands where a method hides a part of an image: those fills of the metrics that the input alone defines."""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from torch import Tensor

from benchbench.types import Layer, Pixels

from ..perturbation.fills import FILLS

Hiding: TypeAlias = Literal["zero", "mean", "blur", "gaussian-15", "box", "noise"]  # grey takes the pre-processing


def hiding(layer: Layer, fill: Hiding) -> Tensor:
    """(B, C, H, W): the fill of the layer's images, as metrics have it; noise is drawn from each image's seed."""
    channels = layer.images.shape[1]
    plain = torch.zeros(channels).to(layer.images), torch.ones(channels).to(layer.images)
    return FILLS[fill](Pixels(layer.images, layer.seeds, *plain))
