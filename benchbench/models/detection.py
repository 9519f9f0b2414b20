"""torchvision's detectors as classifiers, by name: see ``detector``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, TypeAlias

import torchvision
from pydantic import Field

from ..errors import BenchError
from ..registry import MODELS, ModelPlugin
from ..types import ModelSpec, Preprocess
from .dense_weights import DenseClasses, dense_network
from .detector import FLOOR, detector, side_of
from .pixel_sets import numbers_of
from .segmentation import Side
from .titles import torchvision_title

Overlap: TypeAlias = Annotated[float, Field(gt=0, le=1)]
Least: TypeAlias = Annotated[float, Field(ge=FLOOR, lt=1)]
_PIXELS = Preprocess(mean=(0.0,) * 3, std=(1.0,) * 3)  # a detector normalises images itself


def _detection_spec(
    name: str,
    weights: str,
    classes: int | Path | None,
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
    built = dense_network(name, weights, classes, _PIXELS)
    network = detector(built.network, built.count, size=size, box=region, overlap=overlap, min_score=min_score)
    side = side_of(network)
    return replace(built.spec, network=network, preprocess=replace(_PIXELS, resize=side, crop=side))


def _named(name: str) -> Callable[..., ModelSpec]:
    def build(
        *,
        weights: str = "auto",
        classes: DenseClasses = None,
        size: Side | None = None,
        box: str | tuple[float, ...] | None = None,
        overlap: Overlap = 0.5,
        min_score: Least = 0.001,
    ) -> ModelSpec:
        return _detection_spec(name, weights, classes, size, box, overlap, min_score)

    build.__doc__ = (
        f"torchvision's {name}, a detector: the score of the best detection of a class, or of the one that overlaps "
        "box best. weights: auto, random, or a checkpoint's PATH; classes: how many with the background, or a FILE of "
        "their names"
    )
    return build


def _register_detection() -> None:
    for name in torchvision.models.list_models(module=torchvision.models.detection):
        MODELS.add(ModelPlugin(name, _named(name), title=torchvision_title(name)))


_register_detection()
