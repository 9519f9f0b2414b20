"""How two rows of numbers go together: linear and rank correlation, one value per row."""

from __future__ import annotations

import torch
from torch import Tensor

from ..maps.similarity import ranks

FLAT = "the network's answer does not change on any step"


ROUNDING = 1e-6  # of the largest answer: float32 tells no less


def responds(answers: Tensor) -> Tensor:
    """(...,): whether a network's answers (..., P) differ by more than their own rounding does."""
    return answers.amax(-1) - answers.amin(-1) > ROUNDING * answers.abs().amax(-1)


def pearson_or_zero(first: Tensor, second: Tensor) -> Tensor:
    """(B,): the linear correlation of the rows of (B, n) and (B, n); 0 where one of them is constant."""
    first, second = (x.double() - x.double().mean(1, keepdim=True) for x in (first, second))
    scale = first.square().sum(1).sqrt() * second.square().sum(1).sqrt()
    live = varies(first) & varies(second)
    return torch.where(live, (first * second).sum(1) / torch.where(live, scale, 1), 0).clamp(-1, 1)


def spearman_or_zero(first: Tensor, second: Tensor) -> Tensor:
    """(B,): the linear correlation of the rows' ranks; equal values share the mean of their ranks."""
    return pearson_or_zero(midranks(first), midranks(second))


def midranks(values: Tensor) -> Tensor:
    """(B, n): the rank of each value in its row, from 1; equal values share the mean of theirs."""
    return ranks(values.double()) + 1


def varies(values: Tensor) -> Tensor:
    """(B,): whether a row's values differ, by more than rounding does."""
    span = values.amax(1) - values.amin(1)
    return span > 1e-12 * values.abs().amax(1).clamp_min(1e-30)
