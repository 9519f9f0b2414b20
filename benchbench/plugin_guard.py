"""Code of others (methods, metrics, networks, data): what it ends, sets or leaves spoils its own numbers alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from zlib import crc32

import torch
from torch import Tensor, nn

from .containment.process_settings import SETTINGS as SETTINGS
from .containment.process_settings import put_back, read_all
from .containment.random_state import random_states_kept as random_states_kept
from .containment.random_state import seeded as seeded
from .containment.random_state import set_random_states as set_random_states
from .containment.time_limit import TimeUp
from .errors import BenchError

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


@contextmanager
def contained(who: str) -> Iterator[None]:
    """The block runs code of others: what it sets is put back, and a sys.exit ends the block alone.

    Args:
        who: the code, as users name it.

    Raises:
        BenchError: the code called sys.exit, or left a setting changed that all code of the process shares.
    """
    before = read_all(SETTINGS)
    try:
        with no_exit(who):
            yield
    finally:
        changed = put_back(SETTINGS, before)
    if changed:
        raise BenchError(f"{who} leaves {', '.join(changed)} changed", hint="Put it back, or use a with statement")


@contextmanager
def no_exit(who: str) -> Iterator[None]:
    """Raises BenchError where the block, which runs code of others, calls sys.exit or raises what is no Exception."""
    try:
        yield
    except (Exception, KeyboardInterrupt, TimeUp):
        raise
    except BaseException as end:
        did = f"calls sys.exit({end.code!r})" if isinstance(end, SystemExit) else f"raises {type(end).__name__}"
        raise BenchError(f"{who} {did}", hint="Raise an Exception instead") from None


def state_of(network: nn.Module) -> tuple[Any, ...]:
    """What a network's numbers depend on, to be compared: checksums of weights and buffers, modes and hooks."""
    return [_checksum(tensor) for tensor in _tensors(network)], [_state(module) for module in network.modules()]


class Kept:
    """A network's weights, buffers, modes and hooks, to be put back."""

    def __init__(self, network: nn.Module) -> None:
        self._network, self._state = network, state_of(network)
        self._tensors = [(tensor, tensor.detach().clone()) for tensor in _tensors(network)]
        self._modules = [(module, module.training, _hooks(module)) for module in network.modules()]

    def put_back(self) -> bool:
        """Whether something had changed."""
        if state_of(self._network) == self._state:
            return False
        with torch.no_grad():
            for tensor, value in self._tensors:
                tensor.data.copy_(value)
        for module, training, hooks in self._modules:
            module.training = training
            for name, saved_hooks in hooks.items():
                current_hooks = getattr(module, name)
                current_hooks.clear()
                current_hooks.update(saved_hooks)
        return True


def _tensors(network: nn.Module) -> list[Tensor]:
    return [*network.parameters(), *network.buffers()]


def _hooks(module: nn.Module) -> dict[str, dict[Any, Any]]:
    return {name: dict(getattr(module, name)) for name in _HOOKS}


def _state(module: nn.Module) -> tuple[Any, ...]:
    return module.training, *(tuple(getattr(module, name)) for name in _HOOKS)


def _checksum(tensor: Tensor) -> tuple[Any, ...]:
    flat = tensor.detach().reshape(-1)
    if not flat.numel() or flat.is_quantized or flat.is_meta:
        return (tensor.shape,)
    return tensor.shape, tensor.dtype, crc32(flat.contiguous().view(torch.uint8).cpu().numpy().data)
