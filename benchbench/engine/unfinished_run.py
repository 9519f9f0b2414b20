"""A run that goes on, or that was killed: its record, made of the cells that are there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from ..cost.ledger import Passes
from ..errors import BenchError
from ..formatting import plural
from ..results.info_shape import refuse_other_shape
from ..results.lock_owner import owner_of
from ..results.record import Record
from ..results.run_folder import plainly
from ..results.schema import SEEDS, typed
from ..results.store import Store
from . import result_rows
from .result_rows import Tables
from .run_info import is_empty, run_info, unfinished_part
from .run_plan import RunPlan, fitting, read_plan


def made_record(folder: Path) -> Record:
    """What the cells of a run hold that has not written its tables. Nothing is written.

    Raises:
        BenchError: no shard of it is finished, or a file is not what the run wrote.
    """
    plan = read_plan(folder)
    with plainly(folder), fitting(folder):
        run_tables = result_rows.tables(plan.tasks, plan.costs, plan.study, Store(folder), {})
        info = _info(plan, run_tables, folder)
    if run_tables.lacking_shards and is_empty(run_tables):
        hint = "Wait for it, or run it again"
        message = f"none of the run's {plural(len(plan.tasks), 'shard')} is finished yet"
        raise BenchError(message, where=str(folder), hint=hint)
    with plainly(folder):
        refuse_other_shape(info)
    return _MadeRecord(
        folder,
        info,
        run_tables.results,
        run_tables.curves,
        run_tables.maps,
        run_tables.photos,
        run_tables.pooled,
    )


@dataclass(frozen=True, eq=False)
class _MadeRecord(Record):
    """A record whose tables are in no file."""

    of_all_images: pd.DataFrame

    @property
    def pooled(self) -> pd.DataFrame:
        return self.of_all_images

    @property
    def seeds(self) -> pd.DataFrame:
        return typed(pd.DataFrame(), SEEDS)


def _measurable(plan: RunPlan) -> int:
    return sum(not cell.skip for cell, _ in plan.costs)


def _info(plan: RunPlan, run_tables: Tables, folder: Path) -> dict[str, Any]:
    """run.json of what is there."""
    owner = owner_of(folder)
    at_work = str(owner) if owner is not None and not owner.dead else ""
    work = {**vars(Passes()), "cells_computed": 0, "cells_reused": 0, "batches": {}}
    late = [*run_tables.label_cautions, *run_tables.remains]
    seconds = (datetime.now(UTC) - datetime.fromisoformat(plan.started)).total_seconds()
    info = {**plan.info, "warnings": [*plan.info["warnings"], *late], "files": {}, "seconds": seconds}
    return run_info(run_tables, info, work) | unfinished_part(run_tables, len(plan.tasks), _measurable(plan), at_work)
