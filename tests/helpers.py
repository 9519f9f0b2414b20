"""Maps by name, as a method author would get them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from benchbench.attribution.layer_services import capture_batch
from benchbench.attribution.method_call import run_method
from benchbench.engine.progress import Silent
from benchbench.network.scorer import Scorer
from benchbench.registry import METHODS
from benchbench.seeds import sample_seeds
from benchbench.testing.method_contract import example_references
from benchbench.types import INPUT, Layer, Pixels


def layer_of(
    network: nn.Module,
    images: Tensor,
    layer: str,
    targets: Tensor | None = None,
    batch: int = 16,
    *,
    gradient: bool = True,
    ids: Sequence[str] = (),
) -> Layer:
    """The Layer with a gradient, for the given or the most likely classes.

    The mask is the left half; three pictures of noise are the references.
    """

    def choose(logits: Tensor) -> Tensor:
        return logits.argmax(1) if targets is None else targets

    captured = capture_batch(network, Scorer(network, batch), images, [layer], choose, gradient=gradient)
    mask = torch.zeros(len(images), *images.shape[2:], dtype=torch.bool)
    mask[:, :, : images.shape[3] // 2] = True
    seeds = sample_seeds(0, "test", ids or [str(i) for i in range(len(images))])
    return replace(captured.layer(layer, seeds, mask), data_references=example_references(images, 3))


def place_of(method: str, layer: str, **params: Any) -> str:
    """The layer, or the input image for a method that explains the network as a whole."""
    plugin = METHODS[method]
    return INPUT if "input" in plugin.needs_of(plugin.bind(params)) else layer


def map_of(
    method: str, network: nn.Module, images: Tensor, layer: str, targets: Tensor | None = None, **params: Any
) -> Tensor:
    """(B, h, w), not normalised."""
    plugin = METHODS[method]
    bound = plugin.bind(params)
    return run_method(plugin, layer_of(network, images, place_of(method, layer, **params), targets), bound)


def pixels(images: Tensor) -> Pixels:
    """Images that are not normalised, of seeds 0, 1, ..."""
    channels = images.shape[1]
    return Pixels(images, tuple(range(len(images))), torch.zeros(channels), torch.ones(channels))


def normalised(maps: Tensor) -> Tensor:
    """Min-max per map, written apart from the engine's."""
    flat = maps.flatten(1)
    low, high = flat.min(1).values, flat.max(1).values
    return torch.stack([(m - a) / (b - a) for m, a, b in zip(maps, low, high, strict=True)])


class Told(Silent):
    """Keeps the warnings of a run."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, what: str) -> None:
        self.warnings.append(what)
