"""A method averaged over changed images: noise (Smilkov et al. 2017, arXiv:1706.03825), or test-time augmentation."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from benchbench.registry import method
from benchbench.types import Layer

from ..maps.normalise import minmax
from ..registry.method_parameter import AnyMethod, Method


@method(
    "smoothed",
    title="{of} smoothed over noise",
    needs=("activation", "look"),
    paper="arXiv:1706.03825",
    fails="The noise moves the image off the data, and blurs fine maps.",
)
def smoothed(
    layer: Layer,
    *,
    of: AnyMethod = Method("gradcam"),  # noqa: B008 - frozen
    samples: Annotated[int, Field(ge=1)] = 8,
    sigma: Annotated[float, Field(ge=0)] = 0.15,
) -> Tensor:
    """A method's map, averaged over images with Gaussian noise.

    ``sigma``: the noise's standard deviation as a share of each image's range, as in SmoothGrad.
    """
    span = layer.images.amax((1, 2, 3), keepdim=True) - layer.images.amin((1, 2, 3), keepdim=True)
    noise = sigma * span[:, None] * layer.normal(samples, *layer.images.shape[1:], stream="smoothed")
    looks = [layer.look(layer.images + draw, stream=f"smoothed {n}") for n, draw in enumerate(noise.unbind(1))]
    return torch.stack([of(look) for look in looks]).mean(0)


@method(
    "augmented",
    title="{of} over augmentations",
    needs=("activation", "look"),
    paper="https://github.com/jacobgil/pytorch-grad-cam",
    fails="Where left and right mean different things to the network, as in text.",
)
def augmented(layer: Layer, *, of: AnyMethod = Method("gradcam")) -> Tensor:  # noqa: B008 - frozen
    """A method's map, averaged over the image and its mirror image, each times 0.9, 1 and 1.1.

    As in pytorch-grad-cam's ``aug_smooth`` each map is min-max normalised first (there at the image's size).
    """
    maps = []
    for scale in (0.9, 1.0, 1.1):
        maps.append(minmax(of(layer.look(layer.images * scale))))
        maps.append(minmax(of(layer.look(layer.images.flip(3) * scale)).flip(2)))
    return torch.stack(maps).mean(0)
