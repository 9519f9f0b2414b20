"""HiResCAM: Draelos and Carin 2020, arXiv:2011.08891; and pytorch-grad-cam's element-wise Grad-CAM."""

from __future__ import annotations

from torch import Tensor, relu

from benchbench.registry import method
from benchbench.types import Layer


@method(
    "hirescam",
    title="HiResCAM",
    needs="gradient",
    paper="arXiv:2011.08891",
    fails="Behind a saturated score it vanishes; early layers' maps are noise, as their gradients are.",
)
def hirescam(layer: Layer, *, rectified: bool = True) -> Tensor:
    """Each cell of the activations weighted by its own gradient, summed over channels.

    ``rectified`` keeps the positive part, as its implementations do; the paper has no ReLU.
    """
    maps = (layer.gradient * layer.activation).sum(1)
    return relu(maps) if rectified else maps


@method(
    "gradcam-elementwise",
    title="Element-wise Grad-CAM",
    needs="gradient",
    paper="https://github.com/jacobgil/pytorch-grad-cam",
    fails="What speaks against the class at a place is not set off against what speaks for it.",
)
def gradcam_elementwise(layer: Layer) -> Tensor:
    """The positive part of each cell's activation times gradient, summed over channels."""
    return relu(layer.gradient * layer.activation).sum(1)
