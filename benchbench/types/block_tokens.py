"""The tokens of a vision transformer, as a method gets them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .token_grid import Layout


@dataclass(frozen=True, eq=False)
class BlockTokens:
    """What all blocks return, and the network's scores without some patches.

    Attributes:
        values: (B, tokens, channels of all blocks), the blocks side by side.
        grid: where the tokens lie.
        score: from the numbers of the patches that stay, (B, n, k), to the target's probability of the network whose
            first block gets their tokens alone, and the tokens before the patches, (B, n). Every pass is counted.

    Example:
        >>> grid = Layout("tokens", 2, 2, prefix=1)
        >>> tokens = BlockTokens(torch.arange(10.0).reshape(1, 5, 2), grid, lambda kept: kept.float().mean(2))
        >>> tokens.patches
        tensor([[[2., 3.],
                 [4., 5.],
                 [6., 7.],
                 [8., 9.]]])
        >>> tokens.map_of(torch.tensor([[1, 2, 3, 4]]))
        tensor([[[1, 2],
                 [3, 4]]])
    """

    values: Tensor
    grid: Layout
    score: Callable[[Tensor], Tensor]

    @property
    def patches(self) -> Tensor:
        """(B, patches, channels of all blocks)."""
        return self.values[:, self.grid.prefix :]

    def map_of(self, values: Tensor) -> Tensor:
        """The map (B, h, w) of a value per patch (B, patches)."""
        before = values.new_zeros(len(values), self.grid.prefix)
        return self.grid.tokens(torch.cat([before, values], 1))
