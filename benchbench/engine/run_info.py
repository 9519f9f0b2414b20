"""run.json of a run's tables."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from ..results.row_counts import failures, status_counts
from ..results.schema import MISSING
from ..results.unfinished import KEY
from .result_rows import Tables


def run_info(run_tables: Tables, info: Mapping[str, Any], work: Mapping[str, Any]) -> dict[str, Any]:
    """What run.json says.

    Args:
        info: what was compared, with what.
        work: what was computed, see runner.Tally.
    """
    return {
        **info,
        "datasets": [{**data, **run_tables.units.get(data["name"], {})} for data in info["datasets"]],
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "accuracy": run_tables.accuracy,
        "failures": failures(run_tables.results),
        "counts": status_counts(run_tables.results),
        "work": dict(work),
    }


def unfinished_part(run_tables: Tables, shards: int, costs: int, owner: str = "") -> dict[str, Any]:
    """How much of an unfinished run is there, for run.json; nothing of a finished one.

    Args:
        shards, costs: of the whole run. owner: the process that works on it now, in words.
    """
    if not run_tables.lacking_shards and not run_tables.lacking_costs and not run_tables.lacking_derived:
        return {}
    part = {
        "shards": shards - run_tables.lacking_shards,
        "of": shards,
        "derived": not run_tables.lacking_derived,
        "costs": costs - run_tables.lacking_costs,
        "of_costs": costs,
        "owner": owner,
    }
    return {KEY: part}


def table_files(run_tables: Tables) -> dict[str, pd.DataFrame]:
    """The tables, by file."""
    return {
        "results.parquet": run_tables.results,
        "pooled.parquet": run_tables.pooled,
        "curves.parquet": run_tables.curves,
        "maps/index.parquet": run_tables.maps,
        "photos/index.parquet": run_tables.photos,
    }


def is_empty(run_tables: Tables) -> bool:
    """Whether nothing that was computed has a row."""
    return bool(run_tables.results["status"].isin([MISSING, "not_applicable"]).all())
