"""What run.json says of the rows of results.parquet: how many have which status, and why rows failed."""

from __future__ import annotations

from typing import Any

import pandas as pd

from .schema import MISSING, STATUSES


def status_counts(results: pd.DataFrame) -> dict[str, int]:
    """By status, how many rows have it; ``missing`` only where there are such rows.

    Args:
        results: results.parquet.
    """
    counts = {name: int((results["status"] == name).sum()) for name in STATUSES}
    return {name: count for name, count in counts.items() if count or name != MISSING}


def failures(results: pd.DataFrame) -> list[dict[str, Any]]:
    """Every distinct reason why rows failed, with the first sample and how many rows.

    Args:
        results: results.parquet.
    """
    failed = results[results["status"] == "failed"]
    keys = ["model", "dataset", "layer", "method", "metric", "reason"]
    groups = failed.groupby(keys, sort=False)["sample"].agg(["first", "size"]).reset_index()
    return [
        {**{key: str(row[key]) for key in keys}, "first_sample": _or_none(row["first"]), "rows": int(row["size"])}
        for _, row in groups.iterrows()
    ]


def _or_none(value: Any) -> str | None:
    return None if pd.isna(value) else str(value)
