"""A checkpoint of weights, read without running code in it, and what is wrong with one that does not fit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import BenchError

_SAVE = "Save model.state_dict()"
_PREFIXES = ("module.", "_orig_mod.")  # of DataParallel and of torch.compile
_INSIDE = ("state_dict", "model_state_dict", "model")
_KINDS = {
    b"version https://git-lfs": ("is a pointer of git-lfs, not the weights", "Fetch the file: git lfs pull"),
    b"<": ("is a web page, not the weights", "Download the file itself"),
}


def read_weights(path: Path) -> dict[str, Tensor]:
    """A state dict, by the network's own names: what DataParallel and torch.compile put in front is left out.

    Raises:
        BenchError: the file holds something else; the message says what.
    """
    try:
        with path.open("rb") as file:
            start = file.read(512)
    except OSError as error:
        raise BenchError(f"{path} cannot be read: {error.strerror}", where="weights") from None
    if not start:
        raise BenchError(f"{path} is empty", where="weights", hint="Copy the file again")
    for mark, (problem, hint) in _KINDS.items():
        if start.lstrip().startswith(mark):
            raise BenchError(f"{path} {problem}", where="weights", hint=hint)
    if path.suffix == ".safetensors" or start[8:10] == b'{"':
        hint = "Load it in a FILE.py:function, with safetensors.torch.load_file"
        raise BenchError(f"{path} is a safetensors file, not one that torch.save wrote", where="weights", hint=hint)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise _unreadable(path, start, error) from None
    held = state
    for key in _INSIDE:
        if isinstance(state, dict) and isinstance(state.get(key), Mapping):
            state = state[key]
            break
    if not isinstance(state, Mapping) or not state or not all(isinstance(v, Tensor) for v in state.values()):
        what = f"the keys {', '.join(map(str, list(held)[:6]))}" if isinstance(held, Mapping) else type(held).__name__
        raise BenchError(f"{path} does not hold a state dict, but {what}", where="weights", hint=_SAVE)
    return {_own_name(str(name)): value for name, value in state.items()}


def load_weights(network: nn.Module, path: Path, name: str) -> None:
    """Put a checkpoint's weights into the network called ``name``.

    Raises:
        BenchError: they do not fit; the message says whether it is the number of classes, or another network.
    """
    weights, wanted = read_weights(path), network.state_dict()
    wrong = [key for key in wanted if key in weights and weights[key].shape != wanted[key].shape]
    lacks = [key for key in wanted if key not in weights and not key.endswith("num_batches_tracked")]
    spare = [key for key in weights if key not in wanted]
    sizes = {(len(weights[key]), len(wanted[key])) for key in wrong if weights[key].shape[1:] == wanted[key].shape[1:]}
    if wrong and not lacks and not spare and len(sizes) == 1 and all(_rows_alone(weights[k], wanted[k]) for k in wrong):
        classes, outputs = sizes.pop()
        message = f"{path} has {classes} classes, and {name} is made with {outputs}"
        raise BenchError(message, where="weights", hint=f"Use classes: {classes}")
    if wrong or lacks or spare:
        parts = [_listed("it lacks", lacks), _listed("it has more", spare), _shapes(wrong, weights, wanted)]
        problems = "; ".join(filter(None, parts))
        hint = f"Is it a checkpoint of {name}? Of your own network: FILE.py:function"
        raise BenchError(f"{path} does not fit {name}: {problems}", where="weights", hint=hint)
    network.load_state_dict(weights, strict=False)  # a counter of batches may lack: it is not used


def _rows_alone(tensor: Tensor, wanted: Tensor) -> bool:
    return tensor.shape[1:] == wanted.shape[1:] and len(tensor) != len(wanted)


def _own_name(key: str) -> str:
    for prefix in _PREFIXES * 2:
        key = key.removeprefix(prefix)
    return key


def _unreadable(path: Path, start: bytes, error: Exception) -> BenchError:
    """What torch could not read, in one line and without its colours and advice."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    kind = re.search(r"GLOBAL ([\w.]+)", text)
    if kind:
        what = f"{path} is a pickle with {kind[1]} in it, and reading it could run code"
        return BenchError(what, where="weights", hint=_SAVE)
    if start.startswith(b"PK"):
        return BenchError(f"{path} is damaged or cut short", where="weights", hint="Copy the file again")
    if start[:1] == b"\x80":
        what = f"{path} is a pickle of something else than weights alone, and reading it could run code"
        return BenchError(what, where="weights", hint=_SAVE)
    return BenchError(f"{path} is not a file that torch.save wrote", where="weights", hint=_SAVE)


def _listed(what: str, keys: list[str]) -> str:
    if not keys:
        return ""
    more = f" and {len(keys) - 2} more" if len(keys) > 2 else ""
    return f"{what} {', '.join(keys[:2])}{more}"


def _shapes(keys: list[str], weights: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    if not keys:
        return ""
    first = keys[0]
    more = f", and {len(keys) - 1} more shapes differ" if len(keys) > 1 else ""
    return f"its {first} is {tuple(weights[first].shape)}, where {tuple(wanted[first].shape)} is needed{more}"
