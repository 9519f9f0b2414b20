"""benchbench's method at one place of a network that is audited on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from torch import Tensor

from ..attribution.method_call import run_method
from ..attribution.method_maps import captured_layer, method_maps
from ..attribution.rounding import doubted, made_of_rounding
from ..cost.ledger import Passes
from ..errors import NotApplicable
from ..network.capture import eval_frozen
from ..network.scorer import Scorer
from ..registry import METHODS
from ..seeds import sample_seeds
from ..types import INPUT
from .audit_networks import AuditNetwork
from .audit_place import AuditPlace
from .counterparts import Counterpart


def our_maps(counterpart: Counterpart, network: AuditNetwork, place: AuditPlace) -> Tensor:
    """(B, h, w), not normalised.

    Raises:
        NotApplicable: the method has no meaning there, or its map is constant but for rounding.
        BenchError: it fails.
    """
    plugin, params = _bound(counterpart)
    layer = INPUT if "input" in plugin.needs_of(params) else place.layer
    seeds = _seeds(plugin.name, layer, len(network.images))
    with eval_frozen(network.network):
        asked = (network.network, network.images, layer, lambda _: network.classes, seeds)
        captured = captured_layer(plugin, params, *asked)
        maps = run_method(plugin, doubted(captured), params)
        rounding = next(filter(None, made_of_rounding(plugin, captured, params, maps)), "")
    if rounding:
        raise NotApplicable(rounding)
    return maps.detach().float().cpu()


def our_call(counterpart: Counterpart, network: AuditNetwork, place: AuditPlace) -> tuple[Callable[[], Tensor], Passes]:
    """A call on the first image, captured for the method alone, and what its passes are counted in."""
    plugin, params = _bound(counterpart)
    passes, classes = Passes(), network.classes[:1]
    scorer = Scorer(network.network, passes=passes)
    seeds = _seeds(plugin.name, place.layer, 1)
    arguments = (plugin, params, network.network, network.images[:1], place.layer)
    return partial(method_maps, *arguments, lambda _: classes, seeds, scorer=scorer), passes


def our_label(counterpart: Counterpart) -> str:
    """The method with the parameters that are not its defaults; empty without a counterpart."""
    if not counterpart.method:
        return ""
    plugin, params = _bound(counterpart)
    return str(plugin.label(params))


def _bound(counterpart: Counterpart) -> tuple[Any, Mapping[str, Any]]:
    plugin = METHODS[counterpart.method]
    return plugin, plugin.bind(dict(counterpart.params))


def _seeds(method: str, layer: str, count: int) -> tuple[int, ...]:
    return sample_seeds(0, f"{method}/{layer}", [f"scene {i}" for i in range(count)])
