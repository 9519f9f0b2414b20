"""Which maps are equal, so that they are scored once.

Grad-CAM, HiRes-CAM and XGrad-CAM are one map behind a pooled head, but for rounding. Two maps count as equal only where
no metric can tell: the same cells are lowest, and no cell differs by more than rounding does, measured against the
map's typical (geometric mean) height and not its peak, as removal ranks the low cells too.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .perturb import minmax

TOLERANCE = 1e-5  # of the geometric mean of the cells above the lowest


def equal_to(maps: Sequence[Tensor]) -> Tensor:
    """(M, B): for each map of each image, the index of the first map of that image that is equal to it.

    Args:
        maps: M of (B, h, w), each at its own layer's resolution, finite. Constant maps are equal at any resolution.
    """
    shapes = [tuple(found.shape[1:]) for found in maps]
    normal = [minmax(found.double()) for found in maps]
    dead = torch.stack([found.amax((1, 2)) == 0 for found in normal])
    first = torch.arange(len(maps), device=dead.device)[:, None].repeat(1, dead.shape[1])
    for m in range(len(maps)):
        tolerance = TOLERANCE * _typical(normal[m])
        for earlier in range(m):
            same = dead[m] & dead[earlier]
            if shapes[earlier] == shapes[m]:
                same |= _close(normal[m], normal[earlier], tolerance)
            first[m] = torch.where(same & (first[m] == m), first[earlier], first[m])
    return first


def _close(one: Tensor, other: Tensor, tolerance: Tensor) -> Tensor:
    near = (one - other).abs().amax((1, 2)) <= tolerance
    return near & ((one == 0) == (other == 0)).all(-1).all(-1)


def _typical(normal: Tensor) -> Tensor:
    """(B,): the geometric mean of what is above zero."""
    above = normal > 0
    logs = torch.where(above, normal.clamp_min(1e-300).log(), 0)
    return (logs.sum((1, 2)) / above.sum((1, 2)).clamp_min(1)).exp()
