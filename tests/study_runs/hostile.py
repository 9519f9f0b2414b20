"""Methods and metrics that do what none should, by name; what the study's network is, a test says."""

from __future__ import annotations

import ctypes
import os
import random
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from benchbench.types import Layer, Scored, Seen

Act = Callable[[nn.Module], object]


class RaisesOnUse(Tensor):
    """Has a shape, and raises whatever else is asked."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__name__", "") in ("__get__", "numel", "__len__", "size"):
            return super().__torch_function__(func, types, args, kwargs)  # type: ignore[no-untyped-call]
        raise RuntimeError("do not touch")


class Text:
    """Raises when it is shown."""

    def __str__(self) -> str:
        raise ValueError("no text")


class _Mode(TorchFunctionMode):
    """Looks at every call, and turns softmax into something else."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        return result * 2 if func is Tensor.softmax else result


KEPT: list[Any] = []  # what plugins hold on to


def hold(thing: Any) -> None:
    KEPT.append(thing)


def _inference() -> None:
    mode = torch.inference_mode()
    mode.__enter__()
    hold(mode)


def _hook(network: nn.Module) -> None:
    for module in network.modules():
        module.register_forward_hook(lambda _m, _i, o: o * 2 if isinstance(o, Tensor) else o)


def _doubled(network: nn.Module) -> None:
    for parameter in network.parameters():
        parameter.data.mul_(2)


def _patched(network: nn.Module) -> None:
    for module in network.modules():
        if isinstance(module, nn.ReLU):
            module.forward = lambda x: x * 0  # type: ignore


def _trained(network: nn.Module) -> None:
    network.train()
    network(torch.rand(2, 3, 32, 32))


SPOILS: dict[str, Act] = {  # the study's own network, which the plugin knows
    "weights": _doubled,
    "hooks": _hook,
    "forward": _patched,
    "mode and statistics": _trained,
    "flags": lambda network: network.requires_grad_(True),
    "modules": lambda network: setattr(network, "pool", nn.Identity()),
}
LEAVES: dict[str, Act] = {  # settings that numbers depend on
    "inference mode": lambda _: _inference(),
    "denormal numbers": lambda _: torch.set_flush_denormal(True),
    "attention kernel": lambda _: torch.backends.cuda.enable_flash_sdp(False),
    "only warn": lambda _: torch.use_deterministic_algorithms(True, warn_only=True),
    "function mode": lambda _: hold(_Mode().__enter__()),  # type: ignore[no-untyped-call]
    "new precision flags": lambda _: setattr(torch.backends.cuda.matmul, "fp32_precision", "tf32"),
}
ENDS: dict[str, Act] = {
    "hard exit": lambda _: os._exit(0),
}


def time_is_up() -> None:
    """The signal that the timer of a time limit sends; tests of the timer itself are in tests/containment."""
    os.kill(os.getpid(), signal.SIGALRM)


def loop() -> None:
    time_is_up()
    while True:
        pass


def _sleep(_: nn.Module) -> None:
    time_is_up()
    time.sleep(600)


HANGS: dict[str, Act] = {"in a loop": lambda _: loop(), "asleep": _sleep}


def _reseeds(_: nn.Module) -> None:
    torch.manual_seed(3)
    np.random.seed(3)
    random.seed(3)
    torch.rand(2)


def _opens(network: nn.Module) -> None:
    for _ in range(9):
        hold(open(os.devnull))  # noqa: SIM115


def _starts_a_thread(_: nn.Module) -> None:
    end = threading.Event()
    hold(end)
    threading.Thread(target=end.wait, name="left behind", daemon=True).start()


HABITS: dict[str, Act] = {  # put back or told; the rows are sound
    "seeds": _reseeds,
    "filters": lambda _: warnings.simplefilter("error"),
    "numpy errors": lambda _: np.seterr(all="raise"),
    "environment": lambda _: os.environ.update(BENCHBENCH_MALLOC="default", PATH=""),
    "path": lambda _: sys.path.clear(),
    "handlers": lambda _: signal.signal(signal.SIGTERM, signal.SIG_IGN),
    "standard error": lambda _: setattr(sys, "stderr", None),
    "recursion": lambda _: sys.setrecursionlimit(sys.getrecursionlimit() + 7),
    "thread": _starts_a_thread,
    "process": lambda _: hold(subprocess.Popen(["sleep", "30"])),
    "files": _opens,
}
_PUT_BACK = "leaves changed, and benchbench put back: "
TOLD = {
    "seeds": "draws from or seeds the global random state of torch and numpy and Python",
    "filters": f"{_PUT_BACK}the filters of warnings",
    "numpy errors": f"{_PUT_BACK}numpy's handling of errors",
    "environment": f"{_PUT_BACK}environment variables",
    "path": f"{_PUT_BACK}sys.path",
    "handlers": f"{_PUT_BACK}the handlers of signals",
    "standard error": f"{_PUT_BACK}sys.stderr",
    "recursion": f"{_PUT_BACK}Python's recursion limit",
    "thread": "leaves threads running: left behind",
    "process": "leaves processes running: ",
    "files": "leaves files open: ",
}
_HUGE = 10**6
RETURNS: dict[str, Callable[[Tensor], Any]] = {
    "a list": lambda maps: maps.tolist(),
    "enormous": lambda maps: maps[:, :1, :1].expand(-1, _HUGE, _HUGE),
    "an object": lambda _: Text(),
    "integers that are huge": lambda maps: maps * 1e38 * 1e38,
}
SOUND_RETURNS: dict[str, Callable[[Tensor], Any]] = {
    "with a gradient": lambda maps: maps.clone().requires_grad_() * 1,
    "double": lambda maps: maps.double(),
    "of a class that raises on use": lambda maps: maps.as_subclass(RaisesOnUse),
    "a view of its own": lambda maps: maps.expand(2, *maps.shape)[0],
}


def method_of(act: Act, network: nn.Module) -> Callable[[Layer], Tensor]:
    """A method that does it, and returns a sound map."""

    def function(layer: Layer) -> Tensor:
        """Hostile."""
        act(network)
        return layer.activation.mean(1)

    return function


def returning(change: Callable[[Tensor], Any]) -> Callable[[Layer], Any]:
    def function(layer: Layer) -> Any:
        """Hostile."""
        return change(layer.activation.mean(1))

    return function


def metric_of(act: Act, network: nn.Module) -> Callable[[Seen], Scored]:
    """A metric that does it, and returns sound values."""

    def function(seen: Seen) -> Scored:
        """Hostile."""
        act(network)
        return Scored(seen.map.mean((1, 2)))

    return function


def _values(seen: Seen) -> Tensor:
    return seen.map.mean((1, 2))


def _levels(seen: Seen, y: Tensor) -> tuple[Tensor, Tensor]:
    return torch.ones(2) * torch.nan, y.expand(len(seen.map), 2)


ANSWERS: dict[str, Callable[[Seen], Any]] = {
    "an enormous curve": lambda seen: Scored(
        _values(seen), curve=(torch.ones(1).expand(_HUGE), torch.ones(1, 1).expand(len(seen.map), _HUGE))
    ),
    "a curve without x": lambda seen: Scored(_values(seen), curve=_levels(seen, torch.ones(1, 1))),
    "levels that are no numbers": lambda seen: Scored(_values(seen), levels=_levels(seen, torch.ones(1, 1))),
    "reasons that raise": lambda seen: Scored(_values(seen), inapplicable=(Text(),) * len(seen.map)),  # type: ignore
    "an enormous value": lambda seen: Scored(torch.ones(1).expand(10**12)),
}


def sound(seen: Seen) -> Scored:
    """Tensors of a class that raises on use, whose numbers are sound."""
    values = _values(seen).as_subclass(RaisesOnUse)
    return Scored(values, parts={"a": values})


def _poison(seen: Seen) -> None:
    assert seen.pixels is not None
    seen.pixels.mean.fill_(7)
    seen.pixels.std.fill_(7)
    for value in seen.pixels.cache.values():
        for part in vars(value).values() if hasattr(value, "__dict__") else ():
            if isinstance(part, Tensor):
                part.zero_()
    seen.pixels.cache["information"] = 3
    if seen.explainer is not None:
        seen.explainer.targets.zero_()


def writing(seen: Seen) -> Scored:
    """Writes into everything that is lent."""
    _poison(seen)
    return Scored(_values(seen))


def deadlock(library: Any) -> None:
    """A call into C that never returns and looks for no signal; of a PyDLL it lets no other thread run either."""
    lock = ctypes.create_string_buffer(256)
    library.pthread_mutex_lock(lock)
    library.pthread_mutex_lock(lock)
