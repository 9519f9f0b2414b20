"""What a method leaves changed: in the network, in the images, and in the process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..plugin_guard import SETTINGS, random_states_kept
from .random_states import random_states

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks", "_state_dict_hooks")


@dataclass(frozen=True, eq=False)
class _Watched:
    """What a method is given, and the parts of it that there are before the call."""

    network: nn.Module
    images: Tensor
    modules: tuple[nn.Module, ...]
    parameters: tuple[nn.Parameter, ...]
    buffers: tuple[Tensor, ...]

    @classmethod
    def of(cls, network: nn.Module, images: Tensor) -> _Watched:
        parts = tuple(network.modules()), tuple(network.parameters()), tuple(network.buffers())
        return cls(network, images, *parts)


def _hooks(seen: _Watched) -> Any:
    return [tuple(tuple(getattr(module, name)) for name in _HOOKS) for module in seen.modules]


def _names(seen: _Watched) -> Any:
    return [(name, id(module)) for name, module in seen.network.named_modules(remove_duplicate=False)]


def _gradients(seen: _Watched) -> Any:
    return [None if each.grad is None else _content(each.grad) for each in seen.parameters]


def _content(tensor: Tensor) -> tuple[Any, ...]:
    values = tensor.detach().cpu().contiguous()
    return tuple(values.shape), str(values.dtype), values.view(-1).view(torch.uint8).numpy().tobytes()


ASPECTS: dict[str, Callable[[_Watched], Any]] = {
    "leaves hooks behind": _hooks,
    "replaces modules": _names,
    "leaves the training mode changed": lambda seen: [module.training for module in seen.modules],
    "leaves .grad changed": _gradients,
    "leaves requires_grad changed": lambda seen: [each.requires_grad for each in seen.parameters],
    "changes weights": lambda seen: [_content(each) for each in seen.parameters],
    "changes buffers": lambda seen: [_content(each) for each in seen.buffers],
    "changes the images": lambda seen: _content(seen.images),
    "leaves a gradient on the images": lambda seen: (seen.images.requires_grad, seen.images.grad is None),
    "moves the global random state": lambda _: random_states(),
    "leaves settings of the process changed": lambda _: [setting.get() for setting in SETTINGS],
}


def state_left(work: Callable[[nn.Module, Tensor], object], network: nn.Module, images: Tensor) -> tuple[str, ...]:
    """What the work leaves changed, in words; the process is put back as it was.

    The network is prepared as one that somebody trains: its first parameter has a gradient, its last needs none, and
    the network itself, though not its modules, is in training mode where this changes no answer.

    Args:
        work: called with the network and the images; what it raises goes up.
        network: nobody else's, as it is spoiled.
        images: (B, C, H, W); the work is given a copy.
    """
    _as_in_training(network, images)
    seen = _Watched.of(network, images.clone())
    with random_states_kept(), _settings_kept():
        before = {words: value(seen) for words, value in ASPECTS.items()}
        work(network, seen.images)
        return tuple(words for words, value in ASPECTS.items() if value(seen) != before[words])


def _as_in_training(network: nn.Module, images: Tensor) -> None:
    parameters = list(network.parameters())
    if parameters:
        parameters[-1].requires_grad_(False)
        parameters[0].grad = torch.ones_like(parameters[0])
    with torch.no_grad():
        expected = network(images)
        network.training = True  # of this module alone
        answer = network(images)
    network.training = isinstance(answer, Tensor) and torch.equal(answer, expected)


@contextmanager
def _settings_kept() -> Iterator[None]:
    values = [setting.get() for setting in SETTINGS]
    try:
        yield
    finally:
        for setting, value in zip(SETTINGS, values, strict=True):
            if setting.get() != value:
                setting.set(value)
