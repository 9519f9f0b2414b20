"""Maps by name, as a method author would get them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from benchbench.plan import sample_seeds
from benchbench.registry import METHODS
from benchbench.scoring import Scorer
from benchbench.services import look, run_method
from benchbench.types import Layer


def layer_of(network: nn.Module, images: Tensor, layer: str, targets: Tensor | None = None, batch: int = 16) -> Layer:
    """The Layer with a gradient, for the given or the most likely classes."""

    def choose(logits: Tensor) -> Tensor:
        return logits.argmax(1) if targets is None else targets

    made = look(network, Scorer(network, batch), images, [layer], choose, gradient=True)
    return made.layer(layer, sample_seeds(0, "test", [str(i) for i in range(len(images))]))


def map_of(
    method: str, network: nn.Module, images: Tensor, layer: str, targets: Tensor | None = None, **params: Any
) -> Tensor:
    """(B, h, w), not normalised."""
    plugin = METHODS[method]
    return run_method(plugin.function, layer_of(network, images, layer, targets), plugin.bind(params))


def normalised(maps: Tensor) -> Tensor:
    """Min-max per map, written apart from the engine's."""
    flat = maps.flatten(1)
    low, high = flat.min(1).values, flat.max(1).values
    return torch.stack([(m - a) / (b - a) for m, a, b in zip(maps, low, high, strict=True)])
