"""A method, called on a layer by the contract: what it is lent, and what it may return."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..errors import BenchError
from ..plugin_guard import contained
from ..registry.plugin import MethodPlugin
from ..types import Layer


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
    return real_numbers(maps, fits=fits, needed=f"maps ({count}, h, w) are").to(layer.images.device)


def real_numbers(maps: Any, *, fits: bool, needed: str) -> Tensor:
    """What a method returned, detached and in float32.

    Args:
        fits: whether it is a tensor of the right shape. needed: what is, in words.

    Raises:
        BenchError: it does not fit, is empty, or holds something else than real numbers.
    """
    if not fits or not maps.numel():
        shape = tuple(maps.shape) if isinstance(maps, Tensor) else type(maps).__name__
        raise BenchError(f"the method returned {shape}, where {needed} needed")
    if maps.layout != torch.strided or maps.is_meta or maps.is_complex() or maps.is_quantized:
        kind = "meta" if maps.is_meta else maps.layout if maps.layout != torch.strided else maps.dtype
        raise BenchError(f"the method returned a tensor of {kind}, where real numbers are needed")
    numbers: Tensor = maps.detach().float()
    return numbers
