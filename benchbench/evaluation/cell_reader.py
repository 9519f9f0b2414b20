"""Cells read for the tables; what was not computed reads as entries that say so."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from ..files import Damaged
from ..results.schema import MISSING
from ..results.store import Store
from ..results.unfinished import NOT_COMPUTED
from ..study.plan import Task

ABSENT: dict[str, Any] = {  # an entry of a cell that is not there: of predictions, of maps or of a metric
    "label": None,
    "target": None,
    "photo": "",
    "file": "",
    "row": 0,
    "value": None,
    "status": MISSING,
    "reason": NOT_COMPUTED,
    "note": "",
    "health": {},
}


class CellReader:
    """Reads cells from the store.

    The cells of metrics that are made over all images are kept: their values are chosen or pooled first, and their rows
    are written afterwards. They are read together, shard by shard, because the cells of a shard are in one pack; those
    who choose and pool ask for one method's cells of all shards. Every other cell is read when its rows are made, and
    forgotten.

    Attributes:
        absent: the cells that were asked for and are not there.
    """

    def __init__(self, tasks: Sequence[Task], store: Store) -> None:
        plugins = [(cell.name, cell.metric.plugin) for task in tasks for cell in task.metrics]
        self._kept = {name for name, plugin in plugins if plugin.held_out is not None or plugin.pooled is not None}
        self._waits = True  # whether the kept cells are still to be read
        self._pages: dict[str, dict[str, Any]] = {}
        self._tasks, self._store = tasks, store
        self.absent: set[str] = set()

    def __call__(self, name: str) -> dict[str, Any]:
        """The cell; one that is not there, or not what was written, has ``ABSENT`` for each sample."""
        if self._waits and name in self._kept:
            self._waits = False
            cells = (cell for task in self._tasks for cell in task.metrics if not cell.maps.skip)
            self._pages = {cell.name: self._read(cell.name) for cell in cells if cell.name in self._kept}
        page = self._pages.get(name)
        return self._read(name) if page is None else page

    def _read(self, name: str) -> dict[str, Any]:
        try:
            return self._store.read_cell(name)
        except (FileNotFoundError, Damaged):
            self.absent.add(name)
            return {"samples": dict.fromkeys(self._samples[name], ABSENT)}

    @cached_property
    def _samples(self) -> dict[str, tuple[str, ...]]:
        """By cell, the ids of its samples."""
        return {
            name: task.shard.ids
            for task in self._tasks
            for name in (task.predictions, *(cell.name for cell in task.maps), *(cell.name for cell in task.metrics))
        }
