"""One method of a library, measured beside ours at every place."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

from ..containment.returned_maps import checked_maps
from ..failure_policy import Failure, attempt
from ..plugin_guard import no_exit, seeded
from ..registry import METHODS
from ..results.audit_rows import AuditCost, AuditedPlace, AuditRow
from .audit_costs import library_cost, our_cost
from .audit_networks import AuditNetwork
from .audit_place import AuditPlace
from .audited_library import AuditedMethod
from .behaviour import behaviour_of
from .map_differences import all_constant, difference, finite_maps
from .method_verdicts import Measured, agrees, findings_of, not_compared, verdict_of
from .our_method import our_call, our_label, our_maps
from .state_left import state_left


def audit_method(method: AuditedMethod, networks: Sequence[AuditNetwork]) -> AuditRow:
    """The row of a method: compared at every layer; batch and repetition at the deepest of each network.

    State and cost are of the first network on which the method runs. A method that cannot be called has its name alone.
    """
    counterpart = method.counterpart
    if method.run is None:
        return AuditRow(method.name, our_label(counterpart), _not_run(method), note=method.fault or counterpart.note)
    measured, first = Measured(), None
    for network in networks:
        before = len(measured.compared) + len(measured.behaviour)
        measured = _on_network(method, network, measured)
        if first is None and len(measured.compared) + len(measured.behaviour) > before:
            first = network
    cost, ours = (None, None) if first is None else _costs(method, first)
    if first is not None:
        measured = replace(measured, left=_left(method, first))
    findings = findings_of(measured, method)
    return AuditRow(
        method.label,
        our_label(counterpart),
        verdict_of(measured, findings, method),
        findings,
        measured.difference,
        measured.correlation,
        max((each.alone for each in measured.behaviour), default=None),
        max((each.permuted for each in measured.behaviour), default=None),
        max((each.repeated for each in measured.behaviour), default=None),
        cost,
        ours,
        counterpart.note or ("" if counterpart.cause else method.fault),
        agrees(measured, method),
        (*measured.compared, *measured.refused, *_of_ours(measured)),
    )


def _not_run(method: AuditedMethod) -> str:
    return "not run" if method.counterpart.method else f"{not_compared(method)}; not run"


def _on_network(method: AuditedMethod, network: AuditNetwork, measured: Measured) -> Measured:
    for place in network.places:
        ours = attempt(partial(_ours, method, network, place), contain_memory=True)
        theirs = attempt(partial(_theirs, method, network, place), contain_memory=True)
        measured = _noted(measured, method, place, theirs, ours, network)
        if not isinstance(theirs, Failure) and place is network.places[-1]:
            explain = partial(_explain, method, network.fresh(), place)
            repeated = attempt(partial(behaviour_of, explain, network.images, network.classes), contain_memory=True)
            if isinstance(repeated, Failure):
                refused = AuditedPlace(place.network, place.layer, reason=repeated.reason)
                measured = replace(measured, refused=(*measured.refused, refused))
            else:
                measured = replace(measured, behaviour=(*measured.behaviour, repeated))
    return measured


def _noted(
    measured: Measured,
    method: AuditedMethod,
    place: AuditPlace,
    theirs: Tensor | Failure,
    ours: Tensor | Failure | None,
    network: AuditNetwork,
) -> Measured:
    """With the comparison of one place, or why there is none. Where ours does not apply the library's may fail."""
    measured = _with_ours(measured, place, ours, runs=not isinstance(theirs, Failure))
    if isinstance(theirs, Failure):
        if isinstance(ours, Failure) and ours.status == "not_applicable":
            return measured
        refused = AuditedPlace(place.network, place.layer, reason=theirs.reason)
        return replace(measured, refused=(*measured.refused, refused))
    if ours is None or isinstance(ours, Failure):
        return measured
    apart = difference(theirs, ours, _size(network))
    row = AuditedPlace(place.network, place.layer, apart.largest, apart.correlation)
    live = not (all_constant(theirs) and all_constant(ours))
    differs = apart.largest > method.counterpart.bound
    proofs = (_proof(method, network, place, theirs),) if differs and method.counterpart.formula else ()
    return replace(
        measured,
        compared=(*measured.compared, row),
        proofs=(*measured.proofs, *proofs),
        either_sign=max(measured.either_sign, apart.either_sign),
        live=live or (measured.live and bool(measured.compared)),
    )


def _with_ours(measured: Measured, place: AuditPlace, ours: Tensor | Failure | None, *, runs: bool) -> Measured:
    """With the reason why benchbench's method gave no maps at a place.

    Args:
        runs: whether the library's method gave maps there.
    """
    if not isinstance(ours, Failure):
        return measured
    row = AuditedPlace(place.network, place.layer, reason=ours.reason)
    if ours.status != "not_applicable":
        return replace(measured, broken=(*measured.broken, row))
    return replace(measured, inapplicable=(*measured.inapplicable, row)) if runs else measured


def _of_ours(measured: Measured) -> Iterator[AuditedPlace]:
    """The places without a comparison because of benchbench's method, whose reasons say so."""
    for each in measured.broken:
        yield replace(each, reason=f"benchbench's method fails: {each.reason}")
    for each in measured.inapplicable:
        yield replace(each, reason=f"benchbench's method does not apply: {each.reason}")


def _proof(method: AuditedMethod, network: AuditNetwork, place: AuditPlace, theirs: Tensor) -> float:
    """How far the library's known formula is from its maps; infinite where the formula fails."""
    formula = method.counterpart.formula
    assert formula is not None, "asked by who calls"
    work = partial(formula, network.fresh(), place, network.images.clone(), network.classes.clone())
    maps = attempt(work, contain_memory=True)
    return math.inf if isinstance(maps, Failure) else difference(theirs, maps.cpu(), _size(network)).largest


def _size(network: AuditNetwork) -> tuple[int, int]:
    return network.images.shape[2], network.images.shape[3]


def _ours(method: AuditedMethod, network: AuditNetwork, place: AuditPlace) -> Tensor | None:
    return our_maps(method.counterpart, network, place) if method.counterpart.method else None


def _theirs(method: AuditedMethod, network: AuditNetwork, place: AuditPlace) -> Tensor:
    with seeded(0):
        return _explain(method, network.fresh(), place, network.images.clone(), network.classes.clone())


def _explain(method: AuditedMethod, network: nn.Module, place: AuditPlace, images: Tensor, classes: Tensor) -> Tensor:
    """The library's maps (B, h, w), checked."""
    assert method.run is not None, "audit_method asks"
    with no_exit(method.name), _quiet():
        if not method.counterpart.one_class:
            return _checked(method.run(network, place, images, classes), len(images))
        each = [method.run(network, place, images[i : i + 1], classes[i : i + 1]) for i in range(len(images))]
        return _checked(torch.cat(each), len(images))


def _checked(maps: object, count: int) -> Tensor:
    return finite_maps(checked_maps(maps, count, "the library"))


@contextmanager
def _quiet() -> Iterator[None]:
    """What the library warns of and logs is not shown: the audit calls it dozens of times."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


def _left(method: AuditedMethod, network: AuditNetwork) -> tuple[str, ...]:
    place = network.places[-1]

    def work(spoiled: nn.Module, images: Tensor) -> object:
        return _explain(method, spoiled, place, images, network.classes.clone())

    left = attempt(partial(state_left, work, network.fresh(), network.images), contain_memory=True)
    return (f"fails on a network that is being trained ({left.reason})",) if isinstance(left, Failure) else left


def _costs(method: AuditedMethod, network: AuditNetwork) -> tuple[AuditCost | None, AuditCost | None]:
    place = network.places[-1]

    def explain(spoiled: nn.Module, image: Tensor, target: Tensor) -> Tensor:
        return _explain(method, spoiled, place, image, target)

    arguments = (explain, network.fresh(), network.images[:1], network.classes[:1])
    theirs = attempt(partial(library_cost, *arguments), contain_memory=True)
    ours: AuditCost | Failure | None = None
    if method.counterpart.method:
        call, passes = our_call(method.counterpart, network, place)
        ours = attempt(partial(our_cost, call, passes), contain_memory=True)
    return _known(theirs), _known(ours)


def _known(cost: AuditCost | Failure | None) -> AuditCost | None:
    return None if isinstance(cost, Failure) else cost


def only_ours(methods: Sequence[AuditedMethod]) -> tuple[str, ...]:
    """benchbench's methods, without controls, that are no counterpart of the library's."""
    theirs = {name for method in methods for name in (method.counterpart.method, method.counterpart.apart)}
    return tuple(name for name, plugin in METHODS.load().items() if not plugin.control and name not in theirs)
