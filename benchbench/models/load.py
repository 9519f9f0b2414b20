"""What a study names as a network, as a ModelSpec; and digests that tell networks apart."""

from __future__ import annotations

import hashlib
import inspect
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from ..digests import class_digest
from ..errors import BenchError
from ..failure_policy import as_bench_error
from ..plugin_guard import contained
from ..registry.importing import calling
from ..types import ModelSpec
from .checkpoint import load_checkpoint
from .class_names import read_class_names

IMAGENET = 1000  # classes


def imagenet_classes() -> tuple[str, ...]:
    """The 1,000 names in ImageNet-1k's order, as torchvision has them."""
    import torchvision  # takes seconds

    return tuple(torchvision.models.ResNet18_Weights.DEFAULT.meta["categories"])


def load_model(name: str, value: Any, params: Mapping[str, Any]) -> ModelSpec:
    """A ModelSpec from what a study names: a registered function, a user's function, an nn.Module or a ModelSpec.

    A function's own parameters are given to it. The parameters ``weights``, a checkpoint, and ``classes``, a file of
    class names, work for every function, also for one that does not take them.

    Raises:
        BenchError: it is none of these, or the checkpoint or the names cannot be read or do not fit.
    """
    others: dict[str, Any] = {}
    if not isinstance(value, (nn.Module, ModelSpec)) and callable(value):
        others = {key: params[key] for key in ("weights", "classes") if key in params and not _takes(value, key)}
        params = {key: setting for key, setting in params.items() if key not in others}
        with as_bench_error(f"{name}() failed", where="models", contain_memory=True), contained(f"models: {name}()"):
            value = calling(value, **params)
    if isinstance(value, nn.Module):
        value = ModelSpec(name, value)
    if isinstance(value, ModelSpec):
        value = replace(value, name=name, classes=value.classes or _torchvision_classes(value.network))
        return _with_file(value, **others)
    raise BenchError(f"{name} is a {type(value).__name__}", where="models", hint="Give an nn.Module or a ModelSpec")


def _takes(function: Any, parameter: str) -> bool:
    try:
        known = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # a function of C
        return True
    return any(each.name == parameter or each.kind is each.VAR_KEYWORD for each in known)


def _with_file(spec: ModelSpec, *, weights: Any = None, classes: Any = None) -> ModelSpec:
    """The spec with a checkpoint's weights and the class names of a file, where these are given."""
    if weights in ("auto", "random"):
        hint = "Give a checkpoint, or let the function take weights"
        raise BenchError(f"{spec.name}() does not take weights: {weights}", where="models", hint=hint)
    if weights is not None:
        source, note = load_checkpoint(spec.network, str(weights))
        spec = replace(spec, weights=source, note=". ".join(filter(None, [spec.note, note])))
    if isinstance(classes, int):
        hint = "Give a file of class names, or let the function take classes"
        raise BenchError(f"{spec.name}() does not take classes: {classes}", where="models", hint=hint)
    return spec if classes is None else replace(spec, classes=read_class_names(str(classes)))


def _torchvision_classes(network: Any) -> tuple[str, ...]:
    """ImageNet's names for a classifier of torchvision with as many outputs; none for another network."""
    if not type(network).__module__.startswith("torchvision.models.") or not isinstance(network, nn.Module):
        return ()
    sizes = [getattr(m, "out_features", getattr(m, "out_channels", None)) for m in network.modules()]
    last = [size for size in sizes if isinstance(size, int)][-1:]
    return imagenet_classes() if last == [IMAGENET] else ()


def fingerprint(network: nn.Module, logits: Tensor | None = None) -> str:
    """A digest of the weights, of every module's buffers, plain attributes and class, and of what it answers.

    Args:
        logits: the answer to an example, of which the digest takes a coarse sketch: it tells networks apart that differ
            in something that no attribute shows, and is the same under other numbers of threads and on other machines.
    """
    digest = hashlib.sha256(repr(network).encode())
    for name, tensor in [*network.named_parameters(), *network.named_buffers()]:
        digest.update(_bytes(name, tensor))
    for name, module in network.named_modules():
        plain = {key: value for key, value in sorted(vars(module).items()) if _plain(value)}
        plain.pop("training", None)
        digest.update(f"{name}{class_digest(type(module))}{plain}".encode())
    if logits is not None:
        digest.update(str(_sketch(logits)).encode())
    return digest.hexdigest()[:16]


def _sketch(logits: Tensor) -> tuple[int, ...]:
    """The size of the logits in half octaves, and four random projections of them in half standard deviations.

    Rounding moves a number by a millionth, which crosses the border of so coarse a step once in a hundred thousand.
    """
    values = logits.detach().double().cpu().flatten()
    size = float(values.square().mean().sqrt())
    if not 0 < size < math.inf:
        return ()
    draws = torch.Generator().manual_seed(0)
    signs = torch.randint(2, (4, len(values)), generator=draws, device="cpu").double() * 2 - 1
    projections = signs @ values / (size * math.sqrt(len(values)))
    return (math.floor(2 * math.log2(size)), *(math.floor(2 * value) for value in projections.tolist()))


def answers(logits: Tensor) -> tuple[float, ...]:
    """Some of an answer's logits, at most 64, to be compared with those of the same network at another time."""
    values = logits.detach().double().cpu().flatten()
    chosen = torch.linspace(0, len(values) - 1, min(64, len(values))).round().long()
    return tuple(values[chosen].tolist())


def weights_digest(network: nn.Module) -> str:
    """A digest of the parameters and buffers alone: the same on every machine and with every version of a library."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        if isinstance(tensor, Tensor):
            digest.update(_bytes(name, tensor))
    return digest.hexdigest()[:16]


def _bytes(name: str, tensor: Tensor) -> bytes:
    """Its name, shape, type and values."""
    values = tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes()
    return f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode() + values


def _plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(_plain(v) for v in value)
    return value is None or isinstance(value, (bool, int, float, complex, str, torch.dtype))
