"""Code of others (methods, metrics, networks, data): what it ends, sets or leaves spoils its own numbers alone."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules import module as _module

from .errors import BenchError

_DEVICES = ("cpu", "cuda")
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_GLOBAL_HOOKS = [
    name for name, value in vars(_module).items() if name.startswith("_global_") and isinstance(value, dict)
]


@dataclass(frozen=True)
class _Setting:
    """Something that the whole process shares."""

    name: str
    get: Callable[[], Any]
    set: Callable[[Any], object]


def _attribute(holder: Any, name: str, label: str) -> _Setting:
    return _Setting(label, lambda: getattr(holder, name), lambda value: setattr(holder, name, value))


def _hooks_of_all(name: str) -> _Setting:
    def put(value: dict[Any, Any]) -> None:
        hooks = getattr(_module, name)
        hooks.clear()
        hooks.update(value)

    return _Setting("hooks of all modules", lambda: dict(getattr(_module, name)), put)


def _folder() -> str:
    with suppress(FileNotFoundError):  # someone removed it
        return os.getcwd()
    return ""


def _set_default_device(device: torch.device) -> None:
    torch.set_default_device(None if device.type == "cpu" else device)  # None: no mode that looks at every call


def _set_autocast(value: list[tuple[bool, torch.dtype]]) -> None:
    for device, (on, dtype) in zip(_DEVICES, value, strict=True):
        torch.set_autocast_enabled(device, on)
        torch.set_autocast_dtype(device, dtype)


SETTINGS = (
    _Setting("torch's default dtype", torch.get_default_dtype, torch.set_default_dtype),
    _Setting("torch's default device", torch.get_default_device, _set_default_device),
    _Setting("whether torch tracks gradients", torch.is_grad_enabled, torch.set_grad_enabled),
    _Setting("torch's number of threads", torch.get_num_threads, torch.set_num_threads),
    _Setting("torch's matmul precision", torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    _Setting(
        "torch's deterministic algorithms",
        torch.are_deterministic_algorithms_enabled,
        torch.use_deterministic_algorithms,
    ),
    _Setting(
        "autocast",
        lambda: [(torch.is_autocast_enabled(d), torch.get_autocast_dtype(d)) for d in _DEVICES],
        _set_autocast,
    ),
    _Setting("anomaly detection", torch.is_anomaly_enabled, torch.set_anomaly_enabled),
    _attribute(torch.backends.mkldnn, "enabled", "mkldnn"),
    *(
        _attribute(torch.backends.cudnn, name, f"cudnn.{name}")
        for name in ("enabled", "benchmark", "deterministic", "allow_tf32")
    ),
    _attribute(torch.backends.cuda.matmul, "allow_tf32", "cuda.matmul.allow_tf32"),
    *(_hooks_of_all(name) for name in _GLOBAL_HOOKS),
    _Setting("the current folder", _folder, os.chdir),
)


@contextmanager
def contained(who: str) -> Iterator[None]:
    """The block runs code of others: what it sets is put back, and a sys.exit ends the block alone.

    Args:
        who: the code, as users name it.

    Raises:
        BenchError: the code called sys.exit, or left a setting changed that all code of the process shares.
    """
    before = [setting.get() for setting in SETTINGS]
    try:
        with no_exit(who):
            yield
    finally:
        changed = _put_back(before)
    if changed:
        raise BenchError(f"{who} leaves {', '.join(changed)} changed", hint="Put it back, or use a with statement")


def _put_back(before: list[Any]) -> list[str]:
    changed = []
    for setting, value in zip(SETTINGS, before, strict=True):
        if setting.get() != value:
            setting.set(value)
            changed.append(setting.name)
    return list(dict.fromkeys(changed))


@contextmanager
def no_exit(who: str) -> Iterator[None]:
    """Raises BenchError where the block, which runs code of others, calls sys.exit or raises what is no Exception."""
    try:
        yield
    except (Exception, KeyboardInterrupt):
        raise
    except BaseException as end:
        did = f"calls sys.exit({end.code!r})" if isinstance(end, SystemExit) else f"raises {type(end).__name__}"
        raise BenchError(f"{who} {did}", hint="Raise an Exception instead") from None


@contextmanager
def random_states_kept() -> Iterator[None]:
    """Numpy's, Python's and torch's global random states are as before after the block."""
    numpy, python = np.random.get_state(), random.getstate()
    with torch.random.fork_rng():
        try:
            yield
        finally:
            np.random.set_state(numpy)
            random.setstate(python)


def set_random_states(seed: int) -> None:
    """All three, from one seed."""
    np.random.seed(seed % 2**32)
    random.seed(seed)
    torch.manual_seed(seed)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Numpy's, Python's and torch's global random states, seeded, and then as they were."""
    with random_states_kept():
        set_random_states(seed)
        yield


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
