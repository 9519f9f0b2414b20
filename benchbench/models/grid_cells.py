"""Modules that keep the cells of a grid of images apart: what happens in a cell alone, and what reads one cell only.

Rao, Böhle, Schiele: Towards Better Understanding Attribution Methods, CVPR 2022, arXiv:2205.10435, section 3.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

Setting = Literal["difull", "dipart"]


@dataclass(frozen=True)
class Division:
    """How a network divides its image.

    Attributes:
        setting: ``difull``: each cell goes through the network alone; ``dipart``: only the head reads one cell.
        grid: cells a side, n of an n x n grid.
        cell: the cell that the head reads, counted row by row from 0.
    """

    setting: Setting
    grid: int
    cell: int

    @property
    def cells(self) -> int:
        """How many cells the grid has."""
        return self.grid * self.grid


class PerCell(nn.Module):
    """A module applied to each cell of a grid alone: maps (B, K, n h, n w) to maps (B, L, n h', n w').

    The cells are rows of one batch while the module runs. Nothing that it does, padding included, crosses a border.
    While the network is ``undivided``, the module runs as it is.
    """

    def __init__(self, inner: nn.Module, grid: int) -> None:
        super().__init__()
        self.inner, self.grid, self.divided = inner, grid, True

    def forward(self, maps: Tensor) -> Tensor:
        results: Tensor = self.inner(cells_of(maps, self.grid) if self.divided else maps)
        return grid_of(results, self.grid) if self.divided else results


class CellOnly(nn.Module):
    """Which cell of a map the head reads. It is never called, so that no layer's map is of one cell: see ``read_cell``.

    Attributes:
        divided: false while the network is ``undivided``.
    """

    def __init__(self, division: Division) -> None:
        super().__init__()
        self.division, self.divided = division, True
        self.setting, self.grid, self.cell = division.setting, division.grid, division.cell  # seen by the fingerprint


def read_cell(cell: CellOnly, maps: Tensor) -> Tensor:
    """One cell of maps: (B, K, H, W) to (B, K, H // n, W // n). While the network is ``undivided``: all of them.

    Where a side is no multiple of n, the outer cells lie at the map's edges and the others at equal distances.
    """
    if not cell.divided:
        return maps
    return maps[(slice(None), slice(None), *box_of(cell.division, (maps.shape[2], maps.shape[3])))]


def box_of(division: Division, size: tuple[int, int]) -> tuple[slice, slice]:
    """The rows and the columns of the cell in a map of ``size`` (H, W).

    Example:
        >>> box_of(Division("dipart", 2, 1), (14, 13))
        (slice(0, 7, None), slice(7, 13, None))
    """
    row, column = (
        part_of(side, division.grid, i) for side, i in zip(size, divmod(division.cell, division.grid), strict=True)
    )
    return slice(row[0], row[0] + row[1]), slice(column[0], column[0] + column[1])


def part_of(side: int, grid: int, index: int) -> tuple[int, int]:
    """Start and length of the ``index``-th of ``grid`` equal parts of a side.

    Example:
        >>> part_of(14, 2, 1), part_of(13, 2, 1)
        ((7, 7), (7, 6))
    """
    length = side // grid
    return index * (side - length) // (grid - 1), length  # no control flow: torch.fx traces it


def cells_of(maps: Tensor, grid: int) -> Tensor:
    """The cells of maps (B, K, n h, n w) as a batch (B n n, K, h, w), row by row."""
    count, channels, height, width = maps.shape
    parts = maps.reshape(count, channels, grid, height // grid, grid, width // grid).permute(0, 2, 4, 1, 3, 5)
    return parts.reshape(count * grid * grid, channels, height // grid, width // grid)


def grid_of(cells: Tensor, grid: int) -> Tensor:
    """The inverse of ``cells_of``: (B n n, K, h, w) to (B, K, n h, n w)."""
    rows, channels, height, width = cells.shape
    count = rows // (grid * grid)
    parts = cells.reshape(count, grid, grid, channels, height, width).permute(0, 3, 1, 4, 2, 5)
    return parts.reshape(count, channels, grid * height, grid * width)


def division_of(network: nn.Module) -> Division | None:
    """How a network divides its image; None where it does not."""
    return next((module.division for module in network.modules() if isinstance(module, CellOnly)), None)


@contextmanager
def undivided(network: nn.Module) -> Iterator[None]:
    """The network as it was before it was divided, for images of the size of one cell; put back at the end."""
    parts = [module for module in network.modules() if isinstance(module, (PerCell, CellOnly))]
    before = [part.divided for part in parts]
    try:
        for part in parts:
            part.divided = False
        yield
    finally:
        for part, divided in zip(parts, before, strict=True):
            part.divided = divided
