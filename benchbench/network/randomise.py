"""The network with some of its weights drawn anew, as a copy: Adebayo et al. 2018, arXiv:1810.03292, section 2.

A layer is a module that has parameters of its own. It is drawn anew by its ``reset_parameters()``, which is how torch's
layers begin: the network is then one that was never trained there. A module without one (an embedding of places held
as a plain parameter, torch's attention), or whose one changes nothing, has the values of each of its parameters
shuffled: their distribution stays, so that the signal keeps its scale. What is no parameter stays: the running
statistics of a batch norm are the data's, not what was learnt of the labels.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import NotApplicable
from ..failure_policy import as_bench_error
from ..seeds import derived
from ..types.views import NoisyWeights, RandomWeights
from .capture import eval_frozen, module_of


def layers_with_weights(network: nn.Module, images: Tensor) -> list[str]:
    """The paths of the modules that have parameters of their own, from the logits down to the input.

    By the order in which they begin to run on the first of the images (B, 3, H, W); a module that its parent does not
    call stands with its parent.
    """
    begun: dict[str, int] = {}

    def note(name: str, _module: nn.Module, _inputs: Any) -> None:
        begun.setdefault(name, len(begun))

    with ExitStack() as stack, eval_frozen(network), torch.no_grad():
        for name, module in network.named_modules():
            stack.enter_context(_before(module, partial(note, name)))
        network(images[:1])
    names = [name for name, module in network.named_modules() if any(True for _ in module.parameters(recurse=False))]
    return sorted(names, key=lambda name: _begun(name, begun), reverse=True)


def _before(module: nn.Module, function: Callable[..., Any]) -> ExitStack:
    stack = ExitStack()
    stack.callback(module.register_forward_pre_hook(function).remove)
    return stack


def _begun(name: str, begun: dict[str, int]) -> int:
    while name and name not in begun:
        name = name.rpartition(".")[0]
    return begun.get(name, 0)


def layers_of(view: RandomWeights, layers: Sequence[str]) -> tuple[str, ...]:
    """Which of the ``layers``, from the logits down, the view draws anew: at least one, where there is one."""
    count, end = len(layers), view.index * len(layers)
    if view.kind == "cascade":
        return tuple(layers[: -(-end // view.of)])
    first = (view.index - 1) * count // view.of
    return tuple(layers[first : max(first + 1, end // view.of)])


def randomised(network: nn.Module, layers: Sequence[str], seed: int) -> nn.Module:
    """A copy in eval mode whose ``layers`` have random weights, each from the seed and its own path alone.

    The network and the global random state are left alone.

    Raises:
        NotApplicable: the network cannot be copied.
    """
    changed = copied(network)
    for name in layers:
        _draw(module_of(changed, name), derived(f"{seed}/weights/{name}"))
    return changed


def with_noisy_weights(network: nn.Module, view: NoisyWeights, seed: int) -> nn.Module:
    """A copy in eval mode with every parameter w as w (1 + size n), n standard normal from the seed, draw and path.

    Raises:
        NotApplicable: the network cannot be copied.
    """
    changed = copied(network)
    with torch.no_grad():
        for name, parameter in changed.named_parameters():
            generator = torch.Generator().manual_seed(derived(f"{seed}/weights/noise/{view.index}/{name}"))
            drawn = torch.randn(parameter.shape, generator=generator)
            parameter.mul_(1 + view.size * drawn.to(parameter))
    return changed


def copied(network: nn.Module, purpose: str = "to give it other weights") -> nn.Module:
    """A copy in eval mode whose parameters need no gradient.

    Raises:
        NotApplicable: the network cannot be copied.
    """
    with as_bench_error(f"the network cannot be copied {purpose}", kind=NotApplicable):
        return copy.deepcopy(network).eval().requires_grad_(False)


def _draw(module: nn.Module, seed: int) -> None:
    parameters = list(module.parameters(recurse=False))
    before = [parameter.clone() for parameter in parameters]
    kept = {name: buffer.clone() for name, buffer in module.named_buffers(recurse=False)}
    reset = getattr(module, "reset_parameters", None)
    used = sorted({p.device.index or 0 for p in parameters if p.device.type == "cuda"})
    with torch.random.fork_rng(devices=used), torch.no_grad():
        torch.manual_seed(seed)
        if callable(reset):
            reset()
        for name, buffer in module.named_buffers(recurse=False):
            buffer.copy_(kept[name])
        if all(torch.equal(*pair) for pair in zip(parameters, before, strict=True)):
            for parameter in parameters:
                order = torch.randperm(parameter.numel()).to(parameter.device)
                parameter.copy_(parameter.flatten()[order].view_as(parameter))
