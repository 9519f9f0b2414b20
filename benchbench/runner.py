"""A Study to a run's folder: the only one who calls networks."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from . import assemble
from .again import passes_per_image
from .allocator import keep_memory, out_of_memory
from .capture import quiet
from .containing import no_exit
from .continuing import extended, refuse_changed
from .costing import measure_cost
from .derived import derive
from .errors import BenchError
from .judge import probes_of
from .loading import Loader
from .lock import locked, mark, unmark
from .plan import Task
from .pooled import pooled
from .preflight import image_cautions, refuse_without_masks
from .progress import Progress, Silent
from .provenance import data_warnings, describe, earlier, machine, warnings
from .ready import aimed, device_of, ready_spec
from .retries import Retries
from .scoring import Passes, Scorer
from .setup import Loaded, load_or_say
from .sharing import Ledger, User
from .store import Store
from .study import Study
from .types import Share
from .work import Desk, missing, work


@dataclass
class Tally:
    """What a run did, for run.json."""

    passes: Passes = field(default_factory=Passes)
    computed: int = 0
    reused: int = 0
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)  # by model
    shares: dict[str, Mapping[User, Share]] = field(default_factory=dict)  # by model


def run(
    study: Study,
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
    with locked(folder, progress.warn), plainly(study, folder, progress):
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
def plainly(study: Study, folder: Path, progress: Progress) -> Iterator[None]:
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


def _run(study: Study, store: Store, progress: Progress, before: Mapping[str, Any] | None) -> None:
    start = time.perf_counter()
    device, tally = device_of(study), Tally()
    keep_memory()
    loaded = []
    for choice in study.models:
        progress.say(f"loading {choice.label}")
        with exact():
            loaded.append(load_or_say(aimed(ready_spec(choice, device), study), study, device))
    pieces = [task.shard for task in loaded[0].tasks]
    refuse_without_masks(study, pieces)
    cautions, first = image_cautions(pieces), data_warnings(loaded[0].datasets)
    for said in [*(said for one in loaded for said in warnings(one.model, one.prepared)), *first, *cautions]:
        progress.warn(said)
    described = describe(
        study, [(one.model, one.prepared) for one in loaded], loaded[0].datasets, [t.shard for t in loaded[0].tasks]
    )
    refuse_changed(before, described, store.folder)
    progress.start(sum(_estimate(one, store) for one in loaded))
    mark(store.folder)
    with exact():
        for one in loaded:
            with quiet(one.model.spec.network):
                _run_model(one, study, store, device, tally, progress)
    progress.say("writing the tables")
    labels = assemble.label_cautions([task for one in loaded for task in one.tasks], store)
    for said in labels:
        progress.warn(said)
    described |= {
        "warnings": [*described["warnings"], *cautions, *labels],
        "earlier": earlier(described, before),
        "files": dict(before["files"]) if before else {},
    }
    _write(study, store, loaded, device, tally, time.perf_counter() - start, described)
    unmark(store.folder)
    if store.retries.settled:
        progress.warn(
            f"{len(store.retries.settled)} cells failed twice in the same way and were not retried; "
            "--retry-failed retries them"
        )


def exact() -> AbstractContextManager[None]:
    """cuDNN in full float32, by the same algorithm each time: TF32 would differ by more than 1e-4."""
    context: AbstractContextManager[None] = torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    )
    return context


def _run_model(one: Loaded, study: Study, store: Store, device: torch.device, tally: Tally, progress: Progress) -> None:
    prepared = one.prepared
    scorer = Scorer(
        prepared.network,
        one.sizing.batch,
        prepared.used,
        tally.passes,
        progress.advance,
        padded=prepared.compiled,
        proven=one.model.proven,
        activation=study.score,
        ledger=Ledger(tally.passes, any("shared" in metric.plugin.needs for metric in study.metrics)),
    )
    loader = Loader(store, study.workers)
    try:
        _work_all(one, Desk(study, store, scorer, device, loader), tally, progress)
    finally:
        loader.close()
    tally.shares[one.model.spec.name] = scorer.ledger.shares()
    tally.batches[one.model.spec.name] = {**vars(one.sizing), "at_end": scorer.batch}


def _work_all(one: Loaded, desk: Desk, tally: Tally, progress: Progress) -> None:
    done = _sweep(one, desk, progress)
    if any(cell.base for task in one.tasks for cell in task.maps):
        done += derive(one.tasks, desk.store) + _sweep(one, desk, progress)
    tally.computed += done
    tally.reused += sum(len(task.maps) + len(task.bases) + len(task.metrics) for task in one.tasks) - done
    desk.loader.close()  # what is measured is alone
    for cell in one.costs:
        if cell.skip or not desk.store.wants(cell.name):
            tally.reused += 1
            continue
        progress.say(f"cost of {cell.method.label} at {cell.layer}")
        measure_cost(cell, desk)
        tally.computed += 1


def _sweep(one: Loaded, desk: Desk, progress: Progress) -> int:
    """Work on every task; how many cells that computed."""
    done = 0
    for task, following in zip(one.tasks, [*one.tasks[1:], None], strict=True):
        progress.say(f"{one.model.spec.name} on {task.shard.dataset_name}")
        _ahead(task, following, desk)
        done += work(task, desk)
    return done


def _ahead(task: Task, following: Task | None, desk: Desk) -> None:
    """Have the next shard loaded while this one is worked on."""
    for each in filter(None, (task, following)):
        lacking = missing(each, desk.store)
        if lacking.maps or lacking.metrics:
            desk.loader.begin(each.shard)


def _estimate(one: Loaded, store: Store) -> int:
    """Forwards still to do, roughly: what the progress bar counts."""
    total = 0
    for task in one.tasks:
        lacking = missing(task, store)
        asking = [cell for cell in lacking.maps if "scores" in cell.method.needs]
        per_image = sum(one.model.channels.get(cell.layer, 0) for cell in asking)
        per_image += sum(len(probes_of(cell.metric)) for cell in lacking.metrics)
        per_image += passes_per_image(lacking.metrics, one.model.channels)
        total += per_image * len(task.shard.indices)
    return total


def _write(
    study: Study,
    store: Store,
    loaded: Sequence[Loaded],
    device: torch.device,
    tally: Tally,
    seconds: float,
    info: dict[str, Any],
) -> None:
    work_done = [task for one in loaded for task in one.tasks]
    costs = [(cell, one.sizing.batch) for one in loaded for cell in one.costs]
    table = assemble.results(work_done, costs, study, store, tally.shares)
    tables = {
        "results.parquet": table,
        "pooled.parquet": pooled(work_done, store, study.seed),
        "curves.parquet": assemble.curves(work_done, store),
        "maps/index.parquet": assemble.map_index(work_done, store),
        "photos/index.parquet": assemble.photo_index(work_done, store),
    }
    info = info | {
        "datasets": assemble.with_units(info["datasets"], loaded[0].tasks, store),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": seconds,
        "device": machine(device),
        "accuracy": assemble.accuracy(work_done, store),
        "failures": assemble.failures(table),
        "counts": {s: int((table["status"] == s).sum()) for s in ("ok", "failed", "not_applicable")},
        "work": {
            **vars(tally.passes),
            "cells_computed": tally.computed,
            "cells_reused": tally.reused,
            "batches": tally.batches,
        },
    }
    store.write_results(tables, info)
