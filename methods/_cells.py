"""Masks over a grid of cells, of values between 0 (hidden) and 1 (as in the image)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypeAlias

from pydantic import Field
from torch import Tensor

from benchbench.types import Layer

from ..perturbation.parts import grid
from ._hidden import Hiding, hiding

Cells: TypeAlias = Annotated[int, Field(ge=1, le=64)]


def shape_of(layer: Layer, cells: int) -> tuple[int, int]:
    """Rows and columns of a grid of ``cells`` x ``cells``, and no more than the image has pixels."""
    height, width = layer.images.shape[2:]
    return min(cells, height), min(cells, width)


def blended(layer: Layer, cells: int, fill: Hiding) -> Callable[[Tensor, Tensor], Tensor]:
    """From images (m,) and masks (m, cells), row by row, to pictures (m, C, H, W): mask image + (1 - mask) fill."""
    labels = grid((layer.images.shape[2], layer.images.shape[3]), cells).to(layer.images.device)
    hidden = hiding(layer, fill)

    def picture(image: Tensor, masks: Tensor) -> Tensor:
        shown = masks[:, labels][:, None]
        return shown * layer.images[image] + (1 - shown) * hidden[image]

    return picture
