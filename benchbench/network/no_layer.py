"""Why a network has no layer with a map: what is true of this one."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import BenchError
from .capture import eval_frozen, hook

_ITSELF = "Give the network itself; a study compiles with compile: true"
_NO_LAYER = "Methods that need no layer run: saliency, occlusion, rise"


def unwatched(network: nn.Module) -> BenchError | None:
    """The error that says why no layer of the network can be watched, with the way out; None where layers can be."""
    for module in network.modules():
        if hasattr(module, "_orig_mod"):
            message = "the network is compiled, and a compiled network's layers cannot be watched"
            return BenchError(message, hint=_ITSELF)
        if isinstance(module, torch.jit.ScriptModule):
            message = "the network is traced or scripted, and its layers cannot be watched"
            return BenchError(message, hint=f"Give the nn.Module that it was made of. {_NO_LAYER}")
    return None


def no_map(network: nn.Module, images: Tensor) -> BenchError:
    """The error that says why no layer can be chosen on ``images`` (B, C, H, W), with the way out.

    Of a network whose layers can be watched: see ``unwatched``.
    """
    shapes, runs = _outputs(network, images)
    maps = {name: shape for name, shape in shapes.items() if len(shape) == 4 and shape[2] * shape[3] > 1}
    often = [name for name in maps if runs[name] > 1]
    if often:
        message = (
            f"every layer with a spatial map runs more than once in a forward: {often[-1]} runs {runs[often[-1]]} times"
        )
        return BenchError(message, hint=f"Give a network that runs each layer once. {_NO_LAYER}")
    if maps:
        name, shape = list(maps.items())[-1]
        message = f"no layer's output has the image's proportions: that of {name} is {shape}"
        return BenchError(message, hint="Name the layers, as in layers: [" + name + "]")
    volumes = [name for name, shape in shapes.items() if len(shape) == 5]
    if volumes:
        message = f"the layers return volumes, not maps: the output of {volumes[-1]} is {shapes[volumes[-1]]}"
        return BenchError(message, hint="Layers must return (B, K, h, w)")
    return BenchError(
        "no layer of the network returns a spatial map (B, K, h, w)", hint=f"Name the layers. {_NO_LAYER}"
    )


def _outputs(network: nn.Module, images: Tensor) -> tuple[dict[str, tuple[int, ...]], Counter[str]]:
    """By module path: the shape of the output, and how often the module ran."""
    shapes: dict[str, tuple[int, ...]] = {}
    runs: Counter[str] = Counter()

    def note(name: str, _module: nn.Module, _inputs: Any, output: Any) -> None:
        runs[name] += 1
        if isinstance(output, Tensor):
            shapes[name] = tuple(output.shape)

    with ExitStack() as stack:
        for name, module in network.named_modules():
            if name:
                stack.enter_context(hook(module, partial(note, name)))
        with eval_frozen(network), torch.no_grad():
            network(images[:1])
    return shapes, runs
