"""FEM: Fuad et al. 2020, doi:10.1109/IPTA50016.2020.9286629."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from benchbench.registry import method
from benchbench.types import Layer


@method(
    "fem",
    title="FEM",
    needs="activation",
    paper="doi:10.1109/IPTA50016.2020.9286629",
    fails="It knows no class. Where a response is spread over more than a few cells, none of them is above its "
    "threshold.",
)
def fem(layer: Layer, *, k: float = 2.0, variant: Literal["paper", "pytorch-grad-cam"] = "paper") -> Tensor:
    """Where each channel is at least its mean plus k standard deviations, weighted by its mean. No class is asked.

    ``pytorch-grad-cam`` sums the activations themselves, weighted by the share of cells above that threshold.
    """
    activation = layer.activation
    mean = activation.mean((2, 3), keepdim=True)
    least = mean + k * activation.std((2, 3), correction=0, keepdim=True)
    if variant == "paper":
        return (mean * (activation >= least)).sum(1)
    return ((activation > least).to(activation).mean((2, 3), keepdim=True) * activation).sum(1)
