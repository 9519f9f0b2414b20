"""A copy of the network as it is, for another library's code; what the code leaves in it is put back and said."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from ..containment.network_watch import state_of
from ..cost.ledger import Passes, count_forwards
from ..errors import NotApplicable
from ..failure_policy import as_bench_error
from ..types.token_grid import Layout

_HOOKS = {
    "_forward_hooks": "forward hooks",
    "_forward_pre_hooks": "forward pre-hooks",
    "_backward_hooks": "backward hooks",
    "_backward_pre_hooks": "backward pre-hooks",
}
CHANGED_VALUES = "changed weights or buffers"
_GRADIENTS, _FROZEN = "gradients of the weights (.grad)", "weights whose requires_grad is changed"
_MODES, _ATTRIBUTES = "modules in training mode", "attributes of its own in the network's modules"
_HARMLESS = (_GRADIENTS, _FROZEN, _MODES, _ATTRIBUTES, *_HOOKS.values())  # once they are removed
_PARTS = ("_modules", "_parameters", "_buffers")


@dataclass(frozen=True, eq=False)
class _ModuleState:
    """What is known of a module before another library has it."""

    module: nn.Module
    kind: type
    training: bool
    names: frozenset[str]  # of its attributes
    hooks: dict[str, dict[Any, Any]]
    parts: tuple[tuple[tuple[str, int], ...], ...]  # names and identities of submodules, parameters and buffers

    @classmethod
    def of(cls, module: nn.Module) -> _ModuleState:
        hooks = {name: dict(getattr(module, name)) for name in _HOOKS}
        return cls(module, type(module), module.training, frozenset(vars(module)), hooks, _parts(module))


class LentNetwork:
    """A deep copy of a network that other libraries hook and run, one call at a time.

    The copy has the modules, the paths and the in-place operations of the network. It is in eval mode, and its
    parameters require a gradient, as torch makes them, so that what the user froze does not matter.

    Args:
        network: what is copied, at the first use and whenever a library spoils the copy.
        passes: what the copy's passes are counted in.
    """

    def __init__(self, network: nn.Module, passes: Passes) -> None:
        self._network, self._passes = network, passes
        self._copy: nn.Module | None = None
        self._modules: list[_ModuleState] = []
        self._tensors: list[tuple[Tensor, bool, int]] = []
        self._whole: tuple[Any, ...] = ()
        self._remains: list[tuple[str, ...]] = []

    @contextmanager
    def borrow(self, layout: Layout) -> Iterator[tuple[nn.Module, Layout]]:
        """The copy, for one call of another library. Whatever the call leaves is put back, and kept for ``remains``.

        Args:
            layout: how the layer that the call is about holds its map; handed on.

        Raises:
            NotApplicable: the network cannot be copied.
        """
        network = self._ready()
        try:
            yield network, layout
        except BaseException:
            self._copy = None  # whoever fails half-way may have left anything
            raise
        self._remains.append(self._put_back())

    def remains(self) -> list[tuple[str, ...]]:
        """What each call since the last question left behind, in words; and whether the weights are still the same.

        Values of weights and buffers are compared here and not after each call, whose time is measured.
        """
        remains, self._remains = self._remains, []
        if remains and self._copy is not None and self._spoiled():
            self._copy = None
            remains = [(*left, CHANGED_VALUES) for left in remains]
        return remains

    def _ready(self) -> nn.Module:
        if self._copy is None:
            with as_bench_error("the network cannot be copied for another library", kind=NotApplicable):
                network = copy.deepcopy(self._network).eval()
            for parameter in network.parameters():
                parameter.requires_grad_(parameter.is_floating_point())
                parameter.grad = None
            count_forwards(network, self._passes)
            self._modules = [_ModuleState.of(module) for module in network.modules()]
            self._copy, self._whole = network, state_of(network)
            self._note_tensors()
        return self._copy

    def _note_tensors(self) -> None:
        assert self._copy is not None, "it is ready"
        tensors = [*self._copy.parameters(), *self._copy.buffers()]
        self._tensors = [(tensor, tensor.requires_grad, _version(tensor)) for tensor in tensors]

    def _spoiled(self) -> bool:
        """Whether values of weights or buffers, modes or hooks are not as they were made."""
        return self._copy is not None and state_of(self._copy) != self._whole

    def _put_back(self) -> tuple[str, ...]:
        """What a call left, in words; it is removed, or the copy is given up where something else is in its place."""
        left = [*_clear_gradients(self._tensors), *_clear_modules(self._modules)]
        if any(_version(tensor) != version for tensor, _, version in self._tensors):  # it may be the same values again
            left += [CHANGED_VALUES] if self._spoiled() else []
            self._note_tensors()
        if any(_parts(state.module) != state.parts or type(state.module) is not state.kind for state in self._modules):
            left.append("other modules or parameters in the place of the network's")
        if not all(words.startswith(_HARMLESS) for words in left):
            self._copy = None
        return tuple(dict.fromkeys(left))


def _clear_gradients(tensors: list[tuple[Tensor, bool, int]]) -> Iterator[str]:
    for tensor, needed, _ in tensors:
        if tensor.grad is not None:
            tensor.grad = None
            yield _GRADIENTS
        if tensor.requires_grad != needed:
            tensor.requires_grad_(needed)
            yield _FROZEN


def _clear_modules(modules: list[_ModuleState]) -> Iterator[str]:
    for state in modules:
        if state.module.training != state.training:
            state.module.training = state.training
            yield _MODES
        for name, words in _HOOKS.items():
            current = getattr(state.module, name)
            if dict(current) != state.hooks[name]:
                current.clear()
                current.update(state.hooks[name])
                yield words
        for name in sorted(set(vars(state.module)) - state.names):
            delattr(state.module, name)
            yield f"{_ATTRIBUTES}: {name}"


def _version(tensor: Tensor) -> int:
    """How often it was written into; unknown of a tensor that was made in inference mode."""
    return 0 if tensor.is_inference() else tensor._version


def _parts(module: nn.Module) -> tuple[tuple[tuple[str, int], ...], ...]:
    held: tuple[dict[str, Any], ...] = tuple(getattr(module, name) for name in _PARTS)
    return tuple(tuple((name, id(part)) for name, part in parts.items()) for parts in held)
