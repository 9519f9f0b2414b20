"""A method, called on a layer by the contract: what it is lent, and what it may return."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ..containment.plain_tensor import plain
from ..errors import BenchError
from ..plugin_guard import contained
from ..registry.plugin import MethodPlugin
from ..types import Layer

LARGEST = 16  # numbers of a map for each pixel of its image


def run_method(plugin: MethodPlugin, layer: Layer, params: Mapping[str, Any]) -> Tensor:
    """The method's maps (B, h, w), detached. The layer lends what the method declared that it needs, and no more.

    The method works on copies of the layer's tensors, and what it sets for the whole process is put back.

    Raises:
        BenchError: it returned something else, called sys.exit, or left a setting of the process changed.
    """
    with contained(f"method {plugin.name}"):
        maps = plugin.call(layer.copied().lending(plugin.needs_of(params)), params)
    count = len(layer.images)
    fits = isinstance(maps, Tensor) and maps.ndim == 3 and len(maps) == count
    most = count * LARGEST * layer.images.shape[2:].numel()
    return real_numbers(maps, fits=fits, needed=f"maps ({count}, h, w) are", most=most).to(layer.images.device)


def real_numbers(maps: Any, *, fits: bool, needed: str, most: int) -> Tensor:
    """What a method returned, detached, in float32, and the method's no more.

    Args:
        fits: whether it is a tensor of the right shape. needed: what is, in words.
        most: how many numbers it may have.

    Raises:
        BenchError: it does not fit, is empty or too large, or holds something else than real numbers.
    """
    if not fits or not maps.numel():
        shape = tuple(maps.shape) if isinstance(maps, Tensor) else type(maps).__name__
        raise BenchError(f"the method returned {shape}, where {needed} needed")
    return plain(maps, most, "the method returned").float()
