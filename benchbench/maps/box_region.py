"""Boxes as regions of pixels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def filled(boxes: Tensor, size: Sequence[int]) -> Tensor:
    """bool (H, W): the pixels that any of the boxes touches.

    Args:
        boxes: float (N, 4): x0, y0, x1, y1 in pixels, half-open, clipped to the image.
        size: height and width of the image, in pixels.

    Example:
        >>> from benchbench.maps.box_region import filled
        >>> filled(torch.tensor([[1.0, 0.0, 2.5, 1.0]]), (2, 4)).int()
        tensor([[0, 1, 1, 0],
                [0, 0, 0, 0]], dtype=torch.int32)
    """
    region = torch.zeros(*size, dtype=torch.bool, device=boxes.device)
    for x0, y0, x1, y1 in torch.cat([boxes[:, :2].floor(), boxes[:, 2:].ceil()], 1).int().tolist():
        region[y0:y1, x0:x1] = True
    return region
