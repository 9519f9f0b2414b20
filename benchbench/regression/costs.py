"""What a baseline keeps of a method's cost: counts, memory, and time in units of a kernel timed beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..stats import is_part
from ..table import Record
from .changes import Change, Compared, Place, Tolerances

if TYPE_CHECKING:
    from .baseline import Baseline
    from .ground import Ground

TIMED, MEMORY = "ms", "MB"
COUNTED = 1e-3  # by which share a count may differ: it is kept to four digits
ALONE = "alone-b1"  # a batch's figures depend on its size, and what a study shared on what it was asked


@dataclass(frozen=True)
class Cost:
    """One measurement of one method at one place, alone and on one image.

    Attributes:
        unit: as its metric says; what is in ``ms`` was timed.
        low, high: its quartiles, of what was timed.
        reference: milliseconds of the reference kernel in the same process, of what was timed.
    """

    model: str
    dataset: str
    layer: str
    method: str
    metric: str
    unit: str
    value: float
    low: float | None = None
    high: float | None = None
    reference: float | None = None

    @property
    def key(self) -> tuple[str, ...]:
        return self.model, self.dataset, self.layer, self.method, self.metric


def costs_of(record: Record) -> Iterator[Cost]:
    """The measurements of a run that can be compared with another's: of metrics of cost that start at 0."""
    units = {m["name"]: m["unit"] for m in record.info["metrics"] if m["family"] == "cost" and m["range"][0] == 0}
    rows = record.results[record.results["sample"].isna() & (record.results["protocol"] == ALONE)]
    ok = rows[rows["status"] == "ok"]
    keys = ["model", "dataset", "layer", "method", "metric"]
    known = {tuple(map(str, key)): float(value) for *key, value in ok[[*keys, "value"]].itertuples(index=False)}
    whole = ok[~is_part(ok["metric"]) & ok["metric"].isin(list(units))]
    for key in map(tuple, whole[keys].astype(str).to_numpy()):
        parts = [known.get((*key[:-1], f"{key[-1]}.{part}")) for part in ("q1", "q3", "reference")]
        low, high, kernel = (None if one is None else _short(one) for one in parts)
        model, dataset, layer, method, metric = key
        yield Cost(model, dataset, layer, method, metric, units[metric], _short(known[key]), low, high, kernel)


def cost_changes(
    then: Baseline, now: Baseline, ground: Ground, tolerances: Tolerances
) -> tuple[list[Change], list[Compared]]:
    """What costs more or less, and what was compared.

    Times are compared in units of the reference kernel, and only between machines of one kind and number of threads.
    On a machine of the same name they must be longer in milliseconds too; on one of another name, by twice as much.
    """
    if not then.costs or not ground.images:
        return [], []
    if not now.costs:
        return [Change("note", False, "the run has no costs: none is compared")], []
    alike = all(then.device.get(key) == now.device.get(key) for key in ("kind", "threads"))
    same = then.device.get("name") == now.device.get("name")
    known = {cost.key: cost for cost in now.costs}
    changes: list[Change] = []
    compared: list[Compared] = []
    lost: dict[Place, list[str]] = {}
    for cost in then.costs:
        other, place = known.get(cost.key), Place(cost.model, cost.dataset, cost.layer, cost.method)
        if cost.method not in ground.methods or cost.key[:2] not in ground.images:
            continue
        if other is None:
            lost.setdefault(place, []).append(cost.metric)
        elif cost.unit != TIMED or (alike and cost.reference and other.reference):
            changes += _changed(cost, other, place, tolerances, same)
            compared.append(Compared("cost", place, cost.metric, ALONE))
    for place, metrics in lost.items():
        changes.append(Change("missing", True, f"its costs are not in the run: {', '.join(metrics)}", place))
    if not alike and any(cost.unit == TIMED for cost in then.costs):
        said = "times are not compared: the kind of machine or its number of threads is another"
        changes.append(Change("note", False, said))
    return changes, compared


def _changed(was: Cost, now: Cost, place: Place, tolerances: Tolerances, same: bool) -> Iterator[Change]:
    def change(said: str, more: bool) -> Change:
        return Change("cost", more, said, place, was.metric, ALONE, was.value, now.value, better=not more)

    if was.unit == TIMED:
        limit = tolerances.cost if same else 1 + 2 * (tolerances.cost - 1)
        longer, shorter = _times_as_long(was, now, same), _times_as_long(now, was, same)
        for ratio, word in ((longer, "slower"), (shorter, "faster")):
            if ratio > limit:
                said = f"{word} by {ratio - 1 if word == 'slower' else 1 - 1 / ratio:.0%}"
                yield change(f"{said}: {was.value:.4g} -> {now.value:.4g} ms", word == "slower")
    elif was.unit == MEMORY:
        limit = tolerances.memory
        if now.value > limit * was.value or now.value * limit < was.value:
            yield change(f"{was.metric} {was.value:.4g} -> {now.value:.4g} MB", now.value > was.value)
    elif abs(now.value - was.value) > COUNTED * abs(was.value):
        yield change(f"{was.value:.4g} -> {now.value:.4g} {was.unit}", now.value > was.value)


def _times_as_long(one: Cost, other: Cost, same: bool) -> float:
    """How many times as long the other takes, at the least that the figures say; 1 where their quartiles meet."""
    before, after = one.reference or 1.0, other.reference or 1.0
    if (other.low or other.value) / after <= (one.high or one.value) / before:
        return 1.0
    ratio = (other.value / after) / (one.value / before)
    return min(ratio, other.value / one.value) if same else ratio


def _short(value: float) -> float:
    return float(f"{value:.4g}")
