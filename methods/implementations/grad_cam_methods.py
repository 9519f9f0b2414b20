"""``pytorch-grad-cam:NAME``: the CAMs of pytorch-grad-cam, whichever the installed version has."""

from __future__ import annotations

import inspect
import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchbench.errors import BenchError
from benchbench.registry import Parameter
from benchbench.registry.library import Library
from benchbench.types import INPUT, LibraryCall

from .family import LibraryFamily
from .implementation import LibraryMethod, library_method
from .known_faults import GRAD_CAM_CONTROLS, GRAD_CAM_FAULTS, GRAD_CAM_PIXELS, GRAD_CAM_REFUSED, seen
from .library_options import arguments, plain_options, takes

GRAD_CAM = Library(
    "pytorch-grad-cam",
    "pytorch-grad-cam",
    "pytorch_grad_cam",
    "grad-cam",
    "pytorch-grad-cam",
    "https://github.com/jacobgil/pytorch-grad-cam",
)
_OURS = ("model", "target_layers", "reshape_transform", "compute_input_gradient", "uses_gradients", "detach")
_OF_CALL = ("input_tensor", "targets", "target_idx", "comparison_categories")
_ATTRIBUTES = {"ScoreCAM": {"batch_size": 16}}  # which the class reads, and its constructor does not take
_RAW = Parameter("raw", bool, False)


def classes() -> dict[str, type]:
    """Every CAM of the installed version, by name: a public class that takes a network and its target layers.

    Raises:
        BenchError: pytorch-grad-cam is not installed.
    """
    members = inspect.getmembers(GRAD_CAM.load(), inspect.isclass)
    return {name: kind for name, kind in members if takes_layers(kind)}


def takes_layers(kind: Any) -> bool:
    """Whether it is a CAM: it takes target layers, and its call takes images and targets."""
    calls = [getattr(kind, name, None) for name in ("__call__", "forward")]
    asked = [set(inspect.signature(call).parameters) for call in calls if callable(call)]
    takes = "target_layers" in inspect.signature(kind).parameters
    return takes and any({"input_tensor", "targets"} <= names for names in asked)


def grad_cam_method(name: str, kind: Any) -> LibraryMethod:
    """The method ``pytorch-grad-cam:NAME``.

    ``raw``: the positive part of the map at the layer's resolution, before the library normalises and upsamples it;
    only for methods that make such a map.
    """
    attributes = {key: Parameter(key, type(value), value) for key, value in _ATTRIBUTES.get(name, {}).items()}
    options = {**plain_options(kind.__init__, _OURS), **attributes, **plain_options(_call_of(kind), _OF_CALL)}
    if _has_raw(kind):
        options["raw"] = _RAW

    def run(call: LibraryCall, params: Mapping[str, Any]) -> Tensor:
        return _maps(kind, call, {**params}, attributes)

    return library_method(
        name,
        GRAD_CAM,
        kind,
        options,
        run,
        pixels=name in GRAD_CAM_PIXELS,
        control=name in GRAD_CAM_CONTROLS,
        note=seen(GRAD_CAM, GRAD_CAM_FAULTS.get(name, "")),
    )


def _call_of(kind: Any) -> Callable[..., Any]:
    """What is called for a map: of wrappers ``__call__`` hands everything on to ``forward``."""
    call: Callable[..., Any] = kind.__call__
    return call if "input_tensor" in inspect.signature(call).parameters else kind.forward


def _has_raw(kind: Any) -> bool:
    """Whether the map is what its base class makes of one ``get_cam_image`` of the layer."""
    base = inspect.getmodule(GRAD_CAM.load().GradCAM.__mro__[1]).BaseCAM  # type: ignore[union-attr]
    if kind.__name__ == "FinerCAM":
        return True
    return issubclass(kind, base) and kind.compute_cam_per_layer is base.compute_cam_per_layer


def _maps(kind: Any, call: LibraryCall, params: dict[str, Any], attributes: Mapping[str, Parameter]) -> Tensor:
    raw = params.pop("raw", False)
    if raw and params.get("aug_smooth"):
        raise BenchError("raw=true and aug_smooth=true exclude each other", hint="The smoothed map is a mean of many")
    extractor = kind(
        model=call.network,
        target_layers=[] if call.layer == INPUT else [call.module],
        reshape_transform=call.reshape,
        **arguments(kind.__init__, params, classes()),
    )
    for key in attributes:
        setattr(extractor, key, params[key])
    with _quiet(), _closed(extractor):
        images = _raw_images(extractor) if raw else []
        maps = extractor(
            input_tensor=call.images, **_targets(kind, call), **arguments(_call_of(kind), params, classes())
        )
    return torch.from_numpy(np.asarray(np.maximum(images[-1], 0) if raw else maps, dtype=np.float32))


def _targets(kind: Any, call: LibraryCall) -> dict[str, Any]:
    """The classes as the library takes them. FinerCAM compares with other classes only if it is given an index."""
    if takes(_call_of(kind), "target_idx"):
        if len(set(call.classes)) > 1:
            raise BenchError(f"{kind.__name__} explains one class for all images of a batch")
        return {"targets": None, "target_idx": call.classes[0]}
    module = GRAD_CAM.load()
    return {"targets": [module.utils.model_targets.ClassifierOutputTarget(each) for each in call.classes]}


def _raw_images(extractor: Any) -> list[Any]:
    """A list that the extractor fills with each map (n, h, w) that it makes of its layer."""
    images: list[Any] = []
    cam = getattr(extractor, "base_cam", extractor)
    make = cam.get_cam_image

    def kept(*values: Any, **named: Any) -> Any:
        images.append(make(*values, **named))
        return images[-1]

    cam.get_cam_image = kept
    return images


@contextmanager
def _closed(extractor: Any) -> Iterator[None]:
    """As its with statement ends, but for its habit to swallow an IndexError."""
    try:
        yield
    finally:
        if hasattr(extractor, "__exit__"):
            extractor.__exit__(None, None, None)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without its warnings and progress bars."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        yield


GRAD_CAM_FAMILY = LibraryFamily(GRAD_CAM, classes, lambda: GRAD_CAM_REFUSED, grad_cam_method)
GRAD_CAM_FAMILY.register("the class activation maps of pytorch-grad-cam")
