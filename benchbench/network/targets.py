"""What is explained: a class by rule, the difference of two, or any number read off the network's output."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ..errors import BenchError
from .custom_score import ONE_TARGET, is_scored

_TOP = re.compile(r"top-([1-9]\d*)")
_DIFFERENCE = re.compile(r"(\d+)-(\d+)")


def difference(first: int, second: int, of: nn.Module | None = None) -> Callable[[Tensor], Tensor]:
    """The score of what tells one class from another: the logit of the first less that of the second.

    ``of``: the network, if it may be one whose score is its only target; there is then no difference.
    """

    def score(logits: Tensor) -> Tensor:
        if of is not None and is_scored(of):
            raise BenchError(ONE_TARGET, where="target", hint="Leave target out")
        if max(first, second) >= logits.shape[1]:
            message = f"class {max(first, second)} is not one of the network's {logits.shape[1]} classes"
            raise BenchError(message, where="target")
        return logits[:, first] - logits[:, second]

    return score


def pair_of(target: object) -> tuple[int, int] | None:
    """The classes of a target such as "281-285"; None for any other."""
    match = _DIFFERENCE.fullmatch(target) if isinstance(target, str) else None
    if match and int(match[1]) == int(match[2]):
        raise BenchError(f"{target} is the difference of a class and itself", where="target", hint="Name two classes")
    return (int(match[1]), int(match[2])) if match else None


def place_of(target: object) -> int | None:
    """2 for "top-2", 1 for "predicted"; None for a target that is no place in the order of classes."""
    if target == "predicted":
        return 1
    match = _TOP.fullmatch(target) if isinstance(target, str) else None
    return int(match[1]) if match else None


def place_of_class(logits: Tensor, index: int | None) -> int:
    """1 where the class is the most likely of logits (C,), 2 where it is the next; of equal ones the first is likelier.

    0 where there is no class, or it is not one of the C.

    Example:
        >>> from benchbench.network.targets import place_of_class
        >>> [place_of_class(torch.tensor([0.5, 2.0, 0.5]), index) for index in (0, 1, 2, 3, None)]
        [2, 1, 3, 0, 0]
    """
    if index is None or not 0 <= index < len(logits):
        return 0
    return 1 + int((logits > logits[index]).sum()) + int((logits[:index] == logits[index]).sum())


def chooser(target: object, labels: Sequence[int | None], *, only: bool) -> Callable[[Tensor], Tensor]:
    """From logits (B, C) to targets (B,), by the study's rule; ``only``: the network has one target, the score."""
    place = place_of(target)
    if only:
        return lambda logits: torch.zeros(len(logits), dtype=torch.long, device=logits.device)
    if place == 1:
        return lambda logits: logits.argmax(1)
    if place is not None:
        return lambda logits: logits.argsort(dim=1, descending=True, stable=True)[:, place - 1]
    wanted = list(labels) if target == "label" else [target] * len(labels)
    return lambda logits: torch.tensor(wanted, device=logits.device)
