"""A method, called on a layer by the contract: what it is lent, and what it may return."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ..containment.returned_maps import checked_maps, most_numbers
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
    most = most_numbers(len(layer.images) * layer.images.shape[2:].numel())
    return checked_maps(maps, len(layer.images), "the method", most).to(layer.images.device)
