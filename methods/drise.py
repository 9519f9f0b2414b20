"""D-RISE: Petsiuk, Jain, Manjunatha, Morariu, Mehra, Ordonez and Saenko 2021, arXiv:2006.03204."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torch import Tensor

from benchbench.registry import method
from benchbench.types import Layer

from .rise import random_masks, weighted_masks


@method(
    "drise",
    title="D-RISE",
    needs=("input", "detections"),
    paper="arXiv:2006.03204",
    fails="With few masks the map is noise; an object much smaller than a cell is blurred.",
)
def drise(
    layer: Layer,
    *,
    masks: Annotated[int, Field(ge=1)] = 5000,
    cells: Annotated[int, Field(ge=1)] = 16,
    keep: Annotated[float, Field(gt=0, lt=1)] = 0.5,
) -> Tensor:
    """Random masks weighted by how similar the detections under each mask are to the explained detection.

    The similarity is the intersection over union of the boxes times the cosine of the class probabilities, of the
    detection for which this product is largest. The explained detection is that of the target in the whole image; the
    map is 0 where there is none. Every image draws its own masks, from its own seed.
    """
    draw = random_masks(layer, masks, cells, keep)
    weights = layer.detection_similarity(lambda i, n: layer.images[i] * draw(i, n)[:, None], masks)
    return weighted_masks(weights, draw) / (masks * keep)
