"""Values of a whole dataset, of counts that are summed over images before anything is divided.

No row of an image holds such a value, and no mean of rows gives it: it has a table of its own. Its interval is the
bootstrap of the value itself: images are drawn again, their counts summed, and the value taken of the sums.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from hashlib import sha256
from typing import Any

import numpy as np
import pandas as pd

from ..containment.plugin_watch import PluginWatch
from ..failure_policy import Failure, attempt
from ..plugin_guard import contained
from ..results.schema import POOLED, typed
from ..stats.resampling import CONFIDENCE, Array, draws
from ..study.plan import MetricCell, Task
from .cell_reader import CellReader

NO_COUNTS = "under this protocol the metric keeps no counts that could be pooled"
_ROWS_AT_ONCE = 250


def pooled(tasks: Sequence[Task], read: CellReader, seed: int, watch: PluginWatch) -> pd.DataFrame:
    """pooled.parquet: one row per model, dataset, layer, method and metric that has such a value, over all shards."""
    groups: dict[tuple[str, ...], list[MetricCell]] = {}
    for task in tasks:
        for cell in task.metrics:
            if cell.metric.plugin.pooled is not None:
                place = (task.shard.model.name, task.shard.dataset_name, cell.maps.layer, cell.maps.method.label)
                groups.setdefault((*place, cell.metric.name, cell.metric.protocol), []).append(cell)
    keys = ("model", "dataset", "layer", "method", "metric", "protocol")
    rows = [dict(zip(keys, key, strict=True)) | _row(cells, read, seed, watch) for key, cells in groups.items()]
    return typed(pd.DataFrame(rows), POOLED)


def _row(cells: Sequence[MetricCell], read: CellReader, seed: int, watch: PluginWatch) -> dict[str, Any]:
    none = {"n": 0, "value": math.nan, "low": math.nan, "high": math.nan, "images": "", "reason": ""}
    if cells[0].maps.skip:
        return none | {"reason": cells[0].maps.skip}
    entries = {name: e for cell in cells for name, e in read(cell.name)["samples"].items()}
    ok = {name: entries[name] for name in sorted(entries) if entries[name]["status"] == "ok"}
    if not ok or not all("levels" in entry for entry in ok.values()):
        reason = next((entry["reason"] for entry in entries.values() if entry["reason"]), "no image could be read")
        return none | {"reason": NO_COUNTS if ok else reason}
    function = cells[0].metric.plugin.pooled
    assert function is not None
    counts = np.array([entry["levels"] for entry in ok.values()], dtype=np.float64)

    def read_pool() -> tuple[float, float, float]:
        with contained(f"metric {cells[0].metric.name}"):
            return float(function(counts.sum(0, keepdims=True))[0]), *interval(function, counts, seed)

    maps = cells[0].maps
    place = f"{maps.method.label} at {maps.layer}"
    call = partial(watch.call, f"metric {cells[0].metric.name}", place, read_pool, seed)
    outcome = attempt(call, contain_memory=True)
    if isinstance(outcome, Failure):
        return none | {"reason": outcome.reason}
    value, low, high = outcome
    images = sha256("\n".join(ok).encode()).hexdigest()[:8]
    return {"n": len(ok), "value": value, "low": low, "high": high, "images": images, "reason": ""}


def interval(function: Callable[[Array], Array], counts: Array, seed: int) -> tuple[float, float]:
    """The 95 % percentile bootstrap interval over images; NaN for fewer than two.

    Args:
        function: from sums (r, S) to values (r,).
        counts: (n, S), one row per image.
    """
    if len(counts) < 2:
        return math.nan, math.nan
    values = np.concatenate([function(drawn @ counts) for drawn in _some(len(counts), seed)])
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def _some(images: int, seed: int) -> Iterator[Array]:
    for block in draws(images, seed):
        for start in range(0, len(block), _ROWS_AT_ONCE):
            yield block[start : start + _ROWS_AT_ONCE].astype(np.float64)
