"""Recipro-CAM: Byun and Lee 2022, arXiv:2209.14074."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from benchbench.registry import method
from benchbench.types import Layer


@method("reciprocam", needs=("activation", "rest"), paper="arXiv:2209.14074")
def reciprocam(layer: Layer, *, mask: Literal["cell", "gaussian"] = "cell") -> Tensor:
    """The target's probability when all channels are kept around one cell and are zero elsewhere, cell by cell.

    Only the network behind the layer runs, once per cell. ``cell`` keeps the cell alone; ``gaussian`` keeps its eight
    neighbours too, by the authors' 3 x 3 kernel: 1/4 at the centre, 1/8 beside it, 1/16 at the corners.
    """
    height, width = layer.activation.shape[2:]
    masks = torch.eye(height * width).view(-1, 1, height, width).to(layer.activation)
    if mask == "gaussian":
        masks = F.conv2d(masks, _gaussian().to(masks), padding=1)
    scores = layer.score_changed(lambda a, cell: a * masks[cell], height * width, of="probability")
    return scores.view(-1, height, width)


def _gaussian() -> Tensor:
    side = torch.tensor([0.25, 0.5, 0.25])
    return torch.outer(side, side)[None, None]
