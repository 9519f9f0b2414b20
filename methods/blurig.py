"""Blur integrated gradients: Xu, Venugopalan and Sundararajan 2020, arXiv:2004.03383."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from benchbench.registry import method
from benchbench.types import Layer

from ._sign import Sign, evidence

_WIDER = 0.01  # by how much a Gaussian is made wider for the path's derivative, in pixels: as in the authors' code
_REACH = 4  # a Gaussian ends at so many standard deviations


@method(
    "blurig",
    title="Blur IG",
    needs=("input", "gradient", "look"),
    paper="arXiv:2004.03383",
    fails="Flat regions do not change under the blur and get nothing, so that the map follows edges. Its blur takes "
    "zeros outside the image, and the border is high where the image is far from the mean colour.",
)
def blurig(
    layer: Layer,
    *,
    steps: Annotated[int, Field(ge=1)] = 100,
    sigma: Annotated[float, Field(gt=0)] = 50,
    sign: Sign = "positive",
) -> Tensor:
    """Gradients integrated on the path from a blurred image to the image, summed over channels; the positive part.

    The path's points are the image under Gaussians of standard deviation 0, ``sigma`` / ``steps`` ... in pixels, with
    zeros (the mean colour) outside; its derivative is the difference to a Gaussian wider by 0.01 pixels.
    """
    total, images = torch.zeros_like(layer.images), layer.images.double()
    for i in range(steps):
        width = sigma * i / steps
        point = _blurred(images, width)
        slope = (_blurred(images, width + _WIDER) - point) / _WIDER
        total -= layer.look(point.to(total)).gradient * slope.to(total)
    return evidence(total * (sigma / steps), sign)


def _blurred(images: Tensor, sigma: float) -> Tensor:
    """(B, 3, H, W) under a Gaussian cut off at 4 sigma, with zeros outside."""
    rows, columns = (_gaussian(side, sigma).to(images) for side in images.shape[2:])
    return rows @ images @ columns


def _gaussian(side: int, sigma: float) -> Tensor:
    """(side, side), symmetric: how much each place takes from each place of a row. Weights outside it are lost."""
    reach = int(_REACH * sigma + 0.5)
    if reach == 0:
        return torch.eye(side, dtype=torch.float64)
    weights = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, dtype=torch.float64) / sigma).square())
    weights = torch.cat([weights[reach:] / weights.sum(), weights.new_zeros(side)])
    place = torch.arange(side)
    return weights[(place[:, None] - place).abs().clamp(max=reach + 1)]
