"""What ``explain`` is asked: targets and layers, by a study's words or as Python holds them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..datasets.sources.accept import as_label
from ..datasets.sources.input_kinds import as_tensor, labels_of, one_hot
from ..errors import BenchError, nearest
from ..network.custom_score import ONE_TARGET
from ..network.targets import chooser, place_of

_WORDS = "predicted, label, a class such as 281, top-2, 281-285, or a class for each image"


@dataclass(frozen=True, eq=False)
class Aim:
    """What is explained of B images.

    Attributes:
        choose: from logits (B * several, C) to the classes (B * several,) to explain; row i is of image i // several.
        several: how many classes of each image.
    """

    choose: Callable[[Tensor], Tensor]
    several: int = 1


def read_target(target: Any, labels: Any, count: int, classes: int, *, only: bool) -> Aim:
    """The aim that a target stands for, on ``count`` images and a network of so many classes.

    Args:
        target: see ``explain``; not the difference of two classes.
        labels: of the images, if any.
        only: the network is scored, and its score is the only target.

    Raises:
        BenchError: no such class, no label, or something that is no target.
    """
    if target is None or (isinstance(target, str) and target == "predicted"):
        return Aim(chooser("predicted", [], only=only))
    if only:
        raise BenchError(ONE_TARGET, where="explain", hint="Leave target out")
    if isinstance(target, str):
        return _by_word(target, labels, count, classes)
    wanted = _classes(target, count, classes)
    outside = wanted[(wanted < 0) | (wanted >= classes)]
    if len(outside):
        message = f"target {int(outside[0])} is not one of the network's {classes} classes"
        raise BenchError(message, where="explain", hint=f"Give 0 to {classes - 1}")
    each = wanted.expand(count) if wanted.ndim == 0 else wanted
    return Aim(lambda logits: each.flatten().to(logits.device), each.shape[1] if each.ndim == 2 else 1)


def _by_word(target: str, labels: Any, count: int, classes: int) -> Aim:
    place = place_of(target)
    if place is not None:
        if place > classes:
            message = f"target is {target}, and the network has {classes} classes"
            raise BenchError(message, where="explain", hint=f"Use top-1 to top-{classes}")
        return Aim(chooser(target, [], only=False))
    if target != "label":
        raise BenchError(f"target is {target!r}", where="explain", hint=f"Give {_WORDS}")
    return Aim(chooser("label", _labels(labels, count, classes), only=False))


def _labels(labels: Any, count: int, classes: int) -> list[int]:
    if labels is None:
        hint = "Give labels=, images as (images, labels), or a batch with both"
        raise BenchError("target is label, and there are no labels", where="explain", hint=hint)
    try:
        indices = [as_label(label, f"labels[{i}]") for i, label in enumerate(labels_of(labels, count))]
    except BenchError as error:
        raise error.at("explain") from None
    known = []
    for i, label in enumerate(indices):
        if label is None:
            raise BenchError(f"image {i} has no label", where="explain", hint="Explain it by another target")
        if label >= classes:
            message = f"label {label} of image {i} is not one of the network's {classes} classes"
            raise BenchError(message, where="explain", hint="Labels are indices of the network's outputs, from 0")
        known.append(label)
    return known


def _classes(target: Any, count: int, classes: int) -> Tensor:
    """Classes (), (B,) or (B, T) as integers on the CPU."""
    numbers = _numbers(target)
    if numbers.ndim == 2 and len(numbers) == count and _is_one_hot(numbers, classes):
        return numbers.long().argmax(1)
    integers = not numbers.is_floating_point() and numbers.dtype != torch.bool
    several = numbers.ndim == 2 and len(numbers) == count and numbers.shape[1]
    if integers and (numbers.shape in ((), (count,)) or several):
        return numbers.long()
    kind = "" if integers else f" of {str(numbers.dtype).removeprefix('torch.')}"
    shape = tuple(numbers.shape)
    hint = (
        f"Give one class, {count} classes (one per image), or {count} rows of classes; "
        f"for two classes of every image: [[281, 285]] * {count}"
    )
    raise BenchError(f"target has the shape {shape}{kind} for {count} images", where="explain", hint=hint)


def _numbers(target: Any) -> Tensor:
    if isinstance(target, Tensor):
        numbers: Any = target.detach().cpu()
    else:
        try:
            numbers = as_tensor(np.asarray(target))
        except (TypeError, ValueError, RuntimeError):  # rows of several lengths, tensors of several shapes
            numbers = None
    whole = isinstance(numbers, Tensor) and not numbers.is_complex()
    if not whole or (numbers.ndim == 0 and (numbers.is_floating_point() or numbers.dtype == torch.bool)):
        raise BenchError(f"target is {target!r}"[:200], where="explain", hint=f"Give {_WORDS}")
    return torch.as_tensor(numbers)


def _is_one_hot(rows: Tensor, classes: int) -> bool:
    """Whether rows are one-hot and not classes: of integers, [0, 1] are the two classes of a network of two."""
    counted = not rows.is_floating_point() and rows.dtype != torch.bool
    return rows.shape[1] == classes and (classes > 2 or not counted) and one_hot(rows)


def read_layers(network: nn.Module, layer: Any) -> tuple[list[str], bool]:
    """The layers' names, as ``resolve`` takes them; and whether they are several, to be returned by name.

    Raises:
        BenchError: a module that is not in the network, or something that is no layer.
    """
    if isinstance(layer, (list, tuple)):
        if not layer:
            raise BenchError("the list of layers is empty", where="explain", hint="Name a layer, or say last")
        return [_name(network, each) for each in layer], True
    return [_name(network, layer)], isinstance(layer, str) and layer == "stages"


def _name(network: nn.Module, layer: Any) -> str:
    if isinstance(layer, str):
        return layer
    if not isinstance(layer, nn.Module):
        hint = "Give a module's path, a module of the network, last, stages, or a list of them"
        raise BenchError(f"layer is {layer!r}", where="explain", hint=hint)
    names: list[str] = [name for name, module in network.named_modules() if module is layer and name]
    if not names:
        kind = type(layer).__name__
        message = (
            "the network itself is not a layer" if layer is network else f"the {kind} is not a module of the network"
        )
        alike = [name for name, module in network.named_modules() if name and type(module).__name__ == kind]
        raise BenchError(message, where="explain", hint=nearest(kind, alike, most=12))
    return names[0]


def refuse_unused_labels(labels: Any, target: Any) -> None:
    """Labels that were given and that the target does not use.

    Raises:
        BenchError: there are some.
    """
    if labels is not None and not (isinstance(target, str) and target == "label"):
        message = f"labels are given, and target is {target!r}"
        raise BenchError(message[:200], where="explain", hint="Use target='label', or leave labels out")
