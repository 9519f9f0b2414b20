"""What a method must return: a map of real numbers for each image."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ..errors import BenchError
from .plain_tensor import plain

_LARGEST = 16  # numbers of a map for each pixel of its image


def checked_maps(maps: Any, count: int | None, who: str, most: int | None = None) -> Tensor:
    """The maps (B, h, w) that a method returned, detached and in float32.

    Args:
        maps: what it returned.
        count: B, the number of images; None where a single map (h, w) is needed.
        who: what returned it, as the error names it.
        most: how many numbers it may hold; None: any.

    Raises:
        BenchError: it has another shape, is empty, too large, or holds something else than real numbers.

    Example:
        >>> import torch
        >>> from benchbench.containment.returned_maps import checked_maps
        >>> checked_maps(torch.ones(2, 7, 7, dtype=torch.float64), 2, "the method").dtype
        torch.float32
    """
    shape = tuple(maps.shape) if isinstance(maps, Tensor) else type(maps).__name__
    fits = len(shape) == 2 if count is None else len(shape) == 3 and shape[0] == count
    if not isinstance(maps, Tensor) or not fits or not maps.numel():
        needed = "a map (h, w) is" if count is None else f"maps ({count}, h, w) are"
        raise BenchError(f"{who} returned {shape}, where {needed} needed")
    return plain(maps, maps.numel() if most is None else most, f"{who} returned").float()


def most_numbers(pixels: int) -> int:
    """How many numbers maps may hold for images of so many pixels together."""
    return _LARGEST * pixels
