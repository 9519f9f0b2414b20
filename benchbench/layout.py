"""How a layer's output holds its map: channels first, channels last, or as tokens behind some without a place."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from .errors import BenchError, NotApplicable

_MOST_PREFIX = 8  # class token, distillation token, registers; and at most one to eight patches


@dataclass(frozen=True)
class Layout:
    """``first``: (B, K, h, w). ``last``: (B, h, w, K). ``tokens``: (B, prefix + h * w, K), in row-major order."""

    kind: Literal["first", "last", "tokens"]
    height: int
    width: int
    prefix: int = 0

    def map_of(self, output: Tensor) -> Tensor:
        """The map (B, K, h, w) in a layer's output."""
        if self.kind == "first":
            return output
        if self.kind == "last":
            return output.permute(0, 3, 1, 2)
        tokens = output[:, self.prefix :].mT
        return tokens.reshape(len(output), -1, self.height, self.width)

    def tokens(self, values: Tensor) -> Tensor:
        """The map (B, h, w) of a value per token (B, tokens)."""
        return self.map_of(values[..., None])[:, 0]

    def output_of(self, found: Tensor, output: Tensor) -> Tensor:
        """The layer's ``output`` with the map (B, K, h, w) in it; tokens that belong to no place stay."""
        if self.kind == "first":
            return found
        if self.kind == "last":
            return found.permute(0, 2, 3, 1)
        tokens = found.flatten(2).mT
        return torch.cat([output[:, : self.prefix], tokens], 1) if self.prefix else tokens


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


@dataclass(frozen=True)
class Tokens:
    """How a network's tokens are told: by their ``widths``, and the ``grid`` (h, w) that was given by hand, if any."""

    widths: frozenset[int]
    grid: tuple[int, int] | None = None


def with_grid(network: nn.Module, grid: tuple[int, int]) -> nn.Module:
    """The network, with the grid (h, w) in which its tokens lie, where their number does not tell it.

    Layers of so many tokens, or of at most eight more in front, are read by it; others as without it. The network's
    parameters and modules are shared, not copied.

    Raises:
        BenchError: the grid is not two positive numbers.
    """
    given = tuple(grid) if isinstance(grid, (tuple, list)) else ()
    if len(given) != 2 or not all(isinstance(side, int) and side > 0 for side in given):
        raise BenchError(f"the grid is {grid!r}", where="with_grid", hint="Give (rows, columns) of tokens")
    made = copy.copy(network)
    made.benchbench_grid = given  # type: ignore[assignment]
    return made


def tokens_of(network: nn.Module) -> Tokens:
    """The widths are what the network's layer norms normalise over."""
    shapes = (getattr(module, "normalized_shape", None) for module in network.modules())
    grid: tuple[int, int] | None = getattr(network, "benchbench_grid", None)
    return Tokens(frozenset(int(shape[-1]) for shape in shapes if shape), grid)


def layout_of(
    shape: Sequence[int], size: tuple[int, int], tokens: Tokens, module: nn.Module | None = None
) -> Layout | None:
    """The layout of an output of this shape on images of this size (H, W); None where it holds no map.

    Four dimensions are channels first, unless only the other reading has the image's proportions. Three are tokens if
    they are of one of the widths: in the grid that was given, or in one of the image's proportions behind the fewest
    other tokens. Where both readings of four dimensions are possible, the ``module`` must tell.

    Raises:
        NotApplicable: it does not.
    """
    if len(shape) == 4:
        last = proportional(shape[1], shape[2], size)
        if last and proportional(shape[2], shape[3], size) and shape[3] in tokens.widths:
            last = _says_last(module, shape)
        elif proportional(shape[2], shape[3], size):
            last = False
        return Layout("last", shape[1], shape[2]) if last else Layout("first", shape[2], shape[3])
    if len(shape) != 3 or shape[2] not in tokens.widths:
        return None
    if tokens.grid and 0 <= (others := shape[1] - tokens.grid[0] * tokens.grid[1]) <= _MOST_PREFIX:
        return Layout("tokens", *tokens.grid, others)
    for prefix in range(min(_MOST_PREFIX, shape[1] - 1) + 1):
        grid = _grid(shape[1] - prefix, size)
        if grid and 8 * prefix <= shape[1] - prefix:
            return Layout("tokens", *grid, prefix)
    return None


def _says_last(module: nn.Module | None, shape: Sequence[int]) -> bool:
    """Whether the module tells that its output of this shape, which can be read in both ways, has channels last.

    Raises:
        NotApplicable: it does not tell.
    """
    if isinstance(module, (nn.LayerNorm, nn.Linear)) and type(module).forward in (
        nn.LayerNorm.forward,
        nn.Linear.forward,
    ):
        return True
    if isinstance(module, (nn.Conv2d, nn.BatchNorm2d, nn.MaxPool2d, nn.AvgPool2d)):
        return False
    said = f"its output {tuple(shape)} can be read with its channels first or last"
    raise NotApplicable(f"{said}: give images of another size, so that channels are not as many as cells on a side")


def proportional(height: int, width: int, size: tuple[int, int]) -> bool:
    """Whether a map has the image's proportions, up to the rounding of a cell."""
    return abs(height * size[1] - width * size[0]) <= 2 * max(size)


def _grid(count: int, size: tuple[int, int]) -> tuple[int, int] | None:
    """The grid (h, w) of ``count`` square patches that cover the image up to less than a patch; None without one."""
    height = round((count * size[0] / size[1]) ** 0.5)
    for rows in (height, height - 1, height + 1):
        if rows > 0 and count % rows == 0:
            patch = min(size[0] // rows, size[1] // (count // rows))
            if patch and size[0] // patch == rows and size[1] // patch == count // rows:
                return rows, count // rows
    return None
