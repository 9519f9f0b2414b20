"""Grad-CAM++: Chattopadhyay et al. 2018, arXiv:1710.11063, equations 10 and 19."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, relu

from benchbench.registry import method
from benchbench.types import Layer


@method(
    "gradcam++",
    title="Grad-CAM++",
    needs="gradient",
    paper="arXiv:1710.11063",
    fails="Behind a saturated score it vanishes; a channel's weight is positive wherever its gradient is positive "
    "somewhere, whatever it contributes.",
)
def gradcam_plus_plus(layer: Layer, *, alpha: Literal["paper", "spatial-sum"] = "paper") -> Tensor:
    """Activations weighted by positive gradients, each cell by the closed-form alpha, then ReLU.

    alpha = g^2 / (2 g^2 + g^3 sum_ab A_ab), 0 where g = 0 or the denominator is 0: no epsilon. ``spatial-sum`` puts
    sum_ab (g^3 A)_ab in the denominator, which is equal only where g is constant over space.
    """
    if alpha == "paper":
        g, activation = layer.gradient, layer.activation
        # divided by g^2, so that small gradients do not underflow
        numerator, denominator = relu(g), 2 + g * activation.sum((2, 3), keepdim=True)
    else:
        g, activation = layer.gradient.double(), layer.activation.double()
        square = g.square()
        numerator = square * relu(g)
        denominator = 2 * square + (g * square * activation).sum((2, 3), keepdim=True)
    weight = torch.where(denominator != 0, numerator / denominator, 0).sum((2, 3), keepdim=True)
    return relu((weight * activation).sum(1)).to(layer.activation.dtype)
