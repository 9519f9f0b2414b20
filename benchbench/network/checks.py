"""What a network is and what it returns, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import BenchError
from ..types import ModelSpec


def check_network(network: Any, where: str) -> nn.Module:
    """The network, or that of a ModelSpec, in float32.

    Raises:
        BenchError: it is no module, or of another type.
    """
    network = network.network if isinstance(network, ModelSpec) else network
    if not isinstance(network, nn.Module):
        hint = "Give an nn.Module that returns logits (B, C)"
        raise BenchError(f"the network is {type(network).__name__}", where=where, hint=hint)
    kinds = {p.dtype for p in network.parameters() if p.is_floating_point()} - {torch.float32}
    if kinds:
        message = f"the network's parameters are {', '.join(map(str, kinds))}, where float32 is needed"
        raise BenchError(message, where=where, hint="Give network.float()")
    return network


def check_logits(output: Any, images: Tensor) -> Tensor:
    """The network's output, if it is logits (B, C).

    Raises:
        BenchError: it is something else.
    """
    if not isinstance(output, Tensor) or output.ndim != 2 or output.shape[0] != images.shape[0]:
        kind, way = _described(output)
        raise BenchError(
            f"the network returns {kind}, where logits (B, C) are needed",
            hint=f"Return the logits from forward, or give bb.scored(network, lambda out: {way})",
        )
    return output


def _described(output: Any) -> tuple[str, str]:
    """What a network returned, and how the logits might be read off it."""
    if isinstance(output, Tensor):
        return f"a tensor of the shape {tuple(output.shape)}", "..."
    if isinstance(output, Mapping):
        names = ", ".join(map(repr, list(output)[:5]))
        return f"a {type(output).__name__} with the keys {names}", f"out[{next(iter(output), '')!r}]"
    if isinstance(output, (tuple, list)):
        return f"a {type(output).__name__} of {len(output)} values", "out[0]"
    return f"a {type(output).__name__}", "out.logits" if hasattr(output, "logits") else "..."
