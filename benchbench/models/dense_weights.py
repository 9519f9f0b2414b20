"""torchvision's segmentation networks and detectors, built with cached, random or a checkpoint's weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import nn

from ..paths import expanded
from .checkpoint import fit_checkpoint, install, read_checkpoint
from .weights_choice import INIT_SEED, seeded


@dataclass(frozen=True, eq=False)
class DenseNetwork:
    """A network as torchvision builds it, and what a ModelSpec says of its weights."""

    network: nn.Module
    weights: str
    warning: str
    classes: tuple[str, ...]
    note: str = ""


def dense_network(
    name: str,
    weights: str,
    classes: int | None,
    *,
    options: Callable[[Mapping[str, Any]], dict[str, Any]] = lambda _: {},
    published: Callable[[nn.Module, Any], None] = lambda _network, _weights: None,
) -> DenseNetwork:
    """The network of torchvision's ``name``; nothing is downloaded, also not for the backbone.

    Args:
        weights: auto (cached weights, else random), random, or a checkpoint's path.
        classes: outputs, with the background; None for as many as the published weights have.
        options: from the names of the weights' tensors to more arguments of torchvision's function.
        published: called with the network and the published weights after these are loaded.

    Raises:
        BenchError: there is no such checkpoint, or it does not fit.
    """
    default = torchvision.models.get_model_weights(name).DEFAULT
    names: tuple[str, ...] = tuple(default.meta["categories"])
    count = len(names) if classes is None else classes
    shown = names if count == len(names) else ()
    cached = Path(torch.hub.get_dir()) / "checkpoints" / Path(default.url).name
    if weights == "auto" and cached.is_file():
        state = read_checkpoint(cached).weights
        network = _built(name, len(names), options(state))
        network.load_state_dict(state, strict=False)  # FrozenBatchNorm2d saved no counter of batches
        published(network, default)
        return DenseNetwork(network, f"torchvision {default}", "", names)
    if weights in ("auto", "random"):
        why = f" (no cached weights: put {default.url} at {cached})" if weights == "auto" else ""
        warning = f"{name} has RANDOM weights{why}: its numbers say nothing about a trained network"
        return DenseNetwork(_built(name, count, options({})), f"random, seed {INIT_SEED}", warning, shown)
    checkpoint = read_checkpoint(expanded(weights))
    network = _built(name, count, options(checkpoint.weights))
    note = install(network, checkpoint, name, fit_checkpoint(checkpoint, network))
    return DenseNetwork(network, checkpoint.source, "", shown, note)


def _built(name: str, classes: int, options: Mapping[str, Any]) -> nn.Module:
    def build(count: int) -> nn.Module:
        network: nn.Module = torchvision.models.get_model(
            name, weights=None, weights_backbone=None, num_classes=count, **options
        )
        return network

    return seeded(build, classes)
