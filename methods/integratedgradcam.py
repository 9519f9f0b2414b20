"""Integrated Grad-CAM: Sattarzadeh et al. 2021, arXiv:2102.07805."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, relu

from benchbench.registry import method
from benchbench.types import Layer


@method(
    "integratedgradcam",
    title="Integrated Grad-CAM",
    needs=("gradient", "look"),
    paper="arXiv:2102.07805",
    fails="Most of the path lies on images unlike any seen in training. What speaks against the class at one step "
    "is cut before it is averaged.",
)
def integratedgradcam(layer: Layer, *, steps: Annotated[int, Field(ge=1)] = 20) -> Tensor:
    """Grad-CAM averaged over the path from a zero image to the image, at i / steps of it for i = 0 .. steps - 1.

    Each step has its own activations and gradients, and its own ReLU, as in the authors' code (50 steps there).
    """
    mean = torch.zeros_like(layer.activation[:, 0])
    for i in range(steps):
        seen = layer.look(layer.images * (i / steps))
        weight = seen.gradient.mean((2, 3), keepdim=True)
        mean = mean + relu((weight * seen.activation).sum(1)) / steps
    return mean
