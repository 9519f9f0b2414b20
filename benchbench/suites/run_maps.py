"""The maps that a run stored, for the suites that judge them anew."""

from __future__ import annotations

from collections.abc import Collection

from ..results.record import Record
from ..results.schema import FloatArray


def run_maps(record: Record, model: str, dataset: str, layer: str, method: str) -> dict[str, FloatArray]:
    """Maps (h, w) at layer resolution, not normalised, by sample, in the order of the run; none where none was kept.

    Args:
        record: of the run.
        model, dataset, layer, method: as the run's tables call them.
    """
    rows = record.maps
    chosen = rows[
        (rows["model"] == model) & (rows["dataset"] == dataset) & (rows["layer"] == layer) & (rows["method"] == method)
    ]
    return {
        str(sample): record.map(str(file), int(row))
        for sample, file, row in zip(chosen["sample"], chosen["file"], chosen["row"], strict=True)
    }


def why_no_map(
    record: Record, model: str, dataset: str, method: str, layers: Collection[str] | None = None
) -> tuple[str, str]:
    """Status and reason of a method that has no map in the run.

    Args:
        record: of the run.
        model, dataset, method: as the run's tables call them.
        layers: where the map is missing; None for anywhere.
    """
    rows = record.results
    rows = rows[(rows["model"] == model) & (rows["dataset"] == dataset) & (rows["method"] == method)]
    rows = rows[rows["status"] != "ok"]
    if layers is not None:
        rows = rows[rows["layer"].isin(layers)]
    if rows.empty:
        return "failed", "the run has no map of it"
    return str(rows["status"].iloc[0]), str(rows["reason"].iloc[0])
