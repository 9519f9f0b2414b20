"""Whether networks are as they were: weights and buffers bit by bit, modes, hooks, parts and flags."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeAlias
from zlib import crc32

import torch
from torch import Tensor, nn

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_PARTS = ("_modules", "_parameters", "_buffers")
_LAZY = (nn.UninitializedParameter, nn.UninitializedBuffer)  # without values yet
_BITS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}

VALUES, FLAGS, GRADIENTS = "weights or buffers", "requires_grad", "gradients of the weights (.grad)"
MODES, HOOKS, PARTS = "training modes", "hooks", "modules, parameters or forward functions"
Aspect: TypeAlias = tuple[str, int]  # what it is, and of which tensor or module


@dataclass(frozen=True, eq=False)
class _TensorState:
    """A parameter or buffer as it was; ``data`` holds the memory that it had, ``saved`` the values in it."""

    tensor: Tensor
    data: Tensor
    saved: Tensor
    needed: bool
    gradient: Tensor | None

    @classmethod
    def of(cls, tensor: Tensor) -> _TensorState:
        data = tensor.detach()
        return cls(tensor, data, data.clone(), tensor.requires_grad, tensor.grad)

    def changed(self) -> Iterator[str]:
        now = self.tensor.detach()
        moved = now.data_ptr() != self.data.data_ptr() or now.shape != self.data.shape or now.dtype != self.data.dtype
        if moved or not _same_bits(self.data, self.saved):
            yield VALUES
        if self.tensor.requires_grad != self.needed:
            yield FLAGS
        if self.tensor.grad is not self.gradient:
            yield GRADIENTS

    def put_back(self, what: str) -> None:
        if what == FLAGS:
            self.tensor.requires_grad_(self.needed)
        elif what == GRADIENTS:
            self.tensor.grad = self.gradient
        else:
            with torch.inference_mode(self.data.is_inference()), torch.no_grad():
                self.data.copy_(self.saved)
                self.tensor.data = self.data


@dataclass(frozen=True, eq=False)
class _ModuleState:
    """A module as it was."""

    module: nn.Module
    kind: type
    training: bool
    hooks: dict[str, dict[Any, Any]]
    parts: dict[str, dict[str, Any]]
    forward: Any  # of the module itself, where it has another one than its class

    @classmethod
    def of(cls, module: nn.Module) -> _ModuleState:
        hooks, parts = ({name: dict(getattr(module, name)) for name in names} for names in (_HOOKS, _PARTS))
        return cls(module, type(module), module.training, hooks, parts, vars(module).get("forward"))

    def changed(self) -> Iterator[str]:
        module = self.module
        if module.training != self.training:
            yield MODES
        if any(not _same_entries(getattr(module, name), kept) for name, kept in self.hooks.items()):
            yield HOOKS
        if (
            type(module) is not self.kind
            or vars(module).get("forward") is not self.forward
            or any(not _same_entries(getattr(module, name), kept) for name, kept in self.parts.items())
        ):
            yield PARTS

    def put_back(self, what: str) -> None:
        if what == MODES:
            self.module.training = self.training
            return
        kept = self.hooks if what == HOOKS else self.parts
        for name, entries in kept.items():
            current = getattr(self.module, name)
            current.clear()
            current.update(entries)
        if what == PARTS:
            self.module.__class__ = self.kind
            vars(self.module).pop("forward", None)
            if self.forward is not None:
                vars(self.module)["forward"] = self.forward


class NetworkWatch:
    """Networks as they are when the watch begins, to be compared with and put back.

    One more copy of the weights is kept, where the weights are. Memory that several networks share is compared once.

    Attributes:
        ignored: what the networks change themselves, which is not compared.

    Args:
        networks: those that a run's numbers come from.

    Example:
        >>> import torch
        >>> from benchbench.containment.network_watch import NetworkWatch
        >>> linear = torch.nn.Linear(2, 2)
        >>> watch = NetworkWatch([linear])
        >>> _ = linear.weight.data.zero_(), linear.train(False)
        >>> sorted(what for what, _ in watch.changes())
        ['training modes', 'weights or buffers']
        >>> watch.put_back(watch.changes())
        >>> watch.changes()
        frozenset()
    """

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        self._modules = [_ModuleState.of(module) for module in _once(m for n in networks for m in n.modules())]
        tensors = _once(t for n in networks for t in (*n.parameters(), *n.buffers()) if _is_plain(t))
        self._tensors = [_TensorState.of(tensor) for tensor in tensors]
        self.ignored: frozenset[Aspect] = frozenset()

    def with_more(self, networks: Sequence[nn.Module]) -> NetworkWatch:
        """A watch of these networks too, as they are now."""
        watch = NetworkWatch(networks)
        watch._tensors, watch._modules = [*self._tensors, *watch._tensors], [*self._modules, *watch._modules]
        watch.ignored = self.ignored
        return watch

    def changes(self) -> frozenset[Aspect]:
        """What is not as it was, without what the networks change themselves."""
        aspects = {(what, i) for i, state in enumerate(self._tensors) for what in state.changed()}
        aspects |= {(what, i) for i, state in enumerate(self._modules) for what in state.changed()}
        return frozenset(aspects) - self.ignored

    def put_back(self, changes: Iterable[Aspect]) -> None:
        for what, i in sorted(changes):
            states: Sequence[_TensorState | _ModuleState] = (
                self._tensors if what in (VALUES, FLAGS, GRADIENTS) else self._modules
            )
            states[i].put_back(what)

    def settle(self, probe: Callable[[], object] | None) -> str:
        """Put back what is not as it was; returns that, in words, but for what the networks change themselves.

        Args:
            probe: sends an image through the networks; called only where something changed. What changes then, such as
                a buffer that counts, is the networks' own, and compared no more.
        """
        changes = self.changes()
        if not changes:
            return ""
        self.put_back(changes)
        if probe is not None:
            with suppress(Exception):  # the network's trouble, which the rows tell
                probe()
            self.ignored |= self.changes()
        return ", ".join(sorted({what for what, _ in changes - self.ignored}))


def state_of(network: nn.Module) -> tuple[Any, ...]:
    """What a network's numbers depend on, to be compared without a copy: checksums of values, modes and hooks."""
    tensors = [_checksum(tensor) for tensor in (*network.parameters(), *network.buffers())]
    hooks = [tuple(tuple(getattr(module, name)) for name in _HOOKS) for module in network.modules()]
    return tensors, [module.training for module in network.modules()], hooks


def _checksum(tensor: Tensor) -> tuple[Any, ...]:
    flat = tensor.detach().reshape(-1)
    if not flat.numel() or flat.is_quantized or flat.is_meta:
        return (tensor.shape,)
    return tensor.shape, tensor.dtype, crc32(flat.contiguous().view(torch.uint8).cpu().numpy().data)


def _once(items: Iterable[Any]) -> list[Any]:
    return list({id(item): item for item in items}.values())


def _is_plain(tensor: Tensor) -> bool:
    plain = tensor.layout == torch.strided and not tensor.is_meta and not tensor.is_quantized
    return plain and tensor.element_size() in _BITS and not isinstance(tensor, _LAZY)


def _same_bits(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors of one shape are the same to the last bit, also where they are not numbers."""
    bits = _BITS[a.element_size()]
    return torch.equal(a.view(bits), b.view(bits))


def _same_entries(now: dict[Any, Any], kept: dict[Any, Any]) -> bool:
    return len(now) == len(kept) and all(
        key == other and value is also for (key, value), (other, also) in zip(now.items(), kept.items(), strict=True)
    )
