"""SESS, saliency enhancing with scaling and sliding: Tursun, Denman, Sridharan and Fookes 2022, arXiv:2207.01769."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from benchbench.registry import method
from benchbench.types import Layer

from ..maps.normalise import minmax, upsample
from ..perturbation.fills import gaussian
from ..registry.method_parameter import AnyMethod, Method

_BLUR, _BLUR_SIGMA = 11, 5.0  # pixels
Corner = tuple[int, int]


@method(
    "sess",
    title="SESS of {of}",
    needs=("activation", "look"),
    paper="arXiv:2207.01769",
    fails="A window on the background gets a map between 0 and 1 too, and a network that is sure of the class on "
    "background pastes it in. It costs a hundred maps.",
)
def sess(
    layer: Layer,
    *,
    of: AnyMethod = Method("gradcam"),  # noqa: B008 - frozen
    scales: Annotated[int, Field(ge=1)] = 12,
    growth: Annotated[float, Field(gt=0)] = 2 / 7,
) -> Tensor:
    """A method's maps of windows of the enlarged image, each times the window's probability, pasted and averaged.

    The image at 1, 1 + ``growth``, 1 + 2 ``growth`` ... times its size, ``scales`` in all; windows of the image's own
    size side by side, the last of a row or column moved back into the image. Each map, min-max normalised, counts
    where it is above 0. The mean is blurred by a Gaussian of 11 x 11 pixels, sigma 5. As in pytorch-grad-cam.
    """
    height, width = layer.images.shape[2:]
    total, count = torch.zeros_like(layer.images[:, 0]), torch.zeros_like(layer.images[:, 0])
    largest = torch.zeros_like(total[:, :1, :1])
    for n, (large, (top, left)) in enumerate(_windows(layer.images, scales, growth)):
        seen = layer.look(large[:, :, top : top + height, left : left + width], stream=f"sess {n}")
        canvas, weight = torch.zeros_like(large[:, 0]), seen.probability[:, None, None]
        canvas[:, top : top + height, left : left + width] = minmax(upsample(of(seen), (height, width))) * weight
        pasted = upsample(canvas, (height, width))
        total, count, largest = total + pasted, count + (pasted > 0), torch.maximum(largest, weight)
    mean = total / count.clamp(min=1) / torch.where(largest > 0, largest, 1)
    span = [min(_BLUR, 2 * side - 1) for side in (height, width)]
    return gaussian(mean[:, None], span, _BLUR_SIGMA)[:, 0]


def _windows(images: Tensor, scales: int, growth: float) -> Iterator[tuple[Tensor, Corner]]:
    """The images (B, 3, h, w) at each scale, and the top left corner of each window."""
    size = images.shape[2:]
    for scale in range(scales):
        height, width = (side + scale * round(side * growth) for side in size)
        large = F.interpolate(images, (height, width), mode="bilinear", align_corners=False) if scale else images
        for top in _starts(height, size[0]):
            for left in _starts(width, size[1]):
                yield large, (top, left)


def _starts(length: int, window: int) -> list[int]:
    last = length - window
    return [*range(0, last, window), last]
