"""Built-in networks: torchvision's classifiers by name, and those of the other files here.

Nothing is downloaded: weights that are not on this machine are random, and the run and the report say so. torchvision
takes as long to import as torch itself: it is imported here alone, when a built-in network is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import Tensor, nn

from ..registry import MODELS, ModelPlugin
from ..types import ModelSpec, Preprocess
from . import detection as detection
from . import disconnected as disconnected
from . import efficientnet_lite as efficientnet_lite
from . import random_labels as random_labels
from . import segmentation as segmentation
from . import timm_networks as timm_networks
from .bias_networks import register as register_bias
from .checkpoint import fit_checkpoint, install, read_checkpoint
from .load import IMAGENET
from .manipulated import register as register_manipulated
from .published_weights import change_as_torchvision, published_weights
from .titles import torchvision_title
from .torchvision_networks import build_torchvision, classifiers
from .vit_sizes import published_side, side_of_shapes, sized_for_network
from .weights_choice import Architecture, Classes, seeded, with_weights
from .zoo import register as register_zoo


def _torchvision(name: str, weights: str) -> Architecture:
    """torchvision's classifier; with its published weights by path also their own pre-processing and image size."""
    default = torchvision.models.get_model_weights(name).DEFAULT
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(default.url).name
    file = published_weights(name, weights)
    side = published_side(name, file or default)

    def build_for(tensors: Mapping[str, Tensor]) -> Callable[[int], nn.Module]:
        held = side_of_shapes(name, {key: tensor.shape for key, tensor in tensors.items()})
        return _builder(name, held or side)

    return Architecture(
        name,
        _builder(name, side),
        _preprocess((file or default).transforms()),
        IMAGENET,
        tuple(default.meta["categories"]),
        partial(_cached, name, path, default),
        f"put {default.url} at {path}",
        build_for=build_for,
        changed=lambda network: change_as_torchvision(name, network, file),
    )


def _builder(name: str, side: int | None) -> Callable[[int], nn.Module]:
    return partial(build_torchvision, name) if side is None else partial(build_torchvision, name, side=side)


def _cached(name: str, path: Path, weights: Any) -> tuple[nn.Module, str] | None:
    if not path.is_file():
        return None
    network = seeded(_builder(name, published_side(name, weights)), len(weights.meta["categories"]))
    checkpoint = read_checkpoint(path)
    install(network, checkpoint, name, fit_checkpoint(checkpoint, network))
    change_as_torchvision(name, network, weights)
    return network, f"torchvision {weights}"


def _preprocess(preset: Any) -> Preprocess:
    mode = "bicubic" if "bicubic" in str(preset.interpolation).lower() else "bilinear"
    return Preprocess(preset.resize_size[0], preset.crop_size[0], tuple(preset.mean), tuple(preset.std), mode)  # type: ignore[arg-type]


def _register_torchvision() -> None:
    for name in classifiers():
        MODELS.add(ModelPlugin(name, _named(name), title=torchvision_title(name)))


def _named(name: str) -> Callable[..., ModelSpec]:
    def build(*, weights: str = "auto", classes: Classes = None) -> ModelSpec:
        return sized_for_network(name, with_weights(_torchvision(name, weights), weights, classes), _preprocess)

    build.__doc__ = (
        f"torchvision's {name}. weights: auto (cached ImageNet weights, else random), random, or a checkpoint's PATH; "
        "classes: how many, or a FILE of their names"
    )
    return build


_register_torchvision()
register_zoo()
register_bias()
register_manipulated()
