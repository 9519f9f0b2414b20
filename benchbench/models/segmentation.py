"""torchvision's segmentation networks as classifiers, by name: see ``segmenter``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import torchvision
from pydantic import Field

from ..registry import MODELS, ModelPlugin
from ..types import ModelSpec, Preprocess
from .dense_weights import DenseClasses, dense_network
from .segmenter import Pixels, segmenter
from .titles import torchvision_title

Side: TypeAlias = Annotated[int, Field(ge=32, le=4096)]


def _segmentation_spec(
    name: str, weights: str, classes: int | Path | None, pixels: Pixels, size: int | None
) -> ModelSpec:
    preset = torchvision.models.get_model_weights(name).DEFAULT.transforms()
    side = size or preset.resize_size[0]
    preprocess = Preprocess(side, side, tuple(preset.mean), tuple(preset.std), "bilinear")
    spec = dense_network(name, weights, classes, preprocess, options=_with_auxiliary).spec
    if getattr(spec.network, "aux_classifier", None) is not None:
        spec.network.aux_classifier = None  # type: ignore[assignment]  # it serves training alone
    return replace(spec, network=segmenter(spec.network, pixels))


def _with_auxiliary(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """Published weights have a second classifier, for training alone; a wrapper's name may stand before it."""
    return {"aux_loss": True} if any("aux_classifier." in key for key in tensors) else {}


def _named(name: str) -> Callable[..., ModelSpec]:
    def build(
        *, weights: str = "auto", classes: DenseClasses = None, pixels: Pixels = "won", size: Side | None = None
    ) -> ModelSpec:
        return _segmentation_spec(name, weights, classes, pixels, size)

    build.__doc__ = (
        f"torchvision's {name}, a segmentation network. pixels: won, a box, a point or a mask's PATH; weights: auto, "
        "random, or a checkpoint's PATH; classes: how many with the background, or a FILE of their names"
    )
    return build


def _register_segmentation() -> None:
    for name in torchvision.models.list_models(module=torchvision.models.segmentation):
        MODELS.add(ModelPlugin(name, _named(name), title=torchvision_title(name)))


_register_segmentation()
