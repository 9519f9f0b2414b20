"""HSIC attribution: Novello, Fel and Vigouroux 2022, arXiv:2206.06219."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from benchbench.registry import method
from benchbench.types import Layer, ScoreKind

from ._cells import Cells, blended, shape_of
from ._hidden import Hiding

Bandwidth: TypeAlias = Literal["score", "difference"]


@method(
    "hsic",
    title="HSIC",
    needs=("input", "scores"),
    paper="arXiv:2206.06219",
    fails="A cell that speaks against the class moves the score as one that speaks for it, and both are bright. A "
    "kernel much wider than the scores differ sees their variance alone.",
)
def hsic(
    layer: Layer,
    *,
    cells: Cells = 8,
    designs: Annotated[int, Field(ge=3, le=10_000)] = 500,
    fill: Hiding = "zero",
    bandwidth: Bandwidth = "score",
    score: ScoreKind = "logit",
) -> Tensor:
    """Dependence of the score on each cell of a grid: the Hilbert-Schmidt independence criterion over random masks.

    tr(K H L H) / (N - 1)^2 with K = 1/2 - (m - m')^2 of the cell's value 0 or 1, and L a Gaussian kernel of the scores.
    Half of the N masks hide each cell, as a Latin hypercube has it, which the paper samples; every image draws from its
    own seed. ``bandwidth`` is the Gaussian's sigma: the median ``score``, as the authors' code has it, whatever the
    scores' offset; or the median ``difference`` of two scores.
    """
    shape, picture = shape_of(layer, cells), blended(layer, cells, fill)
    rank = layer.uniform(designs, shape[0] * shape[1]).argsort(dim=1, stable=True).argsort(dim=1)
    masks = (2 * rank >= designs).to(layer.images)
    scores = layer.score_pictures(lambda i, n: picture(i, masks[i, n]), designs, of=score)
    values = [dependence(m, s, bandwidth) for m, s in zip(masks.double(), scores.double(), strict=True)]
    return torch.stack(values).view(-1, *shape).to(layer.images)


def dependence(masks: Tensor, scores: Tensor, bandwidth: Bandwidth) -> Tensor:
    """(count,): the criterion of each cell, from masks (N, count) of 0 and 1, and scores (N,).

    The centred kernel of 0 and 1 is a product, H K H = 2 x x', with x the cell's values less their mean.
    """
    centred = masks - masks.mean(0)
    distance = (scores[:, None] - scores).abs()
    rows, columns = torch.triu_indices(len(scores), len(scores), 1)
    sigma = float(np.median((scores if bandwidth == "score" else distance[rows, columns]).cpu().numpy()))
    # where sigma is 0, the Gaussian's limit
    kernel = torch.exp(-distance.square() / (2 * sigma**2)) if sigma else (distance == 0).to(scores)
    return 2 * torch.einsum("ni,nm,mi->i", centred, kernel, centred) / (len(scores) - 1) ** 2
