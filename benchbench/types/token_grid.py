"""How a layer's output holds its map, and on which grid the tokens of a transformer lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor


@dataclass(frozen=True)
class Layout:
    """``first``: (B, K, h, w). ``last``: (B, h, w, K). ``tokens``: (B, prefix + h * w, K), in row-major order.

    ``turned``: the output has columns where these have rows, as in a network that turns its image: (B, K, w, h).
    """

    kind: Literal["first", "last", "tokens"]
    height: int
    width: int
    prefix: int = 0
    turned: bool = False

    def map_of(self, output: Tensor) -> Tensor:
        """The map (B, K, h, w) in a layer's output."""
        if self.kind == "tokens":
            tokens = output[:, self.prefix :].mT
            if self.turned:
                return tokens.reshape(len(output), -1, self.width, self.height).mT
            return tokens.reshape(len(output), -1, self.height, self.width)
        maps = output if self.kind == "first" else output.permute(0, 3, 1, 2)
        return maps.mT if self.turned else maps

    def tokens(self, values: Tensor) -> Tensor:
        """The map (B, h, w) of a value per token (B, tokens)."""
        return self.map_of(values[..., None])[:, 0]

    def output_of(self, maps: Tensor, output: Tensor) -> Tensor:
        """The layer's ``output`` with the map (B, K, h, w) in it; tokens that belong to no place stay."""
        maps = maps.mT if self.turned else maps
        if self.kind == "first":
            return maps
        if self.kind == "last":
            return maps.permute(0, 2, 3, 1)
        tokens = maps.flatten(2).mT
        return torch.cat([output[:, : self.prefix], tokens], 1) if self.prefix else tokens

    def channels(self, shape: Sequence[int]) -> int:
        """How many channels an output of this shape has."""
        return shape[1] if self.kind == "first" else shape[-1]


@dataclass(frozen=True)
class Grid:
    """Where a transformer's tokens lie, and off which of them (their numbers) the logits are read behind all blocks."""

    layout: Layout
    read: tuple[int, ...]

    def tokens(self, values: Tensor) -> Tensor:
        """The map (B, h, w) of a value per token (B, tokens)."""
        return self.layout.tokens(values)

    def readers(self, mixed: Tensor) -> Tensor:
        """(B, tokens): of a matrix (B, tokens, tokens), the mean row of the tokens that the logits are read off."""
        return mixed[:, list(self.read)].mean(1)
