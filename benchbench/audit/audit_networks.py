"""What methods are audited on: networks of the package, or the user's, with drawn scenes and the classes explained."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from PIL import Image
from torch import Tensor, nn

from ..datasets.builtin.shapes import shapes
from ..engine.study_sources import ready_spec, returning_logits
from ..errors import BenchError
from ..failure_policy import as_bench_error
from ..models.preprocess import prepare
from ..network.capture import eval_frozen, layout_at
from ..network.layers import finer_stages, resolve
from ..study.spec import StudySpec
from .audit_place import AuditPlace

NETWORKS = ("zoo_residual", "zoo_plain", "zoo_dense", "zoo_mobile")
IMAGES = 4
_LAYERS = {  # the last two resolutions, at modules behind which nothing works in place
    "zoo_residual": ("layer2", "layer3"),
    "zoo_plain": ("features.9", "features.16"),
    "zoo_dense": ("features.denseblock1", "features.denseblock2"),
    "zoo_mobile": ("features.3", "features.6"),
}


@dataclass(frozen=True, eq=False)
class AuditNetwork:
    """A network in eval mode with images and the classes that are explained.

    Attributes:
        name: of the network.
        network: nothing in it works in place, as a library's hook would see what an in-place module left behind.
        images: (B, C, H, W), as the network takes them.
        classes: (B,), the most likely ones.
        places: the layers, the deepest one last.
    """

    name: str
    network: nn.Module
    images: Tensor
    classes: Tensor
    places: tuple[AuditPlace, ...]

    def fresh(self) -> nn.Module:
        """A copy of the network that a method may spoil."""
        return copy.deepcopy(self.network)


def audit_networks(models: Sequence[Any], layers: Sequence[str] = (), images: int = IMAGES) -> list[AuditNetwork]:
    """The networks, loaded.

    Args:
        models: as in a study.
        layers: module paths; if none are given, the last module of each of the last two resolutions.
        images: how many scenes, at least 2.

    Raises:
        BenchError: an unknown network or layer; a network that fails on the images.
    """
    choices = StudySpec(models=list(models), methods=["gradcam"], metrics=["deletion"], datasets=["shapes"]).models
    if not 2 <= images <= 64:
        raise BenchError(
            f"{images} images", where="audit", hint="Give 2 to 64: batches are compared with single images"
        )
    return [_loaded(choice, tuple(layers), images) for choice in choices]


def _loaded(choice: Any, layers: tuple[str, ...], count: int) -> AuditNetwork:
    spec = ready_spec(choice, torch.device("cpu"))
    scenes = shapes(count=count, size=max(32, min(1024, spec.preprocess.crop)))
    pictures = [cast(Image.Image, scenes[i].image) for i in range(count)]
    images = torch.stack([prepare(picture, None, spec.preprocess)[0] for picture in pictures])
    where = f"models: {spec.name}"
    with as_bench_error("the network fails on the images", where=where, contain_memory=True):
        spec = returning_logits(spec, images[:1], "softmax")
        network = _not_in_place(spec.network)
        with eval_frozen(network), torch.no_grad():
            classes = network(images).argmax(1)
    return AuditNetwork(spec.name, network, images, classes, _places(spec.name, network, images[:1], layers))


def _not_in_place(network: nn.Module) -> nn.Module:
    network = copy.deepcopy(network).eval()
    for module in network.modules():
        if getattr(module, "inplace", False) is True:
            module.inplace = False  # type: ignore[assignment]
    return network


def _places(name: str, network: nn.Module, image: Tensor, layers: tuple[str, ...]) -> tuple[AuditPlace, ...]:
    wanted = tuple(layers) if layers else _LAYERS.get(name) or tuple(resolve(network, image, "stages"))[-2:]
    paths = resolve(network, image, wanted)
    return tuple(
        AuditPlace(name, path, layout_at(network, image, path), finer_stages(network, image, path)) for path in paths
    )
