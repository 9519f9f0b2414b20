"""The words between methods, metrics and the engine: what is scored, changed, differentiated; records of answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
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


@dataclass(frozen=True)
class Cost:
    """What one method alone cost on one image: see cost.py for how it is measured.

    ``seconds``: one entry per timed call. ``peak_bytes``: above what was live before the call. Passes are per image;
    ``rests`` are those through what is behind the layer alone.
    """

    seconds: tuple[float, ...]
    peak_bytes: int
    forwards: float
    backwards: float
    rests: float = 0


@dataclass(frozen=True, eq=False)
class Scored:
    """A metric's answer: one value per map, and what else it wants kept.

    Attributes:
        value: (B,), or a float for a cost metric. NaN is a failed row.
        parts: further named values, written as rows ``metric.part``.
        curve: x (S,) and y (B, S), written to curves.parquet.
    """

    value: Tensor | float
    parts: Mapping[str, Tensor | float] = field(default_factory=dict)
    curve: tuple[Tensor, Tensor] | None = None
