"""Logits (B, C) out of what a network returns: a tuple, a dictionary, a record, or one number per image."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..types import Activation
from ..types.changed_forward import with_forward
from .capture import eval_frozen

NAMES = ("logits", "out")  # of transformers' classifiers, and of torchvision's segmentation networks
_SIGMOID = "ends in a sigmoid, but one logit is needed. Remove the sigmoid"


@dataclass(frozen=True, eq=False)
class WithLogits:
    """A network that returns logits.

    Attributes:
        network: the same modules, under the same names.
        note: what is taken of the output, for run.json and the report; empty where the network returns logits.
        warning: what must be said loudly, after the network's name.
    """

    network: nn.Module
    note: str = ""
    warning: str = ""


@dataclass(frozen=True)
class _Place:
    """Where in an output the logits are: a key, an index or an attribute at each step."""

    steps: tuple[tuple[str, Any], ...] = ()

    def of(self, output: Any) -> Any:
        for kind, key in self.steps:
            output = getattr(output, key) if kind == "attribute" else output[key]
        return output

    def __str__(self) -> str:
        shown = [f".{key}" if kind == "attribute" else f"[{key!r}]" for kind, key in self.steps]
        return f"output{''.join(shown)}"


def with_logits(network: nn.Module, image: Tensor, score: Activation = "softmax") -> WithLogits:
    """The network with logits (B, C) as its output, by what it returns for an example; itself where they are that.

    - A record with ``logits``, a dictionary with ``logits`` or ``out``: that. Of another dictionary, tuple or list
      the first tensor (B, C), else the first tensor with a row for each image.
    - One number z per image, (B,) or (B, 1), is the logit of class 1 of two. With ``softmax`` the logits are
      (-z / 2, z / 2), with ``sigmoid`` (-z, z): class 1 has the probability sigmoid(z), and class 0 the rest.

    Args:
        image: (1, channels, H, W), one example; left as it is.
        score: what makes probabilities of logits.
    """
    if hasattr(type(network), "benchbench_returned"):  # the score returns what is explained
        return WithLogits(network)
    with eval_frozen(network), torch.no_grad():
        output = network(image.clone())
    place = _place_of(output, len(image))
    logits = None if place is None else place.of(output)
    if place is None or not isinstance(logits, Tensor):
        return WithLogits(network)  # what it returns is refused where logits are asked for
    single = logits.shape in ((), (1,), (1, 1))  # of one image; squeeze() leaves no dimension
    if not place.steps and not single:
        return WithLogits(network)
    halves = 1 if score == "sigmoid" else 2

    def call(forward: Callable[[Tensor], Any], images: Tensor) -> Any:
        taken = place.of(forward(images))
        if not single:
            return taken
        z = taken.reshape(-1) / halves
        return torch.stack([-z, z], 1)

    changed = with_forward(network, "Logits", call)
    changed.benchbench_logits = f"{place} {single} {halves}"  # type: ignore[assignment]
    notes = [_taken(output, place)] if place.steps else []
    notes += [_binary(halves)] if single else []
    probability = single and bool(((logits >= 0) & (logits <= 1)).all()) and _sigmoid_last(network, place, image)
    return WithLogits(changed, ". ".join(notes), _SIGMOID if probability else "")


def _place_of(output: Any, count: int) -> _Place | None:
    if isinstance(output, Tensor):
        return _Place()
    for name in NAMES:
        if isinstance(output, Mapping) and isinstance(output.get(name), Tensor):
            return _Place((("key", name),))
        if not isinstance(output, Mapping) and isinstance(getattr(output, name, None), Tensor):
            return _Place((("attribute", name),))
    tensors = [(place, tensor) for place, tensor in _tensors(output) if not tensor.ndim or len(tensor) == count]
    return next((place for place, tensor in tensors if tensor.ndim == 2), tensors[0][0] if tensors else None)


def _tensors(output: Any, steps: tuple[tuple[str, Any], ...] = ()) -> Iterator[tuple[_Place, Tensor]]:
    """Every tensor in nested tuples, lists and dictionaries, in their order."""
    if isinstance(output, Tensor):
        yield _Place(steps), output
    elif isinstance(output, Mapping):
        for key, value in output.items():
            yield from _tensors(value, (*steps, ("key", key)))
    elif isinstance(output, (list, tuple)):
        for index, value in enumerate(output):
            yield from _tensors(value, (*steps, ("index", index)))


def _taken(output: Any, place: _Place) -> str:
    named = place.steps[-1][1] in NAMES
    return f"The network returns {_kind(output)}: its {'' if named else 'first '}tensor {place} is taken as the logits"


def _kind(output: Any) -> str:
    """``a tuple``; of a class of the user's or of a library's ``a tuple of the class Answers``."""
    kinds = {"dictionary": Mapping, "tuple": tuple, "list": list}
    kind = next((name for name, each in kinds.items() if isinstance(output, each)), "record")
    known = type(output) in (dict, tuple, list)
    return f"a {kind}" if known else f"a {kind} of the class {type(output).__name__}"


def _binary(halves: int) -> str:
    pair = "(-z, z)" if halves == 1 else "(-z/2, z/2)"
    return (
        f"The network returns one logit z: classes 0 and 1 get {pair}, so that class 1 has the probability sigmoid(z)"
    )


def _sigmoid_last(network: nn.Module, place: _Place, image: Tensor) -> bool:
    return ends_in_sigmoid(lambda images: place.of(network(images)), network, image)


def ends_in_sigmoid(forward: Callable[[Tensor], Tensor], network: nn.Module, image: Tensor) -> bool:
    """Whether the last operation, but for changes of shape, is a sigmoid, as autograd's graph tells it."""
    with eval_frozen(network), torch.enable_grad():
        node = forward(image.clone().requires_grad_()).grad_fn
    for _ in range(4):
        if node is None or "Sigmoid" in node.name():
            return node is not None
        node = node.next_functions[0][0] if node.next_functions else None
        if node is not None and not any(w in node.name() for w in ("View", "Reshape", "Squeeze", "Sigmoid", "Copy")):
            return False
    return False
