"""``torchcam:NAME``: the extractors of torch-cam, whichever the installed version has."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from benchbench.registry import Parameter
from benchbench.registry.library import Library
from benchbench.types import LibraryCall

from .family import LibraryFamily
from .implementation import LibraryMethod, library_method
from .known_faults import TORCHCAM_FAULTS, TORCHCAM_REFUSED, seen
from .library_options import arguments, plain_options, takes

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


def torchcam_method(name: str, kind: Any) -> LibraryMethod:
    """The method ``torchcam:NAME``. ``raw``: not min-max normalised; it is at the layer's resolution either way."""
    options = {**plain_options(kind.__init__, _OURS), "raw": _RAW}

    def run(call: LibraryCall, params: Mapping[str, Any]) -> Tensor:
        return _maps(kind, call, params)

    note = seen(TORCHCAM, TORCHCAM_FAULTS.get(name, ""))
    return library_method(name, TORCHCAM, kind, options, run, note=note)


def _maps(kind: Any, call: LibraryCall, params: Mapping[str, Any]) -> Tensor:
    """As its README has it: the extractor first, then the forward pass, then the maps of the classes."""
    named = arguments(kind.__init__, params, classes())
    if call.reshape is not None and takes(kind.__init__, "reshape_transform"):
        named["reshape_transform"] = call.reshape
    with _quiet(), kind(call.network, call.layer, **named) as extractor:
        with torch.set_grad_enabled(not kind.__module__.endswith(".activation")):  # those need no graph
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


TORCHCAM_FAMILY = LibraryFamily(TORCHCAM, classes, lambda: TORCHCAM_REFUSED, torchcam_method)
TORCHCAM_FAMILY.register("the class activation maps of torch-cam")
