"""A run that has not computed everything: how much of it is there, in run.json and in words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import BenchError
from ..formatting import plural

KEY = "unfinished"  # of run.json; absent in a finished run
NOT_COMPUTED = "not computed: the run is not finished"


def progress_of(info: Mapping[str, Any]) -> str:
    """``312 of 1,563 shards``, with the costs that are not measured; empty for a finished run.

    Args:
        info: run.json.
    """
    known = info.get(KEY)
    if not known:
        return ""
    parts = [f"{known['shards']:,} of {plural(known['of'], 'shard')}"]
    if known["shards"] == known["of"] and not known["derived"]:
        parts.append("without the maps of whole data sets")
    if known["costs"] < known["of_costs"]:
        parts.append(f"{known['costs']:,} of {plural(known['of_costs'], 'cost')}")
    return ", ".join(parts)


def caution_of(info: Mapping[str, Any]) -> str:
    """What a reader of an unfinished run's numbers has to know, in two sentences; empty for a finished run.

    Args:
        info: run.json.
    """
    progress = progress_of(info)
    if not progress:
        return ""
    now = f" The run goes on: {info[KEY]['owner']}." if info[KEY].get("owner") else ""
    return f"Unfinished run: {progress}. Every number is of these alone, and will change.{now}"


def refuse_unfinished_part(folder: Path, info: Mapping[str, Any]) -> None:
    """Raises BenchError where a run has not computed everything.

    Args:
        info: run.json.
    """
    progress = progress_of(info)
    if progress:
        raise BenchError(f"the run is not finished: {progress}", where=str(folder), hint="Run it again to continue")
