"""What rows of several tables have in common: where a value belongs, and a value with its parts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..study.plan import MapCell, Shard
from ..study.spec import MetricChoice

Row = dict[str, Any]


def valued(base: Row, entry: Row) -> Iterator[Row]:
    """The row of a value, and one for each further part of it."""
    yield {**base, "value": entry["value"], "status": entry["status"], "reason": entry["reason"]}
    for part, value in entry.get("parts", {}).items():
        yield {**base, "metric": f"{base['metric']}.{part}", "value": value, "status": "ok", "reason": ""}


def place(shard: Shard, cell: MapCell) -> Row:
    return {
        "model": shard.model.name,
        "dataset": shard.dataset_name,
        "layer": cell.layer,
        "method": cell.method.label,
    }


def which(metric: MetricChoice) -> Row:
    return {"metric": metric.name, "protocol": metric.protocol}
