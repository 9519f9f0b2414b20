"""A Study to a run's folder: the only one who calls networks."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from ..attribution.reexplain import passes_per_image
from ..cost.allocator import keep_memory
from ..cost.ledger import Ledger, Passes, User
from ..errors import BenchError
from ..failures import out_of_memory
from ..network.capture import eval_frozen
from ..network.scorer import Scorer
from ..plugin_guard import no_exit
from ..results.retries import Retries
from ..results.store import Store
from ..study.extension import extended, refuse_changed, refuse_other_answers
from ..study.plan import Task
from ..study.requests import probes_of
from ..study.spec import ModelChoice, StudySpec
from ..types import CostShare
from . import result_rows
from .data_checks import image_cautions, refuse_without_truth
from .dataset_maps import derive
from .device import deterministic_cudnn, device_of
from .input_check import input_suspicions
from .lock import locked, mark, unmark
from .method_cost import measure_cost
from .missing_cells import missing_cells
from .progress import Progress, Silent
from .provenance import data_warnings, describe, earlier, machine, titles_of
from .reference_images import ReferenceImages
from .result_rows import Tables
from .sample_loader import Loader
from .setup import LoadedModel, ModelPlan, load
from .shard import RunContext, run_shard


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
    progress = progress or Silent()
    with locked(folder, progress.warn), as_bench_errors(study, folder, progress):
        store = Store(folder, Retries(retry_failed))
        damaged = store.mend()
        if damaged:
            progress.warn(f"{_counted(damaged)} in {folder}: the damaged results are recomputed")
        before = None if overwrite else store.read_info()
        whole, kept = extended(study, before, folder)
        if kept:
            progress.warn(f"{folder} already holds a study, which this study extends. Kept: {'; '.join(kept)}")
        with no_exit("code that the run calls"):
            _run(whole, store, progress, before)


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


def _run(study: StudySpec, store: Store, progress: Progress, before: Mapping[str, Any] | None) -> None:
    start = time.perf_counter()
    device, tally = device_of(study), Tally()
    keep_memory()
    plans, loaded = _survey(study, device, progress)
    pieces = [task.shard for task in plans[0].tasks]
    cautions = [
        *refuse_without_truth(study, pieces),
        *(caution for plan in plans for caution in plan.warnings),
        *data_warnings(titles_of(study)[1], *(plan.datasets for plan in plans)),
        *image_cautions(pieces),
        *(f"{choice.title}: {choice.plugin.note}" for choice in study.methods if choice.plugin.note),
    ]
    for caution in cautions:
        progress.warn(caution)
    described = describe(study, [plan.about for plan in plans], plans[0].datasets, pieces)
    refuse_other_answers(store.read_info(), described, store.folder)
    refuse_changed(before, described, store.folder)
    suspicions: list[str] = []
    progress.start(sum(_estimate(plan, store) for plan in plans))
    mark(store.folder)
    with deterministic_cudnn():
        for choice, plan in zip(study.models, plans, strict=True):
            if loaded is None:
                progress.say(f"loading {choice.title}")
                loaded = _load_again(choice, plan, study, device)
            with eval_frozen(loaded.network):
                suspicions += _run_model(loaded, study, store, device, tally, progress)
            loaded = None  # before the next is loaded
    progress.say("writing the tables")
    costs = [(cell, plan.sizing.batch) for plan in plans for cell in plan.costs]
    run_tables = result_rows.tables([task for plan in plans for task in plan.tasks], costs, study, store, tally.shares)
    late = [*run_tables.label_cautions, *run_tables.remains, *suspicions]
    for caution in late:
        progress.warn(caution)
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
        progress.warn(
            f"{len(store.retries.settled)} cells failed twice in the same way and were not retried; "
            "--retry-failed retries them"
        )


def _survey(study: StudySpec, device: torch.device, progress: Progress) -> tuple[list[ModelPlan], LoadedModel | None]:
    """The plan of each model, and the first network, ready.

    Every network is loaded once before anything runs, so that what cannot be met is refused then. One network is in
    memory at a time: the first is loaded last, as it stays for its turn.
    """
    plans: list[ModelPlan] = []
    loaded = None
    for choice in reversed(study.models):
        progress.say(f"loading {choice.title}")
        loaded = None
        with deterministic_cudnn():
            loaded = load(choice, study, device)
        plans.insert(0, loaded.plan)
    return plans, loaded


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
    loaded: LoadedModel, study: StudySpec, store: Store, device: torch.device, tally: Tally, progress: Progress
) -> list[str]:
    """Compute what the store lacks of a model's plan; answers what is suspected of its pre-processing."""
    prepared, plan = loaded.prepared, loaded.plan
    scorer = Scorer(
        prepared.network,
        plan.sizing.batch,
        prepared.used,
        tally.passes,
        progress.advance,
        padded=prepared.compiled,
        proven=plan.model.proven,
        activation=plan.model.settings.get("score", "softmax"),
        ledger=Ledger(tally.passes, any("shared" in metric.plugin.needs for metric in study.metrics)),
    )
    loader = Loader(store, study.workers)
    desk = RunContext(study, loaded.network, store, scorer, device, loader, ReferenceImages(study.seed))
    try:
        _work_all(plan, desk, tally, progress)
    finally:
        loader.close()
    suspicions = input_suspicions(plan, desk)
    tally.shares[plan.model.name] = scorer.ledger.shares()
    tally.batches[plan.model.name] = {**vars(plan.sizing), "at_end": scorer.batch}
    return suspicions


def _work_all(plan: ModelPlan, desk: RunContext, tally: Tally, progress: Progress) -> None:
    done = _sweep(plan, desk, progress)
    if any(cell.base for task in plan.tasks for cell in task.maps):
        done += derive(plan.tasks, desk.store) + _sweep(plan, desk, progress)
    tally.computed += done
    tally.reused += sum(_applicable(task) for task in plan.tasks) - done
    desk.loader.close()  # what is measured is alone
    for cell in plan.costs:
        if cell.skip:
            continue
        if not desk.store.wants(cell.name):
            tally.reused += 1
            continue
        progress.say(f"cost of {cell.method.title} at {cell.layer}")
        measure_cost(cell, desk)
        tally.computed += 1


def _applicable(task: Task) -> int:
    """How many cells of a task hold something, those that do not apply left out."""
    maps = sum(not cell.skip for cell in (*task.maps, *task.bases))
    return maps + sum(not cell.maps.skip for cell in task.metrics)


def _sweep(plan: ModelPlan, desk: RunContext, progress: Progress) -> int:
    """Work on every task; how many cells that computed."""
    done = 0
    networks, data = titles_of(desk.study)
    for task, following in zip(plan.tasks, [*plan.tasks[1:], None], strict=True):
        progress.say(f"{networks[plan.model.name]} on {data[task.shard.dataset_name]}")
        _ahead(task, following, desk)
        done += run_shard(task, desk)
    return done


def _ahead(task: Task, following: Task | None, desk: RunContext) -> None:
    """Have the next shard loaded while this one is worked on."""
    for each in filter(None, (task, following)):
        lacking = missing_cells(each, desk.store)
        if lacking.maps or lacking.metrics:
            desk.loader.begin(each.shard)


def _estimate(plan: ModelPlan, store: Store) -> int:
    """Forwards still to do, roughly: what the progress bar counts."""
    total = 0
    for task in plan.tasks:
        lacking = missing_cells(task, store)
        scored = [cell for cell in lacking.maps if "scores" in cell.method.needs]
        per_image = sum(plan.model.channels.get(cell.layer, 0) for cell in scored)
        per_image += sum(len(probes_of(cell.metric)) for cell in lacking.metrics)
        per_image += passes_per_image(lacking.metrics, plan.model.channels)
        total += per_image * len(task.shard.indices)
    return total


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
