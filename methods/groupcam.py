"""Group-CAM: Zhang, Rao and Yang 2021, arXiv:2103.13859."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, relu

from benchbench.registry import method
from benchbench.types import Layer

from ..maps.normalise import minmax, quantile, upsample
from ..perturbation.fills import gaussian


@method(
    "groupcam",
    title="Group-CAM",
    needs=("gradient", "scores"),
    paper="arXiv:2103.13859",
    fails="Channels are grouped by their number, not by what they show; a group of both signs is weighed as one.",
)
def groupcam(
    layer: Layer,
    *,
    groups: Annotated[int, Field(ge=1)] = 32,
    dropped: Annotated[float, Field(ge=0, le=1)] = 0.0,
    rectified: Literal["sum", "weights"] = "weights",
) -> Tensor:
    """Groups of channels of Grad-CAM's sum as masks, weighted by what each adds to the blurred image's probability.

    Each group's positive part, less the share ``dropped`` of its lowest values, is upsampled and min-max normalised to
    a mask m; its weight is ReLU(p(m image + (1 - m) blurred) - p(blurred)), and the map the sum of weight times m, at
    the image's size. The blur is a Gaussian of 51 pixels, sigma 50. The authors' code drops the lowest 0.7 of each
    group, and takes the ReLU of the ``sum`` with weights of both signs.
    """
    size = (layer.images.shape[2], layer.images.shape[3])
    masks = _masks(layer, min(groups, layer.activation.shape[1]), dropped, size)
    span = [2 * min(25, side - 1) + 1 for side in size]
    blurred = gaussian(layer.images, span, 50.0)

    def blend(image: Tensor, variant: Tensor) -> Tensor:
        mask = masks[image, variant][:, None]
        return mask * layer.images[image] + (1 - mask) * blurred[image]

    weight = layer.score_pictures(blend, masks.shape[1]) - layer.score(blurred)[:, None]
    if rectified == "weights":
        weight = relu(weight)
    maps: Tensor = relu(torch.einsum("bg,bghw->bhw", weight, masks))
    return maps


def _masks(layer: Layer, groups: int, least_share: float, size: tuple[int, int]) -> Tensor:
    """(B, groups, H, W) in 0 .. 1; zero where a group is constant."""
    weighted: Tensor = layer.gradient.mean((2, 3), keepdim=True) * layer.activation
    sums = relu(torch.stack([part.sum(1) for part in torch.chunk(weighted, groups, 1)], 1))
    if least_share:
        sums = torch.where(sums > quantile(sums, least_share), sums, 0)
    live = sums.amax((2, 3), keepdim=True) > sums.amin((2, 3), keepdim=True)  # rounding is not to be stretched
    return minmax(upsample(sums, size)) * live
