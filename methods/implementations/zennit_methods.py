"""``zennit:COMPOSITE``: zennit's rules for relevance propagation, by the composites that it registers."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from benchbench.errors import BenchError, meant, nearest
from benchbench.registry import Parameter
from benchbench.registry.library import Library
from benchbench.types import LibraryCall

from .._sign import Sign, evidence
from .family import LibraryFamily
from .implementation import LibraryMethod, library_method
from .known_faults import ZENNIT_REFUSED
from .library_options import arguments, plain_options

ZENNIT = Library("zennit", "zennit", "zennit.composites", "zennit", "zennit", "https://github.com/chr5tphr/zennit")
_OURS = ("layer_map", "first_map", "canonizers", "zero_params")
_SIGN = Parameter("sign", Sign, "positive")
_NONE = "none"
_ATTRIBUTORS = ("Gradient", "SmoothGrad", "IntegratedGradients")  # whose defaults suffice


def classes() -> dict[str, type]:
    """Every composite that the installed version registers, by its class's name.

    Raises:
        BenchError: zennit is not installed.
    """
    return {kind.__name__: kind for kind in ZENNIT.load().COMPOSITES.values()}


def zennit_method(name: str, kind: Any) -> LibraryMethod:
    """The method ``zennit:COMPOSITE``: its attribution of the input, with the class's logit as 1 and the others as 0.

    ``canonizer``: what makes the network fit for the rules first, such as SequentialMergeBatchNorm or ResNetCanonizer;
    zennit uses none unless it is told. ``attributor``: Gradient, SmoothGrad or IntegratedGradients. ``sign``: what of
    the sum over channels is the map. Bounds of the image's values (low, high) must be given where the composite has
    them.
    """
    bounds = {
        parameter.name: Parameter(parameter.name, float)
        for parameter in inspect.signature(kind.__init__).parameters.values()
        if parameter.name in ("low", "high")
    }
    options = {
        **plain_options(kind.__init__, _OURS),
        **bounds,
        "attributor": Parameter("attributor", str, "Gradient"),
        "canonizer": Parameter("canonizer", str, _NONE),
        "sign": _SIGN,
    }

    def run(call: LibraryCall, params: Mapping[str, Any]) -> Tensor:
        return _maps(kind, call, params)

    return library_method(name, ZENNIT, kind, options, run, pixels=True)


def canonizers() -> dict[str, type]:
    """The installed version's canonizers that need no arguments, by name."""
    import zennit.canonizers
    import zennit.torchvision

    base = zennit.canonizers.Canonizer
    members = [
        *inspect.getmembers(zennit.canonizers, inspect.isclass),
        *inspect.getmembers(zennit.torchvision, inspect.isclass),
    ]
    return {
        name: kind
        for name, kind in members
        if issubclass(kind, (base, zennit.canonizers.CompositeCanonizer))
        and not inspect.isabstract(kind)
        and all(
            parameter.default is not inspect.Parameter.empty or parameter.kind is inspect.Parameter.VAR_POSITIONAL
            for parameter in inspect.signature(kind).parameters.values()
        )
    }


def _maps(kind: Any, call: LibraryCall, params: Mapping[str, Any]) -> Tensor:
    import zennit.attribution

    named = arguments(kind.__init__, params, {})
    shape = (1, call.images.shape[1], 1, 1)
    named |= {key: torch.full(shape, named[key], device=call.images.device) for key in ("low", "high") if key in named}
    chosen = [] if params["canonizer"] == _NONE else [_chosen("canonizer", params["canonizer"], canonizers())()]
    attributors = {each: getattr(zennit.attribution, each) for each in _ATTRIBUTORS}
    attributor = _chosen("attributor", params["attributor"], attributors)
    composite = kind(canonizers=chosen, **named)
    images = call.images.detach().clone().requires_grad_()

    def one_hot(logits: Tensor) -> Tensor:
        return torch.zeros_like(logits).scatter(1, call.targets[:, None], 1)

    with attributor(call.network, composite, attr_output=one_hot) as attribute:
        _, relevance = attribute(images)
    return evidence(relevance.detach(), params["sign"])


def _chosen(key: str, name: str, known: Mapping[str, type]) -> Any:
    spelled = meant(name, known)
    if len(spelled) != 1:
        raise BenchError(f"unknown {key} {name!r}", where=key, hint=nearest(name, [*known, _NONE]))
    return known[spelled[0]]


ZENNIT_FAMILY = LibraryFamily(ZENNIT, classes, lambda: ZENNIT_REFUSED, zennit_method)
ZENNIT_FAMILY.register("the composites of zennit, rules for relevance propagation")
