"""Values chosen on other images: a threshold that suits a method is picked on one half, and judged on the other."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from ..containment.plugin_watch import PluginWatch
from ..errors import BenchError
from ..failure_policy import Failure, attempt
from ..plugin_guard import contained
from ..study.plan import MetricCell, Task
from .cell_reader import CellReader

Chosen: TypeAlias = Mapping[tuple[str, str], dict[str, Any]]  # by metric cell and sample: the entry that counts
ALONE = "the threshold is chosen on the other half of the images, and that half is empty: take more images"


def held_out_entries(tasks: Sequence[Task], read: CellReader, watch: PluginWatch) -> Chosen:
    """The entries of all metrics with ``held_out``: per model, dataset, layer, method and metric over all shards."""
    groups: dict[tuple[str, ...], list[MetricCell]] = {}
    for task in tasks:
        for cell in task.metrics:
            if cell.metric.plugin.held_out is not None and not cell.maps.skip:
                place = (task.shard.model.name, task.shard.dataset_name, cell.maps.layer, cell.maps.method.label)
                groups.setdefault((*place, cell.metric.label), []).append(cell)
    return {key: entry for cells in groups.values() for key, entry in _chosen(cells, read, watch).items()}


def fold_of(sample: str) -> int:
    """0 or 1, from the sample's id alone."""
    return hashlib.sha256(sample.encode()).digest()[-1] % 2


def _chosen(cells: Sequence[MetricCell], read: CellReader, watch: PluginWatch) -> dict[tuple[str, str], dict[str, Any]]:
    pages = {cell.name: read(cell.name) for cell in cells}
    entries = [
        (name, sample, entry)
        for name, page in pages.items()
        for sample, entry in page["samples"].items()
        if entry["status"] == "ok"
    ]
    if not entries:
        return {}
    function = cells[0].metric.plugin.held_out
    assert function is not None
    x = np.array(next(page["at"] for page in pages.values() if "at" in page))
    y = np.array([entry["levels"] for _, _, entry in entries])

    def choose() -> list[float]:
        with contained(f"metric {cells[0].metric.name}"):
            values = [float(value) for value in function(x, y, np.array([fold_of(sample) for _, sample, _ in entries]))]
        if len(values) != len(entries):
            raise BenchError(f"held_out gave {len(values)} values for {len(entries)} images")
        return values

    maps = cells[0].maps
    call = partial(watch.call, f"metric {cells[0].metric.name}", f"{maps.method.label} at {maps.layer}", choose, seed=0)
    values = attempt(call, contain_memory=True)
    if isinstance(values, Failure):
        failed = {"value": None, "status": values.status, "reason": values.reason}
        return {(name, sample): failed for name, sample, _ in entries}
    return {(name, sample): _entry(entry, value) for (name, sample, entry), value in zip(entries, values, strict=True)}


def _entry(entry: dict[str, Any], value: float) -> dict[str, Any]:
    if math.isfinite(value):
        return {**entry, "value": value}
    return {"value": None, "status": "not_applicable", "reason": ALONE}
