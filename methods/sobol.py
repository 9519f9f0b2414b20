"""Sobol attribution: Fel, Cadene, Chalvidal, Cord, Vigouroux and Serre 2021, arXiv:2111.04138."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from benchbench.registry import method
from benchbench.types import Layer, ScoreKind

from ._cells import Cells, blended, shape_of
from ._hidden import Hiding


@method(
    "sobol",
    title="Sobol",
    needs=("input", "scores"),
    paper="arXiv:2111.04138",
    fails="A cell that speaks against the class varies the score as one that speaks for it, and both are bright. With "
    "few designs the indices of many cells are rounding of the sequence.",
)
def sobol(
    layer: Layer,
    *,
    cells: Cells = 8,
    designs: Annotated[int, Field(ge=2, le=4096)] = 32,
    fill: Hiding = "zero",
    score: ScoreKind = "logit",
) -> Tensor:
    """Total Sobol index of each cell of a grid: the share of the score's variance in which the cell has a part.

    Masks of values in 0 .. 1, one for each cell, from a Sobol sequence that is not scrambled, the same for all images;
    Jansen's estimator, sum_n (f(A_n) - f(C_in))^2 / (2 N var f(A)), where C_i is A with cell i from a second design.
    N (cells^2 + 1) passes. Xplique has these defaults, runs the second design for itself too, and does not use it.
    """
    shape, picture = shape_of(layer, cells), blended(layer, cells, fill)
    masks = design(shape[0] * shape[1], designs).to(layer.images)
    scores = layer.score_pictures(lambda i, n: picture(i, masks[n]), len(masks), of=score)
    return total_indices(scores.double(), designs).view(-1, *shape).to(layer.images)


def design(count: int, designs: int) -> Tensor:
    """((count + 1) designs, count): the masks A, then for each cell A with that cell from a second design."""
    from scipy.stats import qmc  # a second to import, and few studies need it

    sequence = qmc.Sobol(2 * count, scramble=False).random_base2((designs - 1).bit_length())[:designs]
    points = torch.from_numpy(sequence)
    first, second = points[:, :count], points[:, count:]
    exchanged = first.repeat(count, 1, 1)
    cell = torch.arange(count)
    exchanged[cell, :, cell] = second.T
    return torch.cat([first, exchanged.flatten(0, 1)])


def total_indices(scores: Tensor, designs: int) -> Tensor:
    """(B, count) from the scores (B, (count + 1) designs) of ``design``; 0 where the score does not vary."""
    first, exchanged = scores[:, None, :designs], scores[:, designs:].view(len(scores), -1, designs)
    variance = first.var(2)
    return torch.where(variance > 0, (first - exchanged).square().mean(2) / (2 * variance), 0)
