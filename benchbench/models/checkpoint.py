"""The weights in a checkpoint, put into a network: what was taken, what does not fit. Prefixes: ``weights_fit``."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import BenchError
from ..formatting import join_words, plural
from ..paths import expanded
from .checkpoint_file import AVERAGED, INSIDE, SAVE, read_file
from .weights_fit import WeightsFit, fit_weights, mismatch

_SMALL = 100_000_000  # bytes that tensors may have beyond ten times their file: expanded buffers


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A state dict that a file holds.

    Attributes:
        place: the keys that lead to it, such as ``state_dict``; empty where the file is the state dict.
        others: where the file holds other state dicts, which are left out.
        unread: keys of averaged weights that stand there in a form that cannot be read.
    """

    path: Path
    weights: Mapping[str, Tensor]
    place: str = ""
    others: tuple[str, ...] = field(default=())
    unread: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """Where the weights come from, in words: ``checkpoint best.ckpt (state_dict)``."""
        return f"checkpoint {self.path.name}" + (f" ({self.place})" if self.place else "")


def load_weights(network: nn.Module, path: str | Path) -> nn.Module:
    """Put a checkpoint's weights into a network, read without running any code in the file.

    The file may be a state dict, a training checkpoint (Lightning's, timm's, or a dictionary with ``state_dict``,
    ``model``, ``model_state_dict`` or ``ema``), or safetensors. What wrappers put in front of the names, such as
    ``module.`` or ``model.``, is removed where the network's own names lack it. Of averaged weights and others the
    averaged ones are taken.

    Args:
        network: any module; its parameters and buffers are overwritten.
        path: of the file; ``~`` is the home folder.

    Returns:
        The network itself.

    Raises:
        BenchError: the file holds no weights, or weights that do not fit; the message names what lacks, what is left
            over, and the nearest architecture that benchbench knows by name.

    Example:
        >>> torch.save({"state_dict": {f"module.{k}": v for k, v in network.state_dict().items()}}, "mine.ckpt")
        >>> network = bb.load_weights(network, "mine.ckpt")
    """
    load_checkpoint(network, path)
    return network


def load_checkpoint(network: nn.Module, path: str | Path) -> tuple[str, str]:
    """Put a checkpoint's weights into a network that was not built by name.

    Returns:
        Where the weights come from, and what ``install`` says of them.

    Raises:
        BenchError: as ``load_weights``.
    """
    checkpoint = read_checkpoint(expanded(path))
    fit = fit_checkpoint(checkpoint, network)
    remedy = f"Build the network with {fit.classes[0]} classes" if fit.classes else ""
    return checkpoint.source, install(network, checkpoint, type(network).__name__, fit, remedy)


def read_checkpoint(path: Path) -> Checkpoint:
    """The state dict in a file.

    Raises:
        BenchError: there is no such file, or it holds something else; the message says what.
    """
    if not path.is_file():
        raise BenchError(f"no checkpoint {str(path)!r}", where="weights", hint="Give a path, auto, or random")
    held = read_file(path)
    states = {place: state for place, state in _state_dicts(held) if state}
    if not states:
        what = f"the keys {', '.join(map(str, list(held)[:6]))}" if isinstance(held, Mapping) else type(held).__name__
        raise BenchError(f"{path} does not hold a state dict, but {what}", where="weights", hint=SAVE)
    first, *others = sorted(states, key=_rank)
    _refuse_unheld(path, states[first])
    if _rank(first)[0] == len(INSIDE) and others:
        listed = join_words(states)
        hint = "Save the state_dict() of the one you mean"
        raise BenchError(f"{path} holds several state dicts: {listed}", where="weights", hint=hint)
    kept = tuple(place for place in others if _rank(place)[0] < len(INSIDE))
    return Checkpoint(path, states[first], first, kept, _unread(held, states))


def _refuse_unheld(path: Path, weights: Mapping[str, Tensor]) -> None:
    """Raises BenchError of tensors whose numbers the file does not hold, or that no network has as weights."""
    for name, tensor in weights.items():
        kind = "on the device meta" if tensor.is_meta else "sparse" if tensor.layout != torch.strided else ""
        kind = kind or ("complex" if tensor.is_complex() else "")
        if kind:
            raise BenchError(f"the tensor {name} of {path} is {kind}", where="weights", hint=SAVE)
    size = sum(tensor.numel() * tensor.element_size() for tensor in weights.values())
    if size > 10 * path.stat().st_size + _SMALL:
        message = f"the tensors of {path} have {size:,} bytes, of which the file holds {path.stat().st_size:,}"
        raise BenchError(message, where="weights", hint=f"Save them as they are, not expanded. {SAVE}")


def _state_dicts(held: Any, place: str = "") -> list[tuple[str, dict[str, Tensor]]]:
    """Every mapping of names to tensors, with its place: the value itself, or in it, or one level deeper."""
    if not isinstance(held, Mapping):
        return []
    tensors = {name: value for name, value in held.items() if not str(name).endswith("_extra_state")}
    if _is_state_dict(tensors):
        return [(place, {name: value for name, value in tensors.items() if isinstance(value, Tensor)})]
    if place.count(".") > 0:
        return []
    inner = ((f"{place}.{key}" if place else str(key), value) for key, value in held.items())
    return [each for key, value in inner if not key.startswith("optim") for each in _state_dicts(value, key)]


def _is_state_dict(held: Mapping[Any, Any]) -> bool:
    """Whether these are names with tensors; among more tensors there may be numbers, as the decay of an average."""
    if not held or not all(isinstance(name, str) for name in held):
        return False
    tensors = [name for name, value in held.items() if isinstance(value, Tensor)]
    numbers = sum(isinstance(value, (int, float)) for value in held.values())
    mixed = len(tensors) > numbers and any("." in name for name in tensors)
    return len(held) == len(tensors) + numbers and (mixed or not numbers)


def _unread(held: Any, places: Collection[str]) -> tuple[str, ...]:
    """The keys of averaged weights whose value is filled, and is neither a state dict nor holds one."""
    known = {place.partition(".")[0] for place in places}
    filled = {key for key, value in held.items() if isinstance(value, (Mapping, list, tuple)) and value}
    return tuple(key for key in AVERAGED if key in filled - known)


def _rank(place: str) -> tuple[int, int, str]:
    """Known places before others, those of averaged weights first."""
    top, _, below = place.partition(".")
    return (INSIDE.index(top) if top in INSIDE else len(INSIDE) if place else -1), len(below), place


def install(network: nn.Module, checkpoint: Checkpoint, name: str, fit: WeightsFit, remedy: str = "") -> str:
    """Put the weights into the network called ``name``.

    Args:
        remedy: what to do where the number of classes differs, for a network that is not built by name.

    Returns:
        What was removed and left out, in a sentence for the report; empty where the file is the network's own.

    Raises:
        BenchError: they do not fit; the message says whether it is the number of classes, or another network.
    """
    if fit.classes is not None:
        classes, outputs = fit.classes
        message = f"{checkpoint.path} has {classes} classes, and {name} is made with {outputs}"
        raise BenchError(message, where="weights", hint=remedy or f"Use classes: {classes}")
    if not fit.fits:
        message = f"{checkpoint.path} does not fit {name}: {mismatch(fit, network)}"
        nearest = _nearest(checkpoint, name, fit.share)
        advice = "Of your own network: FILE.py:function, with bb.load_weights"
        raise BenchError(message, where="weights", hint=f"{nearest or f'Is it a checkpoint of {name}?'} {advice}")
    _put(network, fit.weights)
    return _note(checkpoint, fit)


def _put(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Put weights with today's names into the network; a counter of batches may lack: it is not used.

    The versions that the network's modules write beside their names go along: MNASNet refuses weights without.
    """
    state: Any = OrderedDict(weights)
    versions = getattr(network.state_dict(), "_metadata", None)
    if versions is not None:
        state._metadata = versions
    network.load_state_dict(state, strict=False)


def _nearest(checkpoint: Checkpoint, name: str, share: float) -> str:
    from .nearest_network import nearest_network  # imports torchvision

    return nearest_network(checkpoint.weights, name, share)


def fit_checkpoint(checkpoint: Checkpoint, network: nn.Module) -> WeightsFit:
    """The fit of a checkpoint's weights, whose errors name the file.

    Raises:
        BenchError: the weights are of two networks that fit alike.
    """
    try:
        return fit_weights(checkpoint.weights, network)
    except BenchError as error:
        raise BenchError(f"{checkpoint.path}: {error.what}", where=error.where, hint=error.hint) from None


def _note(checkpoint: Checkpoint, fit: WeightsFit) -> str:
    parts = []
    if fit.prefix:
        parts.append(f"the prefix {fit.prefix} of the checkpoint's names was removed")
    if fit.outside:
        some = ", ".join([*fit.outside[:3], *["..."] * (len(fit.outside) > 3)])
        parts.append(f"{plural(len(fit.outside), 'tensor')} outside the network left out ({some})")
    if checkpoint.others:
        parts.append(f"of several state dicts {checkpoint.place} was taken, and not {join_words(checkpoint.others)}")
    if checkpoint.unread:
        parts.append(f"{join_words(checkpoint.unread)} of the checkpoint cannot be read as weights, and was left out")
    text = "; ".join(parts)
    return text[:1].upper() + text[1:]
