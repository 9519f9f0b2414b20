"""FullGrad: Srinivas and Fleuret 2019, arXiv:1905.00780, equation 8."""

from __future__ import annotations

from torch import Tensor

from benchbench.registry import method
from benchbench.types import Layer

from ..maps.normalise import upsample

_LEAST = 1e-6  # as in the authors' code


@method(
    "fullgrad",
    title="FullGrad",
    needs=("input", "biases"),
    paper="arXiv:1905.00780",
    fails="On networks with activation functions that are not piecewise linear, where its terms do not add up and "
    "it does not apply.",
)
def fullgrad(layer: Layer) -> Tensor:
    """Image times gradient plus, for every layer, bias times gradient: each as psi, summed over channels.

    psi: absolute value, min-max normalised over the whole layer, upsampled to the image. Not applicable where the terms
    do not add up to the logit.
    """
    image, biases = layer.bias_gradients()
    size = image.shape[2:]
    total = _psi(image).sum(1)
    for term in biases:
        total = total + upsample(_psi(term), size).sum(1)
    return total


def _psi(term: Tensor) -> Tensor:
    term = term.abs()
    term = term - term.amin((1, 2, 3), keepdim=True)
    return term / (term.amax((1, 2, 3), keepdim=True) + _LEAST)
