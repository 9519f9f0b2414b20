"""torchvision's detectors as classifiers, by name: see ``detector``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeAlias

import torchvision
from pydantic import Field
from torch import nn

from ..errors import BenchError
from ..registry import MODELS, ModelPlugin
from ..types import ModelSpec, Preprocess
from .dense_weights import dense_network
from .detector import FLOOR, detector, side_of
from .pixel_sets import numbers_of
from .segmentation import Outputs, Side
from .titles import torchvision_title

Overlap: TypeAlias = Annotated[float, Field(gt=0, le=1)]
Least: TypeAlias = Annotated[float, Field(ge=FLOOR, lt=1)]
# Trained with batch norms of which this was not added to the variance, as torchvision's own loading has it
_WITHOUT_EPS = ("fasterrcnn", "maskrcnn", "keypointrcnn", "retinanet")


def _detection_spec(
    name: str,
    weights: str,
    classes: int | None,
    size: int | None,
    box: str | tuple[float, ...] | None,
    overlap: float,
    min_score: float,
) -> ModelSpec:
    region = numbers_of(box) if isinstance(box, str) else box
    if box is not None and region is None:
        raise BenchError(
            f"cannot read {box!r}", where="box", hint="Give x0,y0,x1,y1 in fractions of the network's input"
        )
    built = dense_network(name, weights, classes, published=_as_published)
    count = len(built.classes) or classes
    assert count, "a network without names has a number of classes"
    network = detector(built.network, count, size=size, box=region, overlap=overlap, min_score=min_score)
    side = side_of(network)
    preprocess = Preprocess(side, side, (0.0,) * 3, (1.0,) * 3, "bilinear")
    return ModelSpec(name, network, preprocess, built.weights, built.warning, built.classes, note=built.note)


def _as_published(network: nn.Module, weights: Any) -> None:
    """What torchvision changes in a network after it loaded these weights; see torchvision's pull request 2933."""
    name = type(weights).__name__.lower()
    if not any(name == f"{kind}_resnet50_fpn_weights" for kind in _WITHOUT_EPS) or weights.name != "COCO_V1":
        return
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 0.0


def _named(name: str) -> Callable[..., ModelSpec]:
    def build(
        *,
        weights: str = "auto",
        classes: Outputs | None = None,
        size: Side | None = None,
        box: str | tuple[float, ...] | None = None,
        overlap: Overlap = 0.5,
        min_score: Least = 0.001,
    ) -> ModelSpec:
        return _detection_spec(name, weights, classes, size, box, overlap, min_score)

    build.__doc__ = (
        f"torchvision's {name}, a detector: the score of the best detection of a class, or of the one that overlaps "
        "box best. weights: auto, random, or a checkpoint's PATH"
    )
    return build


def _register_detection() -> None:
    for name in torchvision.models.list_models(module=torchvision.models.detection):
        MODELS.add(ModelPlugin(name, _named(name), title=torchvision_title(name)))


_register_detection()
