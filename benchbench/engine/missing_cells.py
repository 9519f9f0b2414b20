"""Which cells of a task are still to be computed: what resuming asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..results.store import Store
from ..study.plan import MapCell, MetricCell, Task


@dataclass(frozen=True, eq=False)
class MissingCells:
    """The cells of a task that are to be computed."""

    maps: list[MapCell]
    metrics: list[MetricCell]


def missing_cells(task: Task, store: Store) -> MissingCells:
    """The cells that the store lacks, of those that apply.

    So is a cell that failed and is to be tried again, a metric of maps that failed, and, where an image failed, every
    cell of its shard. Not the maps that are derived from others, nor their metrics before these are there.
    """
    whole = store.due(task.predictions)
    lacking = [c for c in drawn(task) if whole or store.wants(c.name)]
    renewed = {cell.name for cell in lacking}
    applicable = [cell for cell in task.metrics if not cell.maps.skip]
    metrics = [
        c for c in applicable if whole or store.wants(c.name) or (c.maps.name in renewed and _failed(c.name, store))
    ]
    ready = [cell for cell in metrics if not cell.maps.base or store.holds_maps(cell.maps.name)]
    return MissingCells(lacking, ready)


def _failed(name: str, store: Store) -> bool:
    cell = store.outcome(name)
    return cell is not None and bool(cell.reasons)


def drawn(task: Task) -> list[MapCell]:
    """The cells whose maps the network makes, not those that do not apply or are derived from others."""
    return [cell for cell in (*task.bases, *task.maps) if not cell.skip and not cell.base]


def needs_work(task: Task, store: Store) -> bool:
    """Whether a task lacks anything."""
    return not is_complete(task, missing_cells(task, store), store)


def stored_predictions(task: Task, store: Store) -> dict[str, Any] | None:
    """The cell of predictions; None where it is to be computed."""
    return None if store.wants(task.predictions) else store.read_cell(task.predictions)


def is_complete(task: Task, lacking: MissingCells, store: Store) -> bool:
    """Whether a task lacks nothing, photographs included; no cell is read."""
    if lacking.maps or lacking.metrics or store.wants(task.predictions):
        return False
    return store.has_photos(task.predictions)
