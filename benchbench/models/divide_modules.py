"""The modules of a network made to run on each cell of a grid alone: the smallest for which that is right."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import activation, batchnorm, dropout

from .grid_cells import PerCell

_ALIKE = (nn.Identity, nn.Linear, nn.LayerNorm, batchnorm._BatchNorm, dropout._DropoutNd)  # each position alone
_ACTIVATIONS = tuple(
    kind
    for kind in vars(activation).values()
    if isinstance(kind, type) and issubclass(kind, nn.Module) and kind not in (nn.MultiheadAttention, nn.Module)
)
_ALIKE_NAMES = ("Permute", "StochasticDepth", "DropPath")  # torchvision's and timm's


def divide(network: nn.Module, paths: Sequence[str], cell: Tensor, grid: int, *, whole: bool = False) -> None:
    """Put each module of ``paths``, or its parts, into a ``PerCell``, in place.

    A module whose parts leave the map, as a squeeze-and-excitation block pools it to 1 x 1 and multiplies the map by
    the result, is put into one as a whole.

    Args:
        network: in eval mode.
        paths: of the modules that make the last map.
        cell: (1, channels, h, w), an image of the size of one cell.
        grid: cells a side.
        whole: whether to leave the parts as they are and put in each module of ``paths`` itself.
    """
    closed = _leave_the_map(network, cell)
    replaced: dict[int, nn.Module] = {}

    def replace_in(parent: nn.Module, name: str) -> None:
        child = getattr(parent, name)
        if isinstance(child, _ALIKE + _ACTIVATIONS) or type(child).__name__ in _ALIKE_NAMES:
            return
        if whole or id(child) in closed or not list(child.children()):
            parent._modules[name] = replaced.setdefault(id(child), PerCell(child, grid))
            return
        for part, module in child.named_children():
            if not isinstance(module, PerCell):
                replace_in(child, part)

    for path in paths:
        above, _, name = path.rpartition(".")
        replace_in(network.get_submodule(above), name)


def _leave_the_map(network: nn.Module, cell: Tensor) -> set[int]:
    """Modules from map to map of which a part takes or returns something else than a map larger than 1 x 1."""
    kept: dict[int, bool] = {}

    def note(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        kept[id(module)] = kept.get(id(module), True) and all(map(_is_map, [*inputs[:1], output]))

    with ExitStack() as stack, torch.no_grad():
        for module in network.modules():
            stack.callback(module.register_forward_hook(note).remove)
        network(cell)
    leaving = [m for m in network.modules() if any(not kept.get(id(child), True) for child in m.children())]
    return {id(module) for module in leaving if kept.get(id(module), False)}


def _is_map(value: Any) -> bool:
    return isinstance(value, Tensor) and value.ndim == 4 and value.shape[2] * value.shape[3] > 1
