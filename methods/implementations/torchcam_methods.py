"""``torchcam:NAME``: the extractors of torch-cam, whichever the installed version has."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch import Tensor

from benchbench.registry import METHODS, Parameter
from benchbench.registry.library import Library
from benchbench.types import LibraryCall

from .implementation import LibraryMethod, library_method
from .known_faults import TORCHCAM_FAULTS, TORCHCAM_REFUSED
from .members import member
from .options import arguments, plain_options, takes

TORCHCAM = Library(
    "torchcam", "torch-cam", "torchcam.methods", "torchcam", "torchcam", "https://github.com/frgfm/torch-cam"
)
_OURS = ("model", "target_layer", "input_shape", "enable_hooks", "fc_layer", "reshape_transform")
_RAW = Parameter("raw", bool, False)


def classes() -> dict[str, type]:
    """Every extractor of the installed version, by name: a public class that computes CAMs.

    Raises:
        BenchError: torch-cam is not installed.
    """
    members = inspect.getmembers(TORCHCAM.load(), inspect.isclass)
    return {name: kind for name, kind in members if hasattr(kind, "compute_cams") and not name.startswith("_")}


@cache
def torchcam_method(name: str) -> LibraryMethod:
    """The method ``torchcam:NAME``. ``raw``: not min-max normalised; it is at the layer's resolution either way.

    Raises:
        BenchError: torch-cam is not installed, has no such extractor, or it is refused, with the reason.
    """
    known = {each: kind for each, kind in classes().items() if each not in TORCHCAM_REFUSED}
    name = member(TORCHCAM, name, known, TORCHCAM_REFUSED)
    kind = known[name]
    options = {**plain_options(kind.__init__, _OURS), "raw": _RAW}

    def run(call: LibraryCall, params: Mapping[str, Any]) -> Tensor:
        return _maps(kind, call, params)

    return library_method(name, TORCHCAM, kind, options, run, note=TORCHCAM_FAULTS.get(name, ""))


def _maps(kind: Any, call: LibraryCall, params: Mapping[str, Any]) -> Tensor:
    """As its README has it: the extractor first, then the forward pass, then the maps of the classes."""
    named = arguments(kind.__init__, params, classes())
    if call.reshape is not None and takes(kind.__init__, "reshape_transform"):
        named["reshape_transform"] = call.reshape
    with _quiet(), kind(call.network, call.layer, **named) as extractor:
        sloped = getattr(extractor, "base_cam", extractor)._score_used  # it differentiates the scores
        with torch.set_grad_enabled(sloped):
            scores = call.network(call.images)
        maps: Tensor = extractor(call.classes, scores, normalized=not params["raw"])[0]
    return maps


@contextmanager
def _quiet() -> Iterator[None]:
    """Without its messages of how it chose a layer."""
    logger = logging.getLogger("torchcam")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


METHODS.add_family(
    "torchcam",
    torchcam_method,
    names=lambda: [name for name in classes() if name not in TORCHCAM_REFUSED],
    summary="the class activation maps of torch-cam",
)
