"""Rows of results.parquet that are about what methods cost, measured alone or in the study."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from ..containment.plugin_watch import PluginWatch
from ..cost.ledger import User
from ..failure_policy import Failure, attempt
from ..files import Damaged
from ..plugin_guard import contained
from ..results.schema import MISSING
from ..results.store import Store
from ..results.unfinished import NOT_COMPUTED
from ..study.plan import NO_COST, CostCell, MapCell, Task, images_asked
from ..study.spec import MetricChoice, StudySpec
from ..types import Cost, CostShare, PassCount
from .row_keys import Row, place, valued, which

NOT_IN_THIS_RUN = "some maps are from an earlier run, so the shared work of the whole study was not measured"


@dataclass(frozen=True)
class MapOutcome:
    """Whether a map cell has any sound map; the status and reason of its first sample."""

    any_map: bool
    status: str
    reason: str


def cost_rows(cell: CostCell, study: StudySpec, batch: int, store: Store, watch: PluginWatch) -> Iterator[Row]:
    entry: Row = {} if cell.skip else _stored(cell, store)
    for metric in study.metrics:
        if not metric.plugin.alone or images_asked(metric, batch) != cell.images:
            continue
        base = {
            "model": cell.shard.model.name,
            "dataset": cell.shard.dataset_name,
            "layer": cell.layer,
            "method": cell.method.label,
            **which(metric),
            "sample": None,
            "label": None,
            "target": None,
        }
        if cell.skip:
            yield {**base, "value": None, "status": "not_applicable", "reason": cell.skip}
        elif entry["reason"]:
            yield {**base, "value": None, "status": entry["status"], "reason": entry["reason"]}
        else:
            yield from valued(base, _cost_entry(metric, entry["cost"], watch))


def _stored(cell: CostCell, store: Store) -> Row:
    """The cost as it was measured; of one that was not, what says so."""
    try:
        return store.read_cell(cell.name)
    except (FileNotFoundError, Damaged):
        return {"status": MISSING, "reason": NOT_COMPUTED}


def share_rows(
    tasks: Sequence[Task],
    study: StudySpec,
    shares: Mapping[str, Mapping[User, CostShare]],
    outcomes: Mapping[str, MapOutcome],
    watch: PluginWatch,
) -> Iterator[Row]:
    """What each method's maps took in this run, once for all shards of a dataset."""
    metrics = [metric for metric in study.metrics if "shared" in metric.plugin.needs]
    groups: dict[tuple[str, User], list[tuple[Task, MapCell]]] = {}
    for task in tasks if metrics else ():
        for cell in task.maps:
            user = (task.shard.dataset_name, cell.layer, cell.method.label)
            groups.setdefault((task.shard.model.name, user), []).append((task, cell))
    for (model, user), cells in groups.items():
        share, none = shares.get(model, {}).get(user), _no_share([cell for _, cell in cells], outcomes)
        for metric in metrics:
            nobody = {"sample": None, "label": None, "target": None}
            base = {**place(cells[0][0].shard, cells[0][1]), **which(metric), **nobody}
            if none or share is None:
                yield {**base, "value": None, **(none or {"status": "not_applicable", "reason": NOT_IN_THIS_RUN})}
            else:
                yield from valued(base, _read(metric, share, watch))


def map_outcome(samples: Mapping[str, Row]) -> MapOutcome:
    """What a map cell's samples come to."""
    first = next(iter(samples.values()), {"status": "ok", "reason": ""})
    return MapOutcome(any(entry["status"] == "ok" for entry in samples.values()), first["status"], first["reason"])


def _no_share(cells: Sequence[MapCell], outcomes: Mapping[str, MapOutcome]) -> Row | None:
    """Status and reason, where the method has no map at all that this network made."""
    if cells[0].skip or cells[0].base:
        return {"status": "not_applicable", "reason": cells[0].skip or NO_COST}
    maps = [outcomes[cell.name] for cell in cells]
    if any(outcome.any_map for outcome in maps):
        return None
    return next(
        ({"status": outcome.status, "reason": outcome.reason} for outcome in maps if outcome.status != "ok"), None
    )


def _cost_entry(metric: MetricChoice, cost: Row, watch: PluginWatch) -> Row:
    """A metric's reading of a stored cost, or of passes alone."""
    if "cost" not in metric.plugin.needs:
        return _read(
            metric, PassCount(**{name: cost[name] for name in ("forwards", "backwards", "rests", "images")}), watch
        )
    listed = {key: tuple(cost.get(key, ())) for key in ("seconds", "forward_seconds", "reference_seconds")}
    return _read(metric, Cost(**{**cost, **listed}), watch)


def _read(metric: MetricChoice, measured: Cost | PassCount | CostShare, watch: PluginWatch) -> Row:
    """The entry that a metric makes of what was measured."""

    def read() -> tuple[float, dict[str, float]]:
        with contained(f"metric {metric.name}"):
            scored = metric.plugin.function(measured, **metric.params)
        return float(scored.value), {key: float(part) for key, part in scored.parts.items()}

    call = partial(watch.call, f"metric {metric.name}", "costs", read, seed=0)
    outcome = attempt(call, contain_memory=True)
    if isinstance(outcome, Failure):
        return {"value": None, "status": outcome.status, "reason": outcome.reason}
    value, parts = outcome
    if not all(map(math.isfinite, [value, *parts.values()])):
        return {"value": None, "status": "failed", "reason": f"{metric.name} is not a finite number here"}
    return {"value": value, "status": "ok", "reason": "", "parts": parts}
