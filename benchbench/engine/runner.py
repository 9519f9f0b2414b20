"""A Study to a run's folder: networks are called here, or by the workers that this starts."""

from __future__ import annotations

import gc
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ..containment.hang_record import HangRecord
from ..containment.network_watch import NetworkWatch
from ..containment.plugin_watch import PluginWatch
from ..cost.allocator import keep_memory
from ..cost.ledger import Passes, User
from ..errors import BenchError
from ..network.capture import eval_frozen
from ..plugin_guard import no_exit
from ..results.lock_owner import STOP
from ..results.retries import Retries
from ..results.store import Store
from ..results.unfinished import progress_of
from ..study.extension import extended
from ..study.plan import Task
from ..study.spec import ModelChoice, StudySpec
from ..types import CostShare
from . import result_rows
from .before_run import first_info
from .dataset_maps import derive, stale_cells
from .desk import desk_of, shares_costs
from .device import deterministic_cudnn, device_of
from .input_check import input_suspicions
from .lock import locked
from .method_cost import measure_cost
from .missing_cells import missing_cells
from .model_survey import survey
from .plugin_marks import plugin_marks
from .progress import Progress, Silent
from .provenance import titles_of
from .run_errors import as_bench_errors as as_bench_errors
from .run_errors import refuse_removed
from .run_info import is_empty, run_info, table_files, unfinished_part
from .run_plan import unmark, write_plan
from .sample_loader import Loader
from .setup import LoadedModel, ModelPlan, load
from .shard import RunContext, run_shard
from .stopping import Stopped, StopRequest, stoppable, told_once
from .threads import fitting_threads
from .watch import Watch, watched
from .workers.pools import Workers, has_workers, workers_of


@dataclass
class Tally:
    """What a run did, for run.json."""

    passes: Passes = field(default_factory=Passes)
    computed: int = 0
    reused: int = 0
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)  # by model
    shares: dict[str, Mapping[User, CostShare]] = field(default_factory=dict)  # by model
    told: list[str] = field(default_factory=list)  # what plugins did besides


def run(
    study: StudySpec,
    folder: Path,
    progress: Progress | None = None,
    *,
    overwrite: bool = False,
    retry_failed: bool = False,
    take_over: bool = False,
) -> None:
    """Run whatever the folder does not yet hold, and write its tables.

    A folder is one study's. More methods, metrics or samples extend it: the folder's and the new ones are kept.

    Args:
        overwrite: the folder's results become this study's alone. What it holds of the same work is still used.
        retry_failed: also try again what failed the same way twice.
        take_over: see ``locked``.

    Raises:
        Stopped: a signal came. The shard that was worked on is finished, and the tables are written of what is there.
        BenchError: the request cannot be met (an unknown layer, a model or dataset that does not load), another run
            writes into the folder, or it holds another study's results.
    """
    shown = progress or Silent()
    with (
        stoppable() as stop,
        locked(folder, shown.warn, take_over=take_over),
        as_bench_errors(study, folder, shown),
        watched(study, folder, shown) as watch,
    ):
        store = Store(folder, Retries(retry_failed))
        damaged = store.mend()
        if damaged:
            watch.warn(f"{_counted(damaged)} in {folder}: the damaged results are recomputed")
        before = None if overwrite else store.read_info()
        whole, kept = extended(study, before, folder)
        if kept:
            watch.warn(f"{folder} already holds a study, which this study extends. Kept: {'; '.join(kept)}")
        with no_exit("code that the run calls"), fitting_threads():
            _run(whole, store, watch, before, stop)


def _counted(damaged: Sequence[str]) -> str:
    some = ", ".join([*damaged[:3], *["..."] * (len(damaged) > 3)])
    return f"{len(damaged)} damaged {'file' if len(damaged) == 1 else 'files'} ({some})"


def _run(study: StudySpec, store: Store, watch: Watch, before: Mapping[str, Any] | None, stop: StopRequest) -> None:
    start = time.perf_counter()
    device, tally = device_of(study), Tally()
    keep_memory()
    known, loaded = survey(study, store, device, watch.load)
    plans = known.plans
    info = first_info(study, known, store, before, device)
    for caution in info["warnings"]:
        watch.warn(caution)
    store.drop(stale_cells([task for plan in plans for task in plan.tasks], store))
    write_plan(store.folder, study, plans, info)
    watch.plan(known.work(store), tally.passes, None if has_workers(study) else known.unit)
    suspicions: list[str] = []
    patient = stop.patient(told_once(watch, "this shard is finished, then the tables are written"))
    with patient, stop.asked_by(store.folder / STOP):
        hangs = HangRecord(store.folder, forget=store.retries.forced, marks=plugin_marks(study, plans))
        with deterministic_cudnn(), hangs.kept() as record:
            for choice, plan in zip(study.models, plans, strict=True):
                if stop.number:
                    break
                if loaded is None:
                    loaded = watch.load(choice.label, choice.title, partial(_load_again, choice, plan, study, device))
                with eval_frozen(loaded.network):
                    suspicions += _run_model(loaded, study, store, device, tally, watch, stop, record)
                loaded = None  # before the next is loaded
        suspicions += tally.told
        seconds = time.perf_counter() - start
        write = partial(_write, study, plans, store, tally, {**info, "seconds": seconds}, suspicions, stop)
        whole = write() if stop.number else watch.tables(write)
    for caution in whole["warnings"][len(info["warnings"]) :]:
        watch.warn(caution)
    if store.retries.settled:
        watch.warn(
            f"{len(store.retries.settled)} cells failed twice in the same way and were not retried; "
            "--retry-failed retries them"
        )
    if stop.number:
        finished = progress_of(whole) or "all shards"
        raise Stopped(stop.number, f"stopped: {finished} are finished, and the tables contain them")


def _load_again(choice: ModelChoice, plan: ModelPlan, study: StudySpec, device: torch.device) -> LoadedModel:
    """The network of a plan that was made before.

    Raises:
        BenchError: it is another network now.
    """
    gc.collect()  # of the network before, whatever still refers to itself
    loaded = load(choice, study, device)
    if loaded.plan.about["state"] != plan.about["state"]:
        message = "the network has other weights each time that it is loaded, so no run of it can be repeated"
        hint = "Call torch.manual_seed in the function that builds it, or load weights"
        raise BenchError(message, where=f"models: {choice.label}", hint=hint)
    return replace(loaded, plan=plan)


def _run_model(
    loaded: LoadedModel,
    study: StudySpec,
    store: Store,
    device: torch.device,
    tally: Tally,
    watch: Watch,
    stop: StopRequest,
    record: HangRecord,
) -> list[str]:
    """Compute what the store lacks of a model's plan; answers what is suspected of its pre-processing."""
    plan, loader = loaded.plan, Loader(store, study.workers)
    ledger = watch.ledger(tally.passes, shares_costs(study))
    networks = NetworkWatch([loaded.network, loaded.prepared.network])
    calls = PluginWatch(study.time_limit, networks, record, watch.warn)
    desk = desk_of(loaded, study, store, device, loader, ledger, calls, watch.advance)
    try:
        _work_all(plan, desk, tally, watch, stop)
    finally:
        loader.close()
    suspicions = [] if stop.number else watch.check(plan.model.name, partial(input_suspicions, plan, desk))
    tally.told += [told for told in desk.scorer.watch.told() if told not in tally.told]
    tally.shares[plan.model.name] = desk.scorer.ledger.shares()
    tally.batches[plan.model.name] = {**vars(plan.sizing), "at_end": desk.scorer.batch}
    return suspicions


def _work_all(plan: ModelPlan, desk: RunContext, tally: Tally, watch: Watch, stop: StopRequest) -> None:
    with workers_of(desk.study, plan, forced=desk.store.retries.forced) as workers:
        done = _sweep(plan, desk, workers, watch, stop, 1)
        if not stop.number and any(cell.base for task in plan.tasks for cell in task.maps):
            done += derive(plan.tasks, desk.store, desk.scorer.watch) + _sweep(plan, desk, workers, watch, stop, 2)
    tally.computed += done
    if not stop.number:
        tally.reused += sum(_applicable(task) for task in plan.tasks) - done
    desk.loader.close()  # what is measured is alone
    for cell in plan.costs:
        if stop.number:
            return
        if cell.skip:
            continue
        if not desk.store.wants(cell.name):
            tally.reused += 1
            continue
        watch.cost(cell, partial(measure_cost, cell, desk))
        tally.computed += 1


def _applicable(task: Task) -> int:
    """How many cells of a task hold something, those that do not apply left out."""
    maps = sum(not cell.skip for cell in (*task.maps, *task.bases))
    return maps + sum(not cell.maps.skip for cell in task.metrics)


def _sweep(
    plan: ModelPlan, desk: RunContext, workers: Workers | None, watch: Watch, stop: StopRequest, number: int
) -> int:
    """Work on every task until a signal comes, here or by workers; how many cells that computed.

    Args:
        number: 1, or 2 for what is derived from the maps of the first time.
    """
    done = 0
    networks, data = titles_of(desk.study)
    if workers is not None:
        watch.say(f"{networks[plan.model.name]}, by workers")
        return workers.hand_out(plan.tasks, desk, watch.arrivals(number, desk.store, plan.model.name), stop, watch.warn)
    for task, following in zip(plan.tasks, [*plan.tasks[1:], None], strict=True):
        if stop.number:
            break
        refuse_removed(desk.store.folder)
        watch.say(f"{networks[plan.model.name]} on {data[task.shard.dataset_name]}")
        _ahead(task, following, desk)
        done += watch.shard(task, number, desk.store, partial(run_shard, task, desk))
    return done


def _ahead(task: Task, following: Task | None, desk: RunContext) -> None:
    """Have the next shard loaded while this one is worked on."""
    for each in filter(None, (task, following)):
        lacking = missing_cells(each, desk.store)
        if lacking.maps or lacking.metrics:
            desk.loader.begin(each.shard)


def _write(
    study: StudySpec,
    plans: Sequence[ModelPlan],
    store: Store,
    tally: Tally,
    info: Mapping[str, Any],
    suspicions: Sequence[str],
    stop: StopRequest,
) -> dict[str, Any]:
    """Write the tables and run.json, and remove the plan; returns run.json.

    Raises:
        BenchError: the folder, or results that were computed, are gone.
        Stopped: nothing was computed before a signal came.
    """
    refuse_removed(store.folder)
    tasks = [task for plan in plans for task in plan.tasks]
    costs = [(cell, plan.sizing.batch) for plan in plans for cell in plan.costs]
    run_tables = result_rows.tables(tasks, costs, study, store, tally.shares)
    part = unfinished_part(run_tables, len(tasks), sum(not cell.skip for cell, _ in costs))
    if part and not stop.number:
        raise BenchError("results of this run are gone", where=str(store.folder), hint="Run it again")
    if part and is_empty(run_tables):
        unmark(store.folder)
        raise Stopped(stop.number, "stopped before the first shard was finished")
    warnings = [*info["warnings"], *run_tables.label_cautions, *run_tables.remains, *suspicions]
    work = {
        **vars(tally.passes),
        "cells_computed": tally.computed,
        "cells_reused": tally.reused,
        "batches": tally.batches,
    }
    whole = run_info(run_tables, {**info, "warnings": warnings}, work) | part
    store.write_results(table_files(run_tables), whole)
    unmark(store.folder)
    return whole
