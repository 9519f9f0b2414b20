"""ShapleyCAM: Cai 2025, arXiv:2501.06261."""

from __future__ import annotations

from torch import Tensor, relu

from benchbench.registry import method
from benchbench.types import Layer


@method(
    "shapleycam",
    title="ShapleyCAM",
    needs=("gradient", "curvature"),
    paper="arXiv:2501.06261",
    fails="Behind a piecewise linear network it is Grad-CAM, with Grad-CAM's faults.",
)
def shapleycam(layer: Layer) -> Tensor:
    """Grad-CAM with the gradient corrected by half the Hessian times the activation: w_k = <(g - H A / 2)_k>.

    Where the network behind the layer is piecewise linear, H is zero and this is Grad-CAM.
    """
    slope = layer.gradient - layer.curvature(layer.activation) / 2
    return relu((slope.mean((2, 3), keepdim=True) * layer.activation).sum(1))
