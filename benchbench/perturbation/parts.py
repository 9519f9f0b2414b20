"""What a probe removes pieces of: pixels, the cells of a grid or of the map itself, or superpixels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..errors import BenchError
from ..seeds import derived
from ..types import Pixels
from ..types.probes import PIXELS
from .superpixels import segments_of

_NAMED = re.compile(r"(grid|slic)-([1-9]\d*)")


@dataclass(frozen=True, eq=False)
class Parts:
    """The parts of N images (H, W).

    Attributes:
        labels: (N, H, W), 0 .. count - 1, or None where every pixel is a part.
        count: (N,).
        seeds: one per image.
        size: (H, W).
    """

    labels: Tensor | None
    count: Tensor
    seeds: tuple[int, ...]
    size: tuple[int, int]

    def __getitem__(self, rows: Tensor) -> Parts:
        labels = None if self.labels is None else self.labels[rows]
        return Parts(labels, self.count[rows], tuple(self.seeds[i] for i in rows.tolist()), self.size)

    def each(self) -> Tensor:
        """(N, H, W): the number of each pixel's part."""
        if self.labels is not None:
            return self.labels
        pixels = torch.arange(self.size[0] * self.size[1], device=self.count.device)
        return pixels.view(self.size).expand(len(self.count), *self.size)

    def sums(self, maps: Tensor) -> Tensor:
        """(N, n): the sum over each part's pixels of ``maps`` (N, H, W); zero beyond an image's last part."""
        flat = maps.flatten(1)
        if self.labels is None:
            return flat
        return flat.new_zeros(len(flat), int(self.count.max())).scatter_add(1, self.labels.flatten(1), flat)

    def means(self, maps: Tensor) -> Tensor:
        """(N, n): the mean over each part's pixels of ``maps`` (N, H, W); zero beyond an image's last part."""
        return self.sums(maps) / self.sums(torch.ones_like(maps)).clamp_min(1)

    def drawn(self, index: int | str) -> Tensor:
        """(N, n): the rank of each part in a random order, the one of this index that the image's seed gives."""
        most = int(self.count.max())
        orders = [_order(seed, index, int(n), most) for seed, n in zip(self.seeds, self.count.tolist(), strict=True)]
        return torch.from_numpy(np.stack(orders)).to(self.count.device)

    def chances(self, index: int) -> Tensor:
        """(N, H, W): a number of each pixel's part, uniform in [0, 1): the ``index``-th draw of the image's seed."""
        most = int(self.count.max())
        numbers = np.stack([_uniform(seed, index, most) for seed in self.seeds])
        return torch.from_numpy(numbers).to(self.count.device).gather(1, self.each().flatten(1)).view_as(self.each())

    def shuffled(self, index: int) -> Tensor:
        """(N, H, W): the rank of each pixel's part in that order."""
        rank = self.drawn(index)
        if self.labels is None:
            return rank.view(len(rank), *self.size)
        return rank.gather(1, self.labels.flatten(1)).view_as(self.labels)


def parts_in(name: str, pixels: Pixels) -> Parts:
    """The parts of this name, made once for the same Pixels."""
    if name not in pixels.cache:
        pixels.cache[name] = _parts_in(name, pixels)
    parts: Parts = pixels.cache[name]
    return parts


def _parts_in(name: str, pixels: Pixels) -> Parts:
    """The parts of this name ("pixels", "grid-7", "slic-60") of the images.

    ``grid-k`` has k x k cells, their borders at the nearest pixels; ``slic-n`` about n superpixels of SLIC (Achanta et
    al. 2012), each connected, of the picture in RGB.
    """
    count, size, device = len(pixels.images), pixels.size, pixels.images.device
    if name == PIXELS:
        return Parts(None, torch.full((count,), size[0] * size[1], device=device), pixels.seeds, size)
    named = _NAMED.fullmatch(name)
    if named is None:
        raise BenchError(f"no image has parts called {name!r}", hint="There are pixels, grid-K and slic-N")
    if named[1] == "grid":
        labels = grid(size, int(named[2])).to(device).expand(count, *size)
    else:
        labels = segments_of(pixels, int(named[2])).to(device)
    return Parts(labels, labels.flatten(1).amax(1) + 1, pixels.seeds, size)


def grid(size: tuple[int, int], cells: int) -> Tensor:
    """(H, W): the number of each pixel's cell of a grid of ``cells`` x ``cells``, row by row."""
    return _cells(size, (min(cells, size[0]), min(cells, size[1])))


def map_cells(maps: Sequence[Tensor], seeds: tuple[int, ...], size: tuple[int, int]) -> tuple[Parts, Tensor]:
    """The cells of saliency maps as parts of images (H, W), as nearest-neighbour upsampling has them, and their values.

    Args:
        maps: (n_i, h_i, w_i) each; N images in all.
        seeds: of the N images.

    Returns:
        The parts of the N images; and (N, n), the value of each part, zero beyond a map's last cell.
    """
    labels = [_cells(size, (m.shape[1], m.shape[2])).to(m.device).expand(len(m), *size) for m in maps]
    counts = torch.cat([torch.full((len(m),), m[0].numel(), device=m.device) for m in maps])
    most = int(counts.max())
    values = torch.cat([F.pad(m.flatten(1), (0, most - m[0].numel())) for m in maps])
    return Parts(torch.cat(labels), counts, seeds, size), values


def _cells(size: tuple[int, int], shape: tuple[int, int]) -> Tensor:
    """(H, W): the number of each pixel's cell of a grid of this shape, row by row."""
    rows, columns = (torch.arange(side) * cells // side for side, cells in zip(size, shape, strict=True))
    return rows[:, None] * shape[1] + columns


def _uniform(seed: int, index: int, count: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Numbers in [0, 1), the first ones the same whatever ``count``."""
    return np.random.default_rng(derived(f"{seed}/chances/{index}", size=8)).random(count)


def _order(seed: int, index: int | str, count: int, length: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """A random permutation of 0 .. count - 1, then the rest up to ``length`` as it is."""
    drawn = np.random.default_rng(derived(f"{seed}/parts/{index}", size=8)).permutation(count)
    return np.concatenate([drawn, np.arange(count, length)]).astype(np.int64)
