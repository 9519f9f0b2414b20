"""Maps that a suite makes itself are refused where a run's maps would be."""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import BenchError


def finite(maps: Tensor) -> Tensor:
    """The maps.

    Raises:
        BenchError: a value is not finite.

    Example:
        >>> finite(torch.tensor([[[1.0, 2.0]]]))
        tensor([[[1., 2.]]])
    """
    if not torch.isfinite(maps).all():
        raise BenchError("the map has values that are not finite")
    return maps
