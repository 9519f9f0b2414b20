"""Maps cut into the steps of a removal: what of a map each step takes."""

from __future__ import annotations

import torch
from torch import Tensor

from ..perturbation.apply_probe import ranks


def step_sums(maps: Tensor, edges: Tensor) -> Tensor:
    """(B, S): the sum of maps (B, h, w) over the cells whose rank lies between two of the edges (S + 1,)."""
    flat = maps.double().flatten(1)
    step = torch.bucketize(ranks(maps).flatten(1), edges[1:], right=True)
    return flat.new_zeros(len(flat), len(edges) - 1).scatter_add(1, step, flat)


def edges_of(steps: int, count: int) -> Tensor:
    """(S + 1,): how many of ``count`` cells are gone after each step."""
    return torch.round(torch.arange(steps + 1, dtype=torch.float64) / steps * count).long()
