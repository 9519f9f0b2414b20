"""A network with another forward, whose modules are shared and keep their names."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import BenchError


def with_forward(
    network: nn.Module, name: str, call: Callable[[Callable[[Any], Any], Tensor], Any], **attributes: Any
) -> nn.Module:
    """The network with ``call(its forward, images)`` as its forward; modules are shared, and keep their names.

    ``attributes``: of the class that is made, which copies of the network share.

    Raises:
        BenchError: it is compiled or scripted, and its forward is no method that could be called in another's.
    """
    kind, instance_forward = type(network), vars(network).get("forward")
    if isinstance(network, torch.jit.ScriptModule) or hasattr(network, "_orig_mod"):
        raise BenchError(
            f"the network is {kind.__name__}, whose forward cannot be changed",
            where=name.lower(),
            hint="Give the network itself; a study compiles with compile: true",
        )

    def forward(self: nn.Module, images: Tensor) -> Any:
        return call(instance_forward or partial(kind.forward, self), images)

    changed = copy.copy(network)
    vars(changed).pop("forward", None)  # of the instance: it would hide the class's
    members = {"forward": forward, "__module__": kind.__module__, **attributes}
    changed.__class__ = type(f"{name}{kind.__name__}", (kind,), members)
    return changed
