"""Integrated decision gradients: Walker, Jha, Chen and Ewetz 2024, arXiv:2305.20052."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from benchbench.registry import method
from benchbench.types import Layer

from ._sign import Sign, evidence


@method(
    "idg",
    title="IDG",
    needs=("input", "gradient", "look"),
    paper="arXiv:2305.20052",
    fails="The contributions do not add up to the logit. A part of the path on which the logit falls turns the sign of "
    "its gradients. Pixels at the mean colour, which is the baseline, get nothing.",
)
def idg(layer: Layer, *, steps: Annotated[int, Field(ge=1)] = 50, sign: Sign = "positive") -> Tensor:
    """Integrated gradients, each gradient times the logit's slope on the path; the positive part, or as ``sign`` says.

    The image times the integral of dy/dx dy/dt on the way t from a zero image, by the midpoint rule. The slope dy/dt is
    the sum of image times gradient. The authors' adaptive sampling gives no sample to parts of the path where the
    slope is small and leaves them out; these points are equidistant.
    """
    total = torch.zeros_like(layer.images)
    for i in range(steps):
        gradient = layer.look(layer.images * ((i + 0.5) / steps)).gradient
        total += (layer.images * gradient).sum((1, 2, 3), keepdim=True) * gradient
    return evidence(layer.images * total / steps, sign)
