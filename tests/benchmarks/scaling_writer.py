"""What a shard costs the one process that writes: the bound on how many workers it serves.

The shards are of a large study (20 methods at 4 layers under 10 metrics, with maps, curves and photographs) and have
planted numbers. A pool without workers hands the pickled results to ``hand_out``, which plans, unpickles, writes packs
and logs as in a run.
"""

from __future__ import annotations

import pickle
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from benchbench.containment.plugin_watch import PluginWatch
from benchbench.cost.ledger import Ledger, Passes
from benchbench.engine.planned_work import planned_work
from benchbench.engine.progress import Silent
from benchbench.engine.stopping import StopRequest
from benchbench.engine.watch import Watch
from benchbench.engine.workers.hand_out import hand_out
from benchbench.engine.workers.order import ShardJob, ShardResult, Withdrawn, WorkerLost
from benchbench.results.run_folder import UNFINISHED
from benchbench.results.run_log import RunLog
from benchbench.results.store import Draft, Store
from benchbench.study import plan
from benchbench.study.plan import Task
from tests.engine.test_growth import Counted, planned

from .bookkeeping import LAYERS, METHODS, METRICS
from .large_run import CURVED, POINTS, photo_of

SIDES = (56, 28, 14, 7)  # of the maps of a layer, for images of 224 x 224 pixels
SHARDS = 12


@dataclass(frozen=True)
class WriterCost:
    """Of one shard: seconds of the clock and of the processor, bytes that a worker sends, and bytes in the folder."""

    shards: int
    cells: int
    seconds: float
    computing: float
    sent: int
    stored: int


class Answers:
    """A pool whose results are there already; takes them out of their pickled form."""

    room = 2
    workers = 1

    def __init__(self, results: Sequence[bytes]) -> None:
        self._results, self._jobs = results, deque[ShardJob]()

    def submit(self, job: ShardJob) -> None:
        self._jobs.append(job)

    def next(self) -> tuple[ShardJob, ShardResult | WorkerLost | Withdrawn]:
        job = self._jobs.popleft()
        result: ShardResult = pickle.loads(self._results[job.index])
        return job, result

    def withdraw(self) -> None:
        """Nobody stops it."""

    def close(self) -> None:
        """Nothing to end."""


def writer_cost(
    shards: int = SHARDS,
    methods: Sequence[str] = METHODS,
    metrics: Sequence[str] = METRICS,
    sides: Sequence[int] = SIDES,
) -> WriterCost:
    """Measured on shards of 32 images."""
    work = planned(Counted(shards * plan.SHARD), methods, metrics, LAYERS)
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        results = [pickle.dumps(_result(task, Store(folder), random, sides)) for task in work]
        store = Store(folder)
        (folder / UNFINISHED).touch()  # a run's folder has it
        watch = Watch(Silent(), RunLog(folder, print), time.perf_counter)
        network: Any = SimpleNamespace(model=work[0].shard.model, tasks=work, costs=())
        watch.plan(planned_work([network], store), Passes(), None)
        start, computing = time.perf_counter(), time.process_time()
        keep = watch.arrivals(1, store, network.model.name)
        computed = hand_out(work, Answers(results), _desk(store), keep, StopRequest(), watch.warn)
        seconds, computing = time.perf_counter() - start, time.process_time() - computing
        stored = sum(path.stat().st_size for path in (folder / "cells").iterdir())
    sent = sum(map(len, results))
    return WriterCost(
        shards, computed // shards, seconds / shards, computing / shards, sent // shards, stored // shards
    )


def _desk(store: Store) -> Any:
    """What ``hand_out`` uses of a run's."""
    passes = Passes()
    scorer = SimpleNamespace(
        watch=PluginWatch(), passes=passes, ledger=Ledger(passes, False), batch=plan.SHARD, advance=lambda _: None
    )
    return SimpleNamespace(store=store, scorer=scorer)


def _result(task: Task, store: Store, random: np.random.Generator, sides: Sequence[int]) -> ShardResult:
    """What a worker would send."""
    pack, ids = Draft(store), task.shard.ids
    answer = {"label": 1, "target": 1, "predicted": 1, "probability": 0.5, "object_share": None, "reason": ""}
    files = [f"{task.predictions}{k:02}.jpg" for k in range(len(ids))]
    for file in files:
        pack.write_photo(file, photo_of(random))
    samples = {i: {**answer, "photo": file} for i, file in zip(ids, files, strict=True)}
    pack.write_cell(task.predictions, {"samples": samples})
    health = {"cells": 49, "distinct": 40, "ties": 0.1}
    for cell in task.maps:
        side, file = sides[LAYERS.index(cell.layer)], f"{cell.name}-0.npy"
        pack.write_maps(file, random.random((len(ids), side, side), np.float32))
        entry = {"file": file, "status": "ok", "reason": "", "note": "", "health": health}
        pack.write_cell(cell.name, {"samples": {i: {**entry, "row": row} for row, i in enumerate(ids)}})
    for score in task.metrics:
        curve = {"y": random.random(POINTS).tolist()} if score.metric.name in CURVED else {}
        values = {
            i: {"value": float(v), "status": "ok", "reason": "", **curve}
            for i, v in zip(ids, random.random(len(ids)), strict=True)
        }
        pack.write_cell(score.name, {"samples": values, **({"x": np.linspace(0, 1, POINTS).tolist()} if curve else {})})
    passes = Passes()
    computed = len(task.maps) + len(task.metrics)
    nothing: frozenset[str] = frozenset()
    return ShardResult(pack.parts, pack.notes(), computed, passes, Ledger(passes, False), nothing, {}, plan.SHARD, 1.0)
