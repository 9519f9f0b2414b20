"""Which architecture a checkpoint is of, by the names and shapes of its tensors."""

from __future__ import annotations

import difflib
import importlib.util
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from .torchvision_networks import build_torchvision, classifiers, ends_of

Shapes = Mapping[str, tuple[int, ...]]
ENOUGH = 0.5  # share of the tensors from which an architecture is named
MOST = 12  # of timm's networks are built, those whose names are nearest: a search takes about two seconds


def nearest_network(weights: Mapping[str, Tensor], name: str) -> str:
    """A sentence that names the architecture of torchvision or timm that fits weights best; empty where none does.

    Only networks whose first convolution and classifier have names that the weights have are built, without memory for
    their own weights, and with as many classes as the classifier has.

    Args:
        weights: by the names in the file, without what wrappers put in front of them.
        name: of the network that was tried, with ``timm:`` for timm's.
    """
    shapes = {key: tuple(tensor.shape) for key, tensor in weights.items()}
    best, share = _best(shapes, _of_torchvision(shapes))
    if share < 1:
        best, share = max((best, share), _best(shapes, _of_timm(shapes, name)), key=lambda pair: pair[1])
    if share < ENOUGH or best == name:
        return ""
    return f"It fits {best}." if share == 1 else f"The nearest architecture is {best}: {share:.0%} of the tensors fit."


def _best(shapes: Shapes, candidates: Iterator[tuple[str, Callable[[], nn.Module]]]) -> tuple[str, float]:
    best, share = "", 0.0
    for name, build in candidates:
        overlap = _overlap(shapes, _shapes_of(build))
        if overlap > share:
            best, share = name, overlap
        if share == 1:
            break
    return best, share


def _of_torchvision(shapes: Shapes) -> Iterator[tuple[str, Callable[[], nn.Module]]]:
    for name in classifiers():
        first, last = ends_of(name)
        if first in shapes and last in shapes:
            yield name, lambda name=name, last=last: build_torchvision(name, shapes[last][0])  # type: ignore[misc]


def _of_timm(shapes: Shapes, name: str) -> Iterator[tuple[str, Callable[[], nn.Module]]]:
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
    return names[-1] if all(name in shapes for name in names) else ""


def _shapes_of(build: Callable[[], nn.Module]) -> Shapes:
    """The names and shapes of a network's tensors; none of a network that cannot be built without memory."""
    try:
        with torch.device("meta"):
            return {key: tuple(tensor.shape) for key, tensor in build().state_dict().items()}
    except (NotImplementedError, RuntimeError):  # RegNet reads a tensor while it is built
        return {}


def _overlap(ours: Shapes, theirs: Shapes) -> float:
    """The share of equal names and shapes in all; counters of batches do not count."""
    first, second = (
        {item for item in shapes.items() if not item[0].endswith("num_batches_tracked")} for shapes in (ours, theirs)
    )
    return len(first & second) / max(len(first | second), 1)
