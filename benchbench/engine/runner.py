"""A Study to a run's folder: the only one who calls networks."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ..cost.allocator import keep_memory
from ..cost.ledger import Passes, User
from ..errors import BenchError
from ..failures import out_of_memory
from ..network.capture import eval_frozen
from ..network.scorer import Scorer
from ..plugin_guard import no_exit
from ..results.retries import Retries
from ..results.store import Store
from ..study.extension import extended, refuse_changed, refuse_other_answers
from ..study.plan import Task
from ..study.spec import ModelChoice, StudySpec
from ..types import CostShare
from . import result_rows
from .dataset_maps import derive
from .device import deterministic_cudnn, device_of
from .input_check import input_suspicions
from .lock import locked, mark, unmark
from .method_cost import measure_cost
from .missing_cells import missing_cells
from .model_survey import survey
from .progress import Progress, Silent
from .provenance import describe, earlier, machine, titles_of
from .result_rows import Tables
from .sample_loader import Loader
from .setup import LoadedModel, ModelPlan, load
from .shard import RunContext, run_shard
from .watch import Watch, watched


@dataclass
class Tally:
    """What a run did, for run.json."""

    passes: Passes = field(default_factory=Passes)
    computed: int = 0
    reused: int = 0
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)  # by model
    shares: dict[str, Mapping[User, CostShare]] = field(default_factory=dict)  # by model


def run(
    study: StudySpec,
    folder: Path,
    progress: Progress | None = None,
    *,
    overwrite: bool = False,
    retry_failed: bool = False,
) -> None:
    """Run whatever the folder does not yet hold, and write its tables.

    A folder is one study's. More methods, metrics or samples extend it: the folder's and the new ones are kept.

    Args:
        overwrite: the folder's results become this study's alone. What it holds of the same work is still used.
        retry_failed: also try again what failed the same way twice.

    Raises:
        BenchError: the request cannot be met (an unknown layer, a model or dataset that does not load), another run
            writes into the folder, or it holds another study's results.
    """
    shown = progress or Silent()
    with (
        locked(folder, shown.warn),
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
        with no_exit("code that the run calls"):
            _run(whole, store, watch, before)


def _counted(damaged: Sequence[str]) -> str:
    some = ", ".join([*damaged[:3], *["..."] * (len(damaged) > 3)])
    return f"{len(damaged)} damaged {'file' if len(damaged) == 1 else 'files'} ({some})"


@contextmanager
def as_bench_errors(study: StudySpec, folder: Path, progress: Progress) -> Iterator[None]:
    """What can go wrong for want of disk or memory, as a BenchError; the progress is stopped."""
    try:
        yield
    except OSError as error:
        raise BenchError(f"{type(error).__name__}: {error}", where=str(folder), hint="Finished work is kept") from error
    except Exception as error:
        if not out_of_memory(error):
            raise
        hint = "Finished work is kept. Free some memory, or give smaller images"
        raise BenchError("out of memory with a single image", where=f"device: {study.device}", hint=hint) from error
    finally:
        progress.stop()


def _run(study: StudySpec, store: Store, watch: Watch, before: Mapping[str, Any] | None) -> None:
    start = time.perf_counter()
    device, tally = device_of(study), Tally()
    keep_memory()
    known, loaded = survey(study, store, device, watch.load)
    plans, pieces, cautions = known.plans, known.shards, known.cautions(study)
    for caution in cautions:
        watch.warn(caution)
    described = describe(study, [plan.about for plan in plans], plans[0].datasets, pieces)
    refuse_other_answers(store.read_info(), described, store.folder)
    refuse_changed(before, described, store.folder)
    suspicions: list[str] = []
    mark(store.folder)
    watch.plan(known.work(store), tally.passes, known.unit)
    with deterministic_cudnn():
        for choice, plan in zip(study.models, plans, strict=True):
            if loaded is None:
                loaded = watch.load(choice.label, choice.title, partial(_load_again, choice, plan, study, device))
            with eval_frozen(loaded.network):
                suspicions += _run_model(loaded, study, store, device, tally, watch)
            loaded = None  # before the next is loaded
    all_tasks = [task for plan in plans for task in plan.tasks]
    costs = [(cell, plan.sizing.batch) for plan in plans for cell in plan.costs]
    run_tables = watch.tables(partial(result_rows.tables, all_tasks, costs, study, store, tally.shares))
    late = [*run_tables.label_cautions, *run_tables.remains, *suspicions]
    for caution in late:
        watch.warn(caution)
    described |= {
        "warnings": [*cautions, *late],
        "earlier": earlier(described, before),
        "files": dict(before["files"]) if before else {},
        "seconds": time.perf_counter() - start,
        "device": machine(device),
    }
    _write(store, run_tables, tally, described)
    unmark(store.folder)
    if store.retries.settled:
        watch.warn(
            f"{len(store.retries.settled)} cells failed twice in the same way and were not retried; "
            "--retry-failed retries them"
        )


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
    loaded: LoadedModel, study: StudySpec, store: Store, device: torch.device, tally: Tally, watch: Watch
) -> list[str]:
    """Compute what the store lacks of a model's plan; answers what is suspected of its pre-processing."""
    prepared, plan = loaded.prepared, loaded.plan
    scorer = Scorer(
        prepared.network,
        plan.sizing.batch,
        prepared.used,
        tally.passes,
        watch.advance,
        padded=prepared.compiled,
        proven=plan.model.proven,
        activation=plan.model.settings.get("score", "softmax"),
        ledger=watch.ledger(tally.passes, any("shared" in metric.plugin.needs for metric in study.metrics)),
    )
    loader = Loader(store, study.workers)
    desk = RunContext(study, loaded.network, store, scorer, device, loader)
    try:
        _work_all(plan, desk, tally, watch)
    finally:
        loader.close()
    suspicions = watch.check(plan.model.name, partial(input_suspicions, plan, desk))
    tally.shares[plan.model.name] = scorer.ledger.shares()
    tally.batches[plan.model.name] = {**vars(plan.sizing), "at_end": scorer.batch}
    return suspicions


def _work_all(plan: ModelPlan, desk: RunContext, tally: Tally, watch: Watch) -> None:
    done = _sweep(plan, desk, watch, 1)
    if any(cell.base for task in plan.tasks for cell in task.maps):
        done += derive(plan.tasks, desk.store) + _sweep(plan, desk, watch, 2)
    tally.computed += done
    tally.reused += sum(_applicable(task) for task in plan.tasks) - done
    desk.loader.close()  # what is measured is alone
    for cell in plan.costs:
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


def _sweep(plan: ModelPlan, desk: RunContext, watch: Watch, number: int) -> int:
    """Work on every task, for the first or the second time; how many cells that computed."""
    done = 0
    networks, data = titles_of(desk.study)
    for task, following in zip(plan.tasks, [*plan.tasks[1:], None], strict=True):
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


def _write(store: Store, run_tables: Tables, tally: Tally, info: Mapping[str, Any]) -> None:
    """The tables and run.json; ``info``: what run.json says besides."""
    files = {
        "results.parquet": run_tables.results,
        "pooled.parquet": run_tables.pooled,
        "curves.parquet": run_tables.curves,
        "maps/index.parquet": run_tables.maps,
        "photos/index.parquet": run_tables.photos,
    }
    status = run_tables.results["status"]
    whole = {
        **info,
        "datasets": [{**data, **run_tables.units.get(data["name"], {})} for data in info["datasets"]],
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "accuracy": run_tables.accuracy,
        "failures": result_rows.failures(run_tables.results),
        "counts": {s: int((status == s).sum()) for s in ("ok", "failed", "not_applicable")},
        "work": {
            **vars(tally.passes),
            "cells_computed": tally.computed,
            "cells_reused": tally.reused,
            "batches": tally.batches,
        },
    }
    store.write_results(files, whole)
