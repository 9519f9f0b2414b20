"""torchvision's segmentation networks and detectors, built with cached, random or a checkpoint's weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import torch
import torchvision
from pydantic import Field
from torch import nn

from ..types import Preprocess
from .checkpoint import fit_checkpoint, install, read_checkpoint
from .published_weights import change_as_torchvision, published_weights
from .torchvision_networks import build_dense, dense_head
from .weights_choice import Architecture, WeightedNetwork, seeded, weighted_network
from .weights_fit import WeightsFit

Outputs: TypeAlias = Annotated[int, Field(ge=2, le=100_000)]
DenseClasses: TypeAlias = Annotated[Outputs | Path | None, Field(union_mode="left_to_right")]


def dense_network(
    name: str,
    weights: str,
    classes: int | Path | None,
    preprocess: Preprocess,
    *,
    options: Callable[[Mapping[str, Any]], dict[str, Any]] = lambda _: {},
) -> WeightedNetwork:
    """The network of torchvision's ``name``; nothing is downloaded, also not for the backbone.

    Args:
        weights: auto (the cached weights if they have so many classes, else random), random, or a checkpoint's path.
        classes: how many with the background, or a file of their names; None: as the checkpoint has them, else as
            published.
        preprocess: of photographs.
        options: from the names of the weights' tensors to more arguments of torchvision's function.

    Raises:
        BenchError: there is no such file, or the checkpoint, the names and the number of classes do not fit.
    """
    default = torchvision.models.get_model_weights(name).DEFAULT
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(default.url).name
    names: tuple[str, ...] = tuple(default.meta["categories"])
    file = published_weights(name, weights)

    def build_for(tensors: Mapping[str, Any]) -> Callable[[int], nn.Module]:
        return partial(build_dense, name, **options(tensors))

    architecture = Architecture(
        name,
        build_for({}),
        preprocess,
        len(names),
        names,
        partial(_cached, name, path, default, build_for),
        f"put {default.url} at {path}",
        named=lambda count: names if count == len(names) else (),
        build_for=build_for,
        classes_of=partial(_classes_of, name),
        changed=lambda network: change_as_torchvision(name, network, file),
        least=2,
    )
    return weighted_network(architecture, weights, classes)


def _cached(
    name: str, path: Path, weights: Any, build_for: Callable[[Mapping[str, Any]], Callable[[int], nn.Module]]
) -> tuple[nn.Module, str] | None:
    if not path.is_file():
        return None
    checkpoint = read_checkpoint(path)
    network = seeded(build_for(checkpoint.weights), len(weights.meta["categories"]))
    install(network, checkpoint, name, fit_checkpoint(checkpoint, network))
    change_as_torchvision(name, network, weights)
    return network, f"torchvision {weights}"


def _classes_of(name: str, fit: WeightsFit) -> int | None:
    """How many classes the head of a checkpoint has; None where the checkpoint has no such head."""
    head, rows = dense_head(name)
    tensor = fit.weights.get(head)
    if tensor is None or not tensor.ndim or len(tensor) % rows:
        return None
    return len(tensor) // rows
