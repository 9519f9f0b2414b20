"""Which architecture a checkpoint is of, by the names and shapes of its tensors."""

from __future__ import annotations

import difflib
import importlib.util
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from .renamed_weights import current_names
from .torchvision_networks import build_dense, build_torchvision, classifiers, dense_head, dense_networks, ends_of
from .vit_sizes import side_of_shapes
from .weights_fit import WRAPPERS, unwrapped

Shapes = Mapping[str, tuple[int, ...]]
Candidates = Iterator[tuple[str, Callable[[], nn.Module]]]
ENOUGH = 0.5  # share of the tensors from which an architecture is named
NEARLY = 0.9  # share that fits the network that was tried, above which another is named only if all tensors fit it
MOST = 12  # of timm's networks are built, those whose names are nearest: a search takes about two seconds


def nearest_network(weights: Mapping[str, Tensor], name: str, share: float = 0.0) -> str:
    """A sentence that names the architecture of torchvision or timm that fits weights best; empty where none does.

    Only networks whose first convolution and classifier, or whose head of a segmentation network or detector, have
    names that the weights have are built, without memory for their own weights, and with as many classes as the head
    has.

    Args:
        weights: by the names in the file; what wrappers put in front of them may stay.
        name: of the network that was tried, with ``timm:`` for timm's.
        share: of the tensors that fit this network.
    """
    shapes = _shapes(unwrapped(weights))
    parts = _shapes(unwrapped(weights, [word for word in WRAPPERS if word != "backbone"]))  # a part of dense networks
    best, most = _best(shapes, _of_torchvision(shapes))
    for held, candidates in ((parts, _of_dense(parts, name)), (shapes, _of_timm(shapes, name))):
        if most < 1:
            best, most = max((best, most), _best(held, candidates), key=lambda pair: pair[1])
    if best == name.partition(".")[0] or most < ENOUGH:
        return ""
    if most == 1:
        return f"It fits {best}."
    if share > NEARLY or most <= share:
        return ""
    return f"The nearest architecture is {best}: {most:.0%} of the tensors fit."


def _shapes(weights: Mapping[str, Tensor]) -> Shapes:
    return {key: tuple(tensor.shape) for key, tensor in weights.items()}


def _best(shapes: Shapes, candidates: Candidates) -> tuple[str, float]:
    best, share = "", 0.0
    for name, build in candidates:
        overlap = _overlap(shapes, _shapes_of(build))
        if overlap > share:
            best, share = name, overlap
        if share == 1:
            break
    return best, share


def _of_torchvision(shapes: Shapes) -> Candidates:
    for name in classifiers():
        first, last = ends_of(name)
        if first in shapes and shapes.get(last):
            side = side_of_shapes(name, shapes)
            yield name, lambda name=name, last=last, side=side: build_torchvision(name, shapes[last][0], side)  # type: ignore[misc]


def _of_dense(shapes: Shapes, name: str) -> Candidates:
    """Those whose head the weights have, the nearest names first: some have the same tensors."""
    options = {"aux_loss": True} if any(key.startswith("aux_classifier.") for key in shapes) else {}
    names = dense_networks()
    for each in difflib.get_close_matches(name, names, n=len(names), cutoff=0):
        head, rows = dense_head(each)
        size = next(iter(shapes.get(head, ())), 0)
        if size and size % rows == 0:
            yield each, lambda each=each, classes=size // rows: build_dense(each, classes, **options)  # type: ignore[misc]


def _of_timm(shapes: Shapes, name: str) -> Candidates:
    """Those that fit at both ends by timm's own configuration, the nearest names first."""
    if importlib.util.find_spec("timm") is None:
        return
    import timm

    heads = {each: _head(timm.get_pretrained_cfg(each), shapes) for each in timm.list_models()}
    fitting = [each for each, head in heads.items() if head]
    for each in difflib.get_close_matches(name.removeprefix("timm:"), fitting, n=MOST, cutoff=0):
        classes = shapes[heads[each]][0]
        yield f"timm:{each}", lambda each=each, classes=classes: timm.create_model(each, num_classes=classes)  # type: ignore[misc]


def _head(cfg: Any, shapes: Shapes) -> str:
    """The name of the classifier's weights, where the weights have it and the first convolution."""
    ends = [cfg.first_conv, cfg.classifier] if cfg is not None else [None]
    names = [f"{end}.weight" if isinstance(end, str) else "" for end in ends]
    return names[-1] if all(shapes.get(name) for name in names) else ""


def _shapes_of(build: Callable[[], nn.Module]) -> Shapes:
    """The names and shapes of a network's tensors; none of a network that cannot be built without memory."""
    try:
        with torch.device("meta"):
            return _shapes(build().state_dict())
    except (NotImplementedError, RuntimeError):  # RegNet reads a tensor while it is built
        return {}


def _overlap(ours: Shapes, theirs: Shapes) -> float:
    """The share of equal names and shapes in all; counters of batches do not count."""
    first, second = (
        {item for item in shapes.items() if not item[0].endswith("num_batches_tracked")}
        for shapes in (current_names(ours, theirs), theirs)
    )
    return len(first & second) / max(len(first | second), 1)
