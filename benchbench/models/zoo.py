"""The zoo: six small networks of different architectures, trained on the data set ``shapes``, in the package.

The weights are safetensors in ``weights/``, which ``make zoo`` trains and writes, with what they reach on held-out
scenes in the file's header.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from ..errors import BenchError
from ..registry import MODELS, ModelPlugin
from ..types import ModelSpec, Preprocess
from .shape_classes import SHAPE_CLASSES
from .zoo_networks import ARCHITECTURES, MEAN, SIDE, STD

WEIGHTS = Path(__file__).parent / "weights"
_TITLES = {
    "residual": ("Zoo ResNet", "arXiv:1512.03385"),
    "plain": ("Zoo VGG", "arXiv:1409.1556"),
    "dense": ("Zoo DenseNet", "arXiv:1608.06993"),
    "mobile": ("Zoo MobileNet", "arXiv:1801.04381"),
    "convnext": ("Zoo ConvNeXt", "arXiv:2201.03545"),
    "vit": ("Zoo ViT", "arXiv:2010.11929"),
}


def weights_file(name: str) -> Path:
    """Where the weights of an architecture are, such as ``residual``."""
    return WEIGHTS / f"zoo_{name}.safetensors"


def header(name: str) -> dict[str, str]:
    """What the weights' file says of itself: the accuracy on held-out scenes and how many, epochs, scenes and seed.

    Raises:
        BenchError: the file is not there, or is not safetensors.
    """
    return header_of(weights_file(name), f"zoo_{name}", _AGAIN)


def header_of(path: Path, network: str, again: str) -> dict[str, str]:
    """What a file of weights in the package says of itself.

    Args:
        path: of the file.
        network: how studies call the network.
        again: how to get the file again.

    Raises:
        BenchError: the file is not there, or is not safetensors.
    """
    if not path.is_file():
        raise BenchError(f"the weights {path.name} are not in the package", where=network, hint=again)
    try:
        with safe_open(path, "pt") as file:
            return dict(file.metadata() or {})
    except SafetensorError as error:
        raise BenchError(f"{path.name} is damaged: {error}", where=network, hint=again) from None


def zoo_network(name: str) -> ModelSpec:
    """A network of the zoo in eval mode, with its weights.

    Args:
        name: of the architecture: residual, plain, dense, mobile, convnext or vit.

    Raises:
        BenchError: the file of the weights is not there or is damaged.
    """
    facts = header(name)
    reached = f"{float(facts['accuracy']):.1%} of {facts['held_out']} held-out scenes"
    return packaged(name, name, f"shapes, split train, in the package; right on {reached}")


def packaged(architecture: str, name: str, weights: str) -> ModelSpec:
    """An architecture of the zoo in eval mode, with the weights of a file in the package.

    Args:
        architecture: such as ``residual``.
        name: of the file and, behind ``zoo_``, of the network.
        weights: what the weights are, in words.
    """
    with torch.random.fork_rng(devices=[]):
        network = ARCHITECTURES[architecture]().eval()
    network.load_state_dict(load_file(weights_file(name)))
    preprocess = Preprocess(SIDE, SIDE, (MEAN,) * 3, (STD,) * 3)
    return ModelSpec(f"zoo_{name}", network, preprocess, weights=weights, classes=SHAPE_CLASSES)


def register() -> None:
    """The six networks, and ``zoo``, which stands for all of them."""
    for name, (title, paper) in _TITLES.items():
        MODELS.add(ModelPlugin(f"zoo_{name}", _builder(name), paper, title))
    summary = "the six small networks in the package, trained on the data set shapes"
    MODELS.add_group("zoo", [f"zoo_{name}" for name in _TITLES], summary)


def _builder(name: str) -> Callable[[], ModelSpec]:
    def build() -> ModelSpec:
        return zoo_network(name)

    first = (ARCHITECTURES[name].__doc__ or "").split("\n")[0]
    build.__doc__ = f"{first} Trained on the data set shapes"
    return build


_AGAIN = "Install benchbench again, or in a checkout: make zoo"
