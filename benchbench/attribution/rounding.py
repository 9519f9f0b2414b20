"""Maps that are made of rounding: constant in exact arithmetic, and normalised to a confident map in float32.

HiResCAM sums gradient times activation over the channels of a cell. Where a normalisation over channels follows the
layer, the logit does not change with the scale of the cell, so that the sum is zero (Euler's theorem for functions of
degree 0). In float32, terms of size 0.5 leave 3e-7, which min-max normalisation stretches to 0 .. 1.

A map whose range is small beside the sum of its terms' sizes is doubted. It is made once more from activations and
gradients that are changed by one part in a million, which is what their rounding amounts to (Monte Carlo arithmetic:
Parker 1997, UCLA CSD-970002). A sound map hardly changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from ..errors import NotApplicable
from ..maps.normalise import minmax
from ..plugin_guard import contained
from ..registry.plugin import MethodPlugin
from ..types import Layer

STEP = 1e-6  # relative; float32 carries 1.2e-7, and a few layers of sums make about this of it
MOST = 0.05  # of the map's range
DOUBTFUL = 1e-3  # a map's range, as a share of the sum of its terms' sizes; rounding leaves about a millionth
PURE = frozenset({"activation", "gradient", "head", "mask", "input"})  # what costs no pass of the network


def made_of_rounding(plugin: MethodPlugin, layer: Layer, params: Mapping[str, Any], maps: Tensor) -> tuple[str, ...]:
    """Per image of maps (B, h, w) why its map is none, or "".

    Methods that run the network for their map are not asked: it would cost every pass once more. The methods inside
    them are, where the layer is ``doubted``.
    """
    needs = plugin.needs_of(params)
    if not needs <= PURE or not _doubtful(layer, maps, gradient="gradient" in needs).any():
        return ("",) * len(maps)
    with contained(f"method {plugin.name}"):
        again = plugin.call(shaken(layer).copied().lending(needs), params).detach().to(maps)
    change = (minmax(again.double()) - minmax(maps.double())).abs().amax((1, 2))
    sound = torch.isfinite(maps).flatten(1).all(1)
    change = torch.where(sound, change.nan_to_num(nan=torch.inf), change)  # a map that is not finite has its own reason
    reason = (
        f"the map of {plugin.name} at {layer.name!r} is constant except for rounding: its terms cancel. Activations "
        "and gradients that differ by one part in a million change the map by more than a twentieth of its range"
    )
    return tuple(reason if moved > MOST else "" for moved in change.tolist())


def doubted(layer: Layer) -> Layer:
    """The layer, on which a method that takes another method as its parameter checks that one's maps, too."""
    return replace(layer, verify=_verify)


def _doubtful(layer: Layer, maps: Tensor, *, gradient: bool) -> Tensor:
    """(B,) bool: whether the map is not constant, and its range is a small share of what is summed in it."""
    span = maps.amax((1, 2)) - maps.amin((1, 2))
    if gradient and layer.captured_gradient is not None:
        terms = (layer.activation * layer.captured_gradient).abs().sum(1).amax((1, 2))
    else:
        terms = layer.activation.abs().mean(1).amax((1, 2))
    return (span > 0) & (span < DOUBTFUL * terms)


def shaken(layer: Layer) -> Layer:
    """The layer with activation and gradient changed by up to one part in a million, the same for every image."""
    gradient = layer.captured_gradient
    return replace(
        layer,
        activation=layer.activation * _factor(layer.activation.shape[1:], layer.activation.device, 0),
        captured_gradient=None if gradient is None else gradient * _factor(gradient.shape[1:], gradient.device, 1),
        verify=None,
    )


@lru_cache(maxsize=8)
def _factor(shape: torch.Size, device: torch.device, seed: int) -> Tensor:
    draw = torch.rand(shape, generator=torch.Generator().manual_seed(seed))
    return (1 + STEP * (2 * draw - 1)).to(device)


def _verify(plugin: MethodPlugin, layer: Layer, params: Mapping[str, Any], maps: Tensor) -> None:
    reason = next(filter(None, made_of_rounding(plugin, layer, params, maps)), "")
    if reason:
        raise NotApplicable(reason)
