"""What the whole process shares: settings that change numbers, and habits that change how other code behaves."""

from __future__ import annotations

import gc
import locale
import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.nn.modules import module as _module

_DEVICES = ("cpu", "cuda")
_GLOBAL_HOOKS = [
    name for name, value in vars(_module).items() if name.startswith("_global_") and isinstance(value, dict)
]
_DENORMAL = 1e-40  # float32 holds it, unless denormal numbers are flushed to zero
_UNREADABLE = object()


@dataclass(frozen=True)
class ProcessSetting:
    """Something that the whole process shares.

    Attributes:
        name: for people.
        get: reads it. set: takes what ``get`` gave.
    """

    name: str
    get: Callable[[], Any]
    set: Callable[[Any], object]

    def read(self) -> Any:
        """The value; a mark where it cannot be read, as of torch's flags of two interfaces that contradict."""
        try:
            return self.get()
        except Exception:
            return _UNREADABLE

    def restore(self, value: Any) -> bool:
        """Put the value back; whether another one stood there."""
        if self.read() == value:
            return False
        if value is not _UNREADABLE:
            self.set(value)
        return True


def read_all(settings: Sequence[ProcessSetting]) -> list[Any]:
    return [setting.read() for setting in settings]


def put_back(settings: Sequence[ProcessSetting], values: Sequence[Any]) -> list[str]:
    """The settings get their values of before; returns the names of those that had others."""
    changed = [setting.name for setting, value in zip(settings, values, strict=True) if setting.restore(value)]
    return list(dict.fromkeys(changed))


def _attribute(holder: Any, name: str, label: str) -> ProcessSetting:
    return ProcessSetting(label, lambda: getattr(holder, name), lambda value: setattr(holder, name, value))


def _hooks_of_all(name: str) -> ProcessSetting:
    def put(value: dict[Any, Any]) -> None:
        hooks = getattr(_module, name)
        hooks.clear()
        hooks.update(value)

    return ProcessSetting("hooks of all modules", lambda: dict(getattr(_module, name)), put)


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


def _deterministic() -> tuple[bool, bool]:
    return torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()


def _cut_stack(length: Callable[[], int], pop: Callable[[], object], wanted: int) -> None:
    """Leave the modes that were entered since; one that was left in somebody else's stead cannot be entered again."""
    while length() > wanted:
        pop()


def _flushes_denormals() -> bool:
    return float(np.float32(_DENORMAL) * np.float32(1)) == 0


_ATTENTION = {  # by name, what reads and what sets it in torch.backends.cuda; older versions lack some
    **{
        f"the {name} attention kernel": (f"{name}_sdp_enabled", f"enable_{name}_sdp")
        for name in ("flash", "mem_efficient", "math", "cudnn")
    },
    "half-precision sums in attention": ("fp16_bf16_reduction_math_sdp_allowed", "allow_fp16_bf16_reduction_math_sdp"),
}

SETTINGS = (
    ProcessSetting("torch's default dtype", torch.get_default_dtype, torch.set_default_dtype),
    ProcessSetting("torch's default device", torch.get_default_device, _set_default_device),
    ProcessSetting("whether torch tracks gradients", torch.is_grad_enabled, torch.set_grad_enabled),
    ProcessSetting("torch's number of threads", torch.get_num_threads, torch.set_num_threads),
    ProcessSetting("torch's matmul precision", torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    ProcessSetting(
        "torch's deterministic algorithms",
        _deterministic,
        lambda value: torch.use_deterministic_algorithms(value[0], warn_only=value[1]),
    ),
    ProcessSetting("torch's flushing of denormal numbers", _flushes_denormals, torch.set_flush_denormal),
    ProcessSetting(
        "autocast",
        lambda: [(torch.is_autocast_enabled(d), torch.get_autocast_dtype(d)) for d in _DEVICES],
        _set_autocast,
    ),
    ProcessSetting("anomaly detection", torch.is_anomaly_enabled, torch.set_anomaly_enabled),
    _attribute(torch.backends.mkldnn, "enabled", "mkldnn"),
    *(
        _attribute(torch.backends.cudnn, name, f"cudnn.{name}")
        for name in ("enabled", "benchmark", "deterministic", "allow_tf32")
    ),
    *(
        _attribute(torch.backends.cuda.matmul, name, f"cuda.matmul.{name}")
        for name in ("allow_tf32", "allow_fp16_reduced_precision_reduction", "allow_bf16_reduced_precision_reduction")
    ),
    *(
        ProcessSetting(name, getattr(torch.backends.cuda, read), getattr(torch.backends.cuda, put))
        for name, (read, put) in _ATTENTION.items()
        if hasattr(torch.backends.cuda, read)
    ),
    *(_hooks_of_all(name) for name in _GLOBAL_HOOKS),
    ProcessSetting("the current folder", _folder, os.chdir),
    *(
        ProcessSetting(
            f"torch's {kind} modes",
            getattr(torch._C, f"_len_torch_{kind}_stack"),
            partial(_cut_stack, getattr(torch._C, f"_len_torch_{kind}_stack"), getattr(torch._C, pop)),
        )
        for kind, pop in (("function", "_pop_torch_function_stack"), ("dispatch", "_pop_torch_dispatch_stack"))
    ),
)


def _set_filters(value: list[Any]) -> None:
    warnings.simplefilter("ignore")  # marks every module's registry as out of date; the next line removes it again
    warnings.filters[:] = value  # type: ignore[index]


def _set_environment(value: dict[str, str]) -> None:
    for name in set(os.environ) - set(value):
        del os.environ[name]
    for name, text in value.items():
        if os.environ.get(name) != text:
            os.environ[name] = text


def _set_path(value: list[str]) -> None:
    sys.path[:] = value


_WATCHED = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGALRM", "SIGCHLD", "SIGPIPE", "SIGUSR1", "SIGUSR2")
_SIGNALS = tuple(getattr(signal, name) for name in _WATCHED if hasattr(signal, name))  # all would take a millisecond


def _handlers() -> dict[int, Any]:
    return {number: signal.getsignal(number) for number in _SIGNALS}


def _set_handlers(value: dict[int, Any]) -> None:
    if threading.current_thread() is not threading.main_thread():
        return  # only the main thread may
    for number, handler in value.items():
        if handler is not None and signal.getsignal(number) != handler:
            signal.signal(number, handler)


def _set_gc(enabled: bool) -> None:
    (gc.enable if enabled else gc.disable)()


HABITS = (
    ProcessSetting("the filters of warnings", lambda: list(warnings.filters), _set_filters),
    ProcessSetting("numpy's handling of errors", np.geterr, lambda value: np.seterr(**value)),
    ProcessSetting("environment variables", lambda: dict(os.environ), _set_environment),
    ProcessSetting("sys.path", lambda: list(sys.path), _set_path),
    *(_attribute(sys, name, f"sys.{name}") for name in ("excepthook", "stdout", "stderr", "stdin")),
    ProcessSetting("Python's recursion limit", sys.getrecursionlimit, sys.setrecursionlimit),
    ProcessSetting("the handlers of signals", _handlers, _set_handlers),
    ProcessSetting("the locale", lambda: locale.setlocale(locale.LC_ALL), lambda v: locale.setlocale(locale.LC_ALL, v)),
    ProcessSetting("garbage collection", gc.isenabled, _set_gc),
    ProcessSetting("what logging lets through", lambda: logging.root.manager.disable, logging.disable),
)
