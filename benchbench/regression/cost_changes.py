"""Costs against those of the baseline: counts, memory, and time in units of a kernel timed beside it."""

from __future__ import annotations

import math
from collections.abc import Iterator

from .baseline import Baseline
from .changes import Change, Compared, Location, Tolerances
from .comparability import Comparability
from .extract import ALONE
from .records import CostRecord

MEMORY = "MB"
COUNTED = 1e-3  # passes are counted: what is beyond is no rounding


def cost_changes(
    then: Baseline, now: Baseline, ground: Comparability, tolerances: Tolerances
) -> tuple[list[Change], list[Compared]]:
    """What costs more or less, and what was compared.

    Times are compared in units of the reference kernel, and only between machines of one kind and number of threads.
    On a machine of the same name they must be longer in milliseconds too; on one of another name, by twice as much.
    """
    if not then.costs or not now.costs:
        return list(_none(then, now)), []
    known = {cost.key: cost for cost in now.costs}
    alike = all(then.device.get(key) == now.device.get(key) for key in ("kind", "threads"))
    same = then.device.get("name") == now.device.get("name")
    changes: list[Change] = []
    compared: list[Compared] = []
    untimed = 0
    places = {cell.key[:4] for cell in now.scores} | {cost.key[:4] for cost in now.costs}
    for was in then.costs:
        if was.method not in ground.methods or was.key[:2] not in ground.images or was.key[:4] not in places:
            continue
        cost = known.get(was.key)
        if cost is None:
            changes.append(Change("missing", True, "its cost is not in the run", _place(was), was.metric, ALONE))
        elif was.timed and not (alike and was.reference and cost.reference):
            untimed += 1
        else:
            changes += _changed(was, cost, tolerances, same)
            compared.append(Compared("cost", _place(was), was.metric, ALONE))
    if untimed:
        cause = "the kind of machine or its number of threads changed" if not alike else "no reference kernel was timed"
        changes.append(Change("note", False, f"{untimed} timings are not compared: {cause}"))
    return changes, compared


def _none(then: Baseline, now: Baseline) -> Iterator[Change]:
    if then.costs:
        alone = not then.scores  # costs are what was asked
        yield Change("missing", alone, "the run has no costs, so costs are not compared")
    if now.costs:
        yield Change("new", False, "the baseline has no costs, so costs are not compared")


def _place(cost: CostRecord) -> Location:
    return Location(cost.model, cost.dataset, cost.layer, cost.method)


def _changed(was: CostRecord, now: CostRecord, tolerances: Tolerances, same: bool) -> Iterator[Change]:
    def change(message: str, ratio: float) -> Change:
        place, more = _place(was), ratio > 1
        return Change(
            "cost", more, message, place, was.metric, ALONE, was.value, now.value, better=not more, by=ratio
        )  # fmt: skip

    if was.timed:
        limit = tolerances.cost if same else 1 + 2 * (tolerances.cost - 1)
        slower, faster = _times_as_long(was, now, same), _times_as_long(now, was, same)
        values = f"{was.value:.4g} -> {now.value:.4g} ms"
        if slower > limit:
            yield change(f"slower by {100 * (slower - 1):.0f} %: {values}", slower)
        elif faster > limit:
            yield change(f"faster by {100 * (1 - 1 / faster):.0f} %: {values}", 1 / faster)
        return
    ratio = now.value / was.value if was.value else math.inf
    least = tolerances.memory if was.unit == MEMORY else 1 + COUNTED
    if now.value > least * was.value or now.value * least < was.value:
        yield change(f"{was.value:.4g} -> {now.value:.4g} {was.unit}", ratio)


def _times_as_long(base: CostRecord, other: CostRecord, same: bool) -> float:
    """How many times as long the other takes, at the least that the figures say; 1 where their quartiles meet."""
    before, after = base.reference or 1.0, other.reference or 1.0
    if (other.low or other.value) / after <= (base.high or base.value) / before:
        return 1.0
    ratio = (other.value / after) / (base.value / before)
    return min(ratio, other.value / base.value) if same else ratio
