"""Smooth Grad-CAM++: Omeiza et al. 2019, arXiv:1908.01224, equations 3 to 5."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, relu

from benchbench.registry import method
from benchbench.types import Layer


@method(
    "smoothgradcam++",
    title="Smooth Grad-CAM++",
    needs=("gradient", "look"),
    paper="arXiv:1908.01224",
    fails="As Grad-CAM++; and the noise moves the image off the data.",
)
def smoothgradcam_plus_plus(
    layer: Layer, *, samples: Annotated[int, Field(ge=1)] = 8, sigma: Annotated[float, Field(ge=0)] = 0.3
) -> Tensor:
    """Grad-CAM++ with each power of the gradient averaged over noisy images.

    alpha = mean(g^2) / (2 mean(g^2) + sum_ab A_ab mean(g^3)), 0 where the denominator is; w = sum alpha ReLU(mean(g));
    A of the image without noise. The paper's text has mean(g) in the numerator of alpha, where Grad-CAM++ has the
    square. ``sigma`` in units of the network's input.
    """
    shape = layer.images.shape[1:]
    powers = torch.zeros(3, *layer.activation.shape, dtype=torch.float64, device=layer.activation.device)
    for noise in layer.normal(samples, *shape).unbind(1):
        g = layer.look(layer.images + sigma * noise).gradient.double()
        powers += torch.stack([g, g.square(), g.square() * g]) / samples
    activation = layer.activation.double()
    denominator = 2 * powers[1] + activation.sum((2, 3), keepdim=True) * powers[2]
    alpha = torch.where(denominator != 0, powers[1] / denominator, 0)
    weight = (alpha * relu(powers[0])).sum((2, 3), keepdim=True)
    return relu((weight * activation).sum(1)).to(layer.activation.dtype)
