"""The words between a method and the engine: what is scored, changed, differentiated, and small records of answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from torch import Tensor

ScoreKind: TypeAlias = Literal["probability", "logit"]
Precision: TypeAlias = Literal["float32", "bf16"]
Change: TypeAlias = Callable[[Tensor, Tensor], Tensor]
Pictures: TypeAlias = Callable[[Tensor, Tensor], Tensor]
AttentionGradient: TypeAlias = Literal["none", "logit", "block"]
Score: TypeAlias = Callable[[Tensor], Tensor]
INPUT = "input image"  # the layer of methods that explain in pixels: no module's path has a space in it


@dataclass(frozen=True)
class Head:
    """The last linear layer of a network that ends in global average pooling: weight (C, K), bias (C,) or None."""

    weight: Tensor
    bias: Tensor | None


@dataclass(frozen=True, eq=False)
class Attention:
    """One block's softmax weights (B, heads, tokens, tokens), and the gradient in them, or None."""

    weight: Tensor
    gradient: Tensor | None
