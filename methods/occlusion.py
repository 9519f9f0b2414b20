"""Occlusion: Zeiler and Fergus 2014, arXiv:1311.2901, section 3."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from benchbench.registry import method
from benchbench.types import Layer, ScoreKind

from ._sign import Sign, evidence


@method(
    "occlusion",
    title="Occlusion",
    needs=("input", "scores"),
    parts="squares of pixels",
    paper="arXiv:1311.2901",
    fails="Evidence that is there twice does not fall with one square. Its squares are edges of their own, and "
    "their size decides what is seen.",
)
def occlusion(
    layer: Layer,
    *,
    window: Annotated[int, Field(ge=1)] = 32,
    stride: Annotated[int, Field(ge=1)] = 16,
    score: ScoreKind = "logit",
    sign: Sign = "positive",
) -> Tensor:
    """How much the score falls without a square of the image, averaged over the squares that cover each pixel.

    Squares of ``window`` pixels every ``stride``, set to 0; the last of a row or column is moved back into the image.
    The positive part, or as ``sign`` says.
    """
    height, width = layer.images.shape[2:]
    tops, lefts = _starts(height, window, stride), _starts(width, window, stride)
    squares = torch.zeros(len(tops) * len(lefts), height, width, device=layer.images.device)
    for i, square in enumerate(squares):
        top, left = tops[i // len(lefts)], lefts[i % len(lefts)]
        square[top : top + window, left : left + window] = 1
    scores = layer.score_pictures(lambda i, n: layer.images[i] * (1 - squares[n])[:, None], len(squares), of=score)
    falls = layer.score(layer.images, of=score)[:, None] - scores
    return evidence((torch.einsum("bn,nhw->bhw", falls, squares) / squares.sum(0))[:, None], sign)


def _starts(side: int, window: int, stride: int) -> list[int]:
    last = max(side - window, 0)
    return [*range(0, last, stride), last]
