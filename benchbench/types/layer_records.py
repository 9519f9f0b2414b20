"""The words and records between a method and the layer that it reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from torch import Tensor

ScoreKind: TypeAlias = Literal["probability", "logit"]
Activation: TypeAlias = Literal["softmax", "sigmoid"]  # from logits to probabilities
Precision: TypeAlias = Literal["float32", "bf16"]
Change: TypeAlias = Callable[[Tensor, Tensor], Tensor]
Pictures: TypeAlias = Callable[[Tensor, Tensor], Tensor]
AttentionGradient: TypeAlias = Literal["none", "logit", "block"]
Score: TypeAlias = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Head:
    """The last linear layer of a network that ends in global average pooling: weight (C, K), bias (C,) or None."""

    weight: Tensor
    bias: Tensor | None


@dataclass(frozen=True, eq=False)
class Attention:
    """One block's softmax weights (B, heads, tokens, tokens); if asked for, the gradient in them, and their scores.

    ``score``: what goes into the softmax, of the same shape.
    """

    weight: Tensor
    gradient: Tensor | None
    score: Tensor | None = None
