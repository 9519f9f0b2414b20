"""Grad-CAM: Selvaraju et al. 2017, arXiv:1610.02391, equations 1 and 2."""

from __future__ import annotations

from torch import Tensor, relu

from benchbench.registry import method
from benchbench.types import Layer


@method(
    "gradcam",
    title="Grad-CAM",
    needs="gradient",
    paper="arXiv:1610.02391",
    fails="Where the gradient differs from place to place, as one mean weight per channel then lays evidence on "
    "places without effect; of several instances the weaker fade; behind a saturated score it vanishes.",
)
def gradcam(layer: Layer) -> Tensor:
    """Activations weighted by the spatial mean of the logit's gradient, then ReLU."""
    weight = layer.gradient.mean((2, 3), keepdim=True)
    return relu((weight * layer.activation).sum(1))
