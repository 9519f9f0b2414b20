"""What stands between a layer and the logits where CAM is not defined, in plain words."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import activation as activations
from torch.nn.modules.conv import _ConvNd

from ...network.capture import Capture, eval_frozen, hook, module_of

_SAME = 1e-4  # of the largest value: two vectors of features are equal


def obstacle(network: nn.Module, images: Tensor, layer: str, seen: Capture) -> str:
    """Why the logits are not one linear layer on the layer's mean; empty where it is not clear.

    It is read off the modules that finish behind the layer, and off what the last linear layer is given.

    Args:
        images: (B, C, H, W).
        seen: of the layer on these images.
    """
    behind = _behind(network, images, layer)
    linears = [(module, taken) for module, taken in behind if isinstance(module, nn.Linear)]
    modules = [module for module, _ in behind]
    return (
        _mixed_again(modules, tokens=seen.layouts[layer].kind == "tokens")
        or (_no_linear(modules) if not linears else "")
        or _dense(linears, seen.activations[layer])
        or _between(modules)
        or _unseen(linears[-1][1], seen.activations[layer])
    )


def _behind(network: nn.Module, images: Tensor, layer: str) -> list[tuple[nn.Module, Tensor | None]]:
    """The modules without parts, and attentions, that finish behind the layer, with the first tensor they take."""
    done: list[tuple[nn.Module, Tensor | None]] = []
    reached: list[bool] = []

    def note(module: nn.Module, inputs: Any, _output: Any) -> None:
        if reached:
            tensors = [each for each in inputs if isinstance(each, Tensor)]
            done.append((module, tensors[0] if tensors else None))

    with ExitStack() as stack, eval_frozen(network), torch.no_grad():
        for module in network.modules():
            if not list(module.children()) or isinstance(module, nn.MultiheadAttention):
                stack.enter_context(hook(module, note))
        stack.enter_context(hook(module_of(network, layer), lambda *_: reached.append(True)))
        network(images)
    return done


def _mixed_again(modules: list[nn.Module], *, tokens: bool) -> str:
    attentions = sum(isinstance(module, nn.MultiheadAttention) for module in modules)
    convolutions = sum(isinstance(module, _ConvNd) for module in modules)
    if attentions:
        return f"it is a layer of a transformer, whose cells are mixed again: {_follow(attentions, 'attention')}"
    if convolutions:
        return f"it is not the last map: {_follow(convolutions, 'convolution')}"
    linears = sum(isinstance(module, nn.Linear) for module in modules)
    if tokens and linears > 1:
        return f"it holds a transformer's tokens: {_follow(linears, 'linear layer')}"
    return ""


def _no_linear(modules: list[nn.Module]) -> str:
    return "the network does not end in a linear layer" if modules else ""


def _dense(linears: list[tuple[nn.Linear, Tensor | None]], activation: Tensor) -> str:
    """Of a head that flattens the map, or has several linear layers."""
    flat = linears[0][0].in_features == activation[0].numel() > activation.shape[1]
    several = f"{len(linears)} linear layers follow, not one" if len(linears) > 1 else ""
    flattened = "the head flattens the map, so that each cell has weights of its own" if flat else ""
    return ", and ".join(filter(None, [flattened, several]))


def _between(modules: list[nn.Module]) -> str:
    names = [type(module).__name__ for module in modules]
    norms = [name for name in names if "Norm" in name]
    bends = [name for name in names if hasattr(activations, name)]
    pools = [name for name in names if "MaxPool" in name]
    between = list(dict.fromkeys([*norms, *bends, *pools]))
    return f"{' and '.join(between)} between the layer and the linear layer" if between else ""


def _unseen(taken: Tensor | None, activation: Tensor) -> str:
    """Of an operation that is no module, by what the linear layer is given."""
    if taken is None or taken.shape != activation.shape[:2]:
        return ""
    signed = bool((activation < 0).any())
    known = {"a ReLU between the layer and its pooling": activation.relu().mean((2, 3))} if signed else {}
    known["max pooling, not average pooling, behind it"] = activation.amax((2, 3))
    for words, expected in known.items():
        if bool((taken - expected).abs().max() <= _SAME * expected.abs().max()):
            return words
    return ""


def _follow(number: int, noun: str) -> str:
    return f"{number} {noun} follows" if number == 1 else f"{number} {noun}s follow"
