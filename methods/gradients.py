"""Gradients in pixels: saliency, input x gradient, SmoothGrad, integrated gradients, gradient SHAP."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from benchbench.registry import method
from benchbench.types import Layer

from ._sign import Sign, evidence

Count = Annotated[int, Field(ge=1)]


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
def smoothgrad(layer: Layer, *, samples: Count = 25, sigma: Annotated[float, Field(ge=0)] = 0.15) -> Tensor:
    """The gradient averaged over noisy images, then as saliency: its largest magnitude among channels.

    ``sigma``: the noise's standard deviation as a share of each image's range (Smilkov et al. 2017, section 3.1).
    """
    span = layer.images.amax((1, 2, 3), keepdim=True) - layer.images.amin((1, 2, 3), keepdim=True)
    total = torch.zeros_like(layer.images)
    for noise in layer.normal(samples, *layer.images.shape[1:]).unbind(1):
        total += layer.look(layer.images + sigma * span * noise).gradient
    return (total / samples).abs().amax(1)


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
def gradientshap(
    layer: Layer, *, samples: Count = 25, sigma: Annotated[float, Field(ge=0)] = 0.09, sign: Sign = "positive"
) -> Tensor:
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
