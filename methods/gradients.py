"""Gradients in pixels: saliency, input x gradient, SmoothGrad and relatives, integrated gradients, gradient SHAP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from benchbench.registry import method
from benchbench.types import Layer

from ._sign import Sign, evidence

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0)]


@method(
    "saliency",
    title="Gradient",
    needs=("input", "gradient"),
    paper="arXiv:1312.6034",
    fails="It is noisy, as gradients of deep networks are, and tells where a change would matter, not what made the "
    "score. Behind a saturated score it vanishes.",
)
def saliency(layer: Layer) -> Tensor:
    """The largest magnitude of the gradient among each pixel's channels (Simonyan et al. 2014, section 3.1)."""
    return layer.gradient.abs().amax(1)


@method(
    "inputxgradient",
    title="Input x gradient",
    needs=("input", "gradient"),
    paper="arXiv:1605.01713",
    fails="Pixels near the mean colour get nothing, whatever they mean. Behind a saturated score it vanishes.",
)
def inputxgradient(layer: Layer, *, sign: Sign = "positive") -> Tensor:
    """Normalised image times gradient, summed over channels; its positive part, or as ``sign`` says."""
    return evidence(layer.images * layer.gradient, sign)


@method(
    "smoothgrad",
    title="SmoothGrad",
    needs=("input", "gradient", "look"),
    paper="arXiv:1706.03825",
    fails="The noise moves the image off the data; its amount decides what is seen.",
)
def smoothgrad(layer: Layer, *, samples: Count = 25, sigma: Share = 0.15) -> Tensor:
    """The gradient averaged over noisy images, then as saliency: its largest magnitude among channels.

    ``sigma``: the noise's standard deviation as a share of each image's range (Smilkov et al. 2017, section 3.1).
    """
    return _mean(layer, _noisy_gradients(layer, samples, sigma)).abs().amax(1)


@method(
    "squaregrad",
    title="SquareGrad",
    needs=("input", "gradient", "look"),
    paper="arXiv:1806.10758",
    fails="It has no sign, and a square stretches the map: few pixels are high, and most are near zero. Where the "
    "gradient is noise about zero it shows the noise's size, which SmoothGrad averages away.",
)
def squaregrad(layer: Layer, *, samples: Count = 25, sigma: Share = 0.15) -> Tensor:
    """The mean of the squared gradient over noisy images, its largest value among channels.

    Hooker et al. 2019, section 4.1, where it is SmoothGrad-Squared. The noise is SmoothGrad's, with the same draws.
    """
    return _mean(layer, (gradient.square() for gradient in _noisy_gradients(layer, samples, sigma))).amax(1)


@method(
    "vargrad",
    title="VarGrad",
    needs=("input", "gradient", "look"),
    paper="arXiv:1810.03292",
    fails="A gradient that does not change under the noise counts for nothing, however large: on a linear network the "
    "map is constant. It tells where the gradient is unstable.",
)
def vargrad(layer: Layer, *, samples: Annotated[int, Field(ge=2)] = 25, sigma: Share = 0.15) -> Tensor:
    """The variance of the gradient over noisy images, its largest value among channels.

    Adebayo et al. 2018, in the appendix: the mean of the squared distance from the mean. The noise is SmoothGrad's,
    with the same draws.
    """
    mean, squares = torch.zeros_like(layer.images), torch.zeros_like(layer.images)
    for count, gradient in enumerate(_noisy_gradients(layer, samples, sigma), start=1):
        distance = gradient - mean  # Welford's sums: a difference of two means of squares would lose small variances
        mean += distance / count
        squares += distance * (gradient - mean)
    return (squares / samples).amax(1)


def _noisy_gradients(layer: Layer, samples: int, sigma: float) -> Iterator[Tensor]:
    """(B, 3, H, W) for each noisy image."""
    span = layer.images.amax((1, 2, 3), keepdim=True) - layer.images.amin((1, 2, 3), keepdim=True)
    for noise in layer.normal(samples, *layer.images.shape[1:]).unbind(1):
        yield layer.look(layer.images + sigma * span * noise).gradient


def _mean(layer: Layer, gradients: Iterator[Tensor]) -> Tensor:
    total, count = torch.zeros_like(layer.images), 0
    for gradient in gradients:
        total += gradient
        count += 1
    return total / count


@method(
    "integratedgradients",
    title="Integrated gradients",
    needs=("input", "gradient", "look"),
    paper="arXiv:1703.01365",
    fails="Pixels near the mean colour, which is the baseline, get nothing; most of the path lies on images unlike "
    "any seen in training.",
)
def integratedgradients(layer: Layer, *, steps: Count = 50, sign: Sign = "positive") -> Tensor:
    """Image times the gradient's mean on the way from a zero image, summed over channels; the positive part of it.

    Sundararajan et al. 2017, equation 3, by the midpoint rule. Zero is the normalised mean colour.
    """
    total = torch.zeros_like(layer.images)
    for i in range(steps):
        total += layer.look(layer.images * ((i + 0.5) / steps)).gradient
    return evidence(layer.images * total / steps, sign)


@method(
    "gradientshap",
    title="GradientSHAP",
    needs=("input", "gradient", "look"),
    paper="arXiv:1705.07874",
    fails="As integrated gradients, and a few random points are a rough mean.",
)
def gradientshap(layer: Layer, *, samples: Count = 25, sigma: Share = 0.09, sign: Sign = "positive") -> Tensor:
    """Image times the gradient's mean at random points between a zero image and the noisy one; the positive part.

    As captum's GradientShap with a zero baseline: noise of standard deviation ``sigma`` on the image, then a point
    drawn uniformly on the way; each gradient is times the noisy image.
    """
    noise = layer.normal(samples, *layer.images.shape[1:])
    places = layer.uniform(samples, stream="places")
    total = torch.zeros_like(layer.images)
    for i in range(samples):
        noisy = layer.images + sigma * noise[:, i]
        total += noisy * layer.look(noisy * places[:, i, None, None, None]).gradient
    return evidence(total / samples, sign)
