"""Recipro-CAM: Byun and Lee 2022, arXiv:2209.14074."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from benchbench.registry import method
from benchbench.types import Layer, ScoreKind


@method(
    "reciprocam",
    title="Recipro-CAM",
    needs=("activation", "rest"),
    paper="arXiv:2209.14074",
    fails="One cell alone may be too little for any score; with padding, cells at the border see other neighbours "
    "than in the image.",
)
def reciprocam(layer: Layer, *, mask: Literal["cell", "gaussian"] = "cell", score: ScoreKind = "probability") -> Tensor:
    """The target's probability when all channels are kept at one cell and are zero elsewhere, cell by cell.

    Only the network behind the layer runs, once per cell. ``cell`` keeps the cell alone; ``gaussian`` spreads its own
    values over its eight neighbours, as the authors' code does: 1/4 at the centre, 1/8 beside it, 1/16 at the corners.
    ``score``: the authors' is the softmax probability.
    """
    height, width = layer.activation.shape[2:]
    masks = torch.eye(height * width).view(-1, height, width).to(layer.activation)
    if mask == "gaussian":
        masks = F.conv2d(masks[:, None], _gaussian().to(masks), padding=1)[:, 0]

    def kept(activation: Tensor, cell: Tensor) -> Tensor:
        values = activation.flatten(2)[torch.arange(len(cell), device=cell.device), :, cell]
        return values[:, :, None, None] * masks[cell][:, None]

    return layer.score_changed(kept, height * width, of=score).view(-1, height, width)


def _gaussian() -> Tensor:
    side = torch.tensor([0.25, 0.5, 0.25])
    return torch.outer(side, side)[None, None]
