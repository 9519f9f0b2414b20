"""Controls: maps that know nothing of the network's reasons. A method that does not beat them explains nothing."""

from __future__ import annotations

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


@method("random", title="Random map", needs="activation", control=True)
def random(layer: Layer) -> Tensor:
    """Uniform noise at the layer's resolution, from each sample's own seed."""
    return layer.uniform(*layer.activation.shape[2:])


@method("uniform", title="Uniform map", needs="activation", control=True)
def uniform(layer: Layer) -> Tensor:
    """The same value everywhere: whatever is measured on it is measured in row-major order."""
    return torch.ones_like(layer.activation[:, 0])


@method("mean-activation", title="Mean activation", needs="activation", control=True)
def mean_activation(layer: Layer) -> Tensor:
    """The mean of the layer's channels: where it responds at all, whatever the class."""
    return layer.activation.mean(1)


@method("sobel", title="Sobel edges", needs="input", control=True)
def sobel(layer: Layer) -> Tensor:
    """The image's edges: the magnitude of the mean channel's Sobel gradient. It has not seen the network."""
    smooth, slope = torch.tensor([1.0, 2.0, 1.0]), torch.tensor([-1.0, 0.0, 1.0])
    kernels = torch.stack([torch.outer(smooth, slope), torch.outer(slope, smooth)])[:, None].to(layer.images)
    grey = F.pad(layer.images.mean(1, keepdim=True), (1, 1, 1, 1), mode="replicate")
    magnitude: Tensor = F.conv2d(grey, kernels).square().sum(1).sqrt()
    return magnitude


@method("fakecam", title="Fake-CAM", needs="input", control=True, paper="arXiv:2104.10252")
def fakecam(layer: Layer) -> Tensor:
    """All ones but the first pixel (Poppi et al. 2021): what it wins, nothing can be learnt from."""
    maps = torch.ones_like(layer.images[:, 0])
    maps[:, 0, 0] = 0
    return maps


@method("oracle", title="Object mask", needs=("input", "mask"), control=True)
def oracle(layer: Layer) -> Tensor:
    """The mask of the object itself, where the dataset has one."""
    return layer.mask.to(layer.images.dtype)


@method("inverted", title="Inverted {of}", needs="activation", control=True)
def inverted(layer: Layer, *, of: AnyMethod = Method("gradcam")) -> Tensor:  # noqa: B008 - frozen
    """A method's map, upside down: least where it is most."""
    maps: Tensor = of(layer)
    return -maps


@method("dataset-mean", title="Data set's mean {of}", needs="dataset", control=True)
def dataset_mean(maps: Tensor, *, of: AnyMethod = Method("gradcam")) -> Tensor:  # noqa: B008 - frozen
    """The mean of a method's maps of all images of the dataset, each min-max normalised: where objects usually are.

    From the maps (N, h, w) of all images; the method's own, ``of``, are computed for it where they were not asked for.
    A map that failed is left out.
    """
    return minmax(maps).mean(0)


@method("blurred", title="Blurred {of}", needs="activation", control=True)
def blurred(
    layer: Layer,
    *,
    of: AnyMethod = Method("gradcam"),  # noqa: B008 - frozen
    sigma: Annotated[float, Field(gt=0)] = 0.05,
) -> Tensor:
    """A method's map at the image's size, blurred by a Gaussian; sigma as a share of the shorter side."""
    inner = of(layer)
    large = upsample(inner[:, None], layer.images.shape[2:])
    width = sigma * min(large.shape[2:])
    span = [min(2 * int(4 * width) + 1, 2 * side - 1) for side in large.shape[2:]]
    return _constant_where(inner, gaussian(large, span, width)[:, 0])


@method("coarse", title="Coarse {of}", needs="activation", control=True)
def coarse(
    layer: Layer,
    *,
    of: AnyMethod = Method("gradcam"),  # noqa: B008 - frozen
    cells: Annotated[int, Field(ge=1)] = 7,
) -> Tensor:
    """A method's map averaged into cells x cells: what is left of it without its fine lines."""
    inner = of(layer)
    return _constant_where(inner, F.adaptive_avg_pool2d(upsample(inner[:, None], layer.images.shape[2:]), cells)[:, 0])


@method("noised", title="{of} with noise", needs="activation", control=True)
def noised(
    layer: Layer,
    *,
    of: AnyMethod = Method("gradcam"),  # noqa: B008 - frozen
    share: Annotated[float, Field(ge=0, le=1)] = 0.5,
) -> Tensor:
    """A method's map, min-max normalised, blended with uniform noise: a reliable metric falls as ``share`` grows."""
    inner = minmax(of(layer))
    return (1 - share) * inner + share * layer.uniform(*inner.shape[1:], stream="noised")


def _constant_where(inner: Tensor, maps: Tensor) -> Tensor:
    """The maps; zero where the inner map was constant, whose rounding would be stretched to a full range."""
    return maps * (inner.amax((1, 2), keepdim=True) > inner.amin((1, 2), keepdim=True))


@method("center", title="Centre", needs="activation", control=True)
def center(layer: Layer, *, sigma: Annotated[float, Field(gt=0)] = 0.25) -> Tensor:
    """A Gaussian at the centre of the image; sigma as a share of each side."""
    height, width = layer.activation.shape[2:]
    y = (torch.arange(height, device=layer.activation.device) + 0.5) / height - 0.5
    x = (torch.arange(width, device=layer.activation.device) + 0.5) / width - 0.5
    distance = (y[:, None].square() + x.square()) / (2 * sigma**2)
    return torch.exp(-distance).expand(len(layer.images), -1, -1).to(layer.activation.dtype)
