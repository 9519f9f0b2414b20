"""Contrast-CAM: an example, and no method of the literature."""

from __future__ import annotations

from torch import Tensor, relu

from benchbench import Layer, method


@method("contrastcam", needs="gradient", paper="an example of benchbench's documentation")
def contrastcam(layer: Layer, *, share: float = 1.0) -> Tensor:
    """What a cell contributes to the logit beyond a share of the mean cell: relu(c - share <c>), c = sum_k g A_k."""
    contribution = (layer.gradient * layer.activation).sum(1)
    return relu(contribution - share * contribution.mean((1, 2), keepdim=True))
