"""Boxes of objects in the frame of what a network sees, and as regions of pixels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..errors import BenchError
from ..types import Preprocess
from .preprocess import placed


def framed_boxes(boxes: Tensor, size: tuple[int, int], preprocess: Preprocess) -> Tensor:
    """Boxes of a photograph as boxes of the network's input: resized, moved by the centre crop, clipped to it.

    Args:
        boxes: float (N, 4): x0, y0, x1, y1 in pixels of the photograph, half-open.
        size: width and height of the photograph, in pixels.
        preprocess: the network's.

    Returns:
        float32 (n, 4), n at most N: a box that the crop cuts away whole is dropped. Where it drops all, (0, 4).

    Raises:
        BenchError: a shape other than (N, 4), or numbers that are not finite.

    Example:
        >>> from benchbench.models.boxes import framed_boxes
        >>> cut = bb.Preprocess(resize=20, crop=10)  # 40 x 20 pixels: the middle 10 x 10 is left
        >>> framed_boxes(torch.tensor([[10.0, 0, 20, 20], [0, 0, 5, 20]]), (40, 20), cut)
        tensor([[ 0.,  0.,  5., 10.]])
    """
    checked = check_boxes(boxes)
    (width, height), (left, top) = placed(size, preprocess)
    scale = torch.tensor([width / size[0], height / size[1]] * 2, dtype=torch.float64)
    return clipped(checked.double() * scale - torch.tensor([left, top] * 2), (preprocess.crop, preprocess.crop))


def clipped(boxes: Tensor, size: Sequence[int]) -> Tensor:
    """Boxes (N, 4) cut to an image of ``size`` (height, width), float32 (n, 4); what lies outside whole is dropped."""
    limit = boxes.new_tensor([size[1], size[0]] * 2)
    inside = torch.minimum(boxes.clamp_min(0), limit)
    return inside[(inside[:, 2:] > inside[:, :2]).all(1)].float()


def check_boxes(boxes: Tensor) -> Tensor:
    """The boxes.

    Raises:
        BenchError: they are not finite floats (N, 4), or a box ends before it begins.
    """
    hint = "Give a float tensor (N, 4): x0, y0, x1, y1 in pixels, x1 - x0 the width"
    if not isinstance(boxes, Tensor) or boxes.ndim != 2 or boxes.shape[1] != 4 or not boxes.is_floating_point():
        shape = f"{boxes.dtype} {tuple(boxes.shape)}" if isinstance(boxes, Tensor) else type(boxes).__name__
        raise BenchError(f"the boxes are {shape}", hint=hint)
    if not bool(boxes.isfinite().all()):
        raise BenchError("the boxes have numbers that are not finite", hint=hint)
    turned = (boxes[:, 2:] < boxes[:, :2]).any(1)
    if bool(turned.any()):
        raise BenchError(f"the box {boxes[turned][0].tolist()} ends before it begins", hint=hint)
    return boxes
