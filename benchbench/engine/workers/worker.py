"""A worker: a process with a network in memory. It works on one shard after another and sends back the results."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from ...containment.hang_record import HangRecord
from ...containment.network_watch import NetworkWatch
from ...containment.plugin_watch import PluginWatch
from ...cost.allocator import keep_memory
from ...cost.ledger import Ledger, Passes
from ...errors import BenchError
from ...network.capture import eval_frozen
from ...plugin_guard import no_exit
from ...results.retries import Retries
from ...results.store import CELLS, Draft, Store
from ...study.spec import StudySpec
from ..desk import desk_of, shares_costs
from ..device import deterministic_cudnn, device_of
from ..sample_loader import Loader
from ..setup import load
from ..shard import run_shard
from .order import ShardJob, ShardResult, WorkOrder

_GUARD = partial(no_exit, "code that the run calls")


@dataclass(frozen=True, eq=False)
class WorkerStore(Store):
    """A store that keeps what is written into packs in memory, to be sent away."""

    drafts: list[Draft] = field(default_factory=list)

    @contextmanager
    def pack(self, name: str) -> Iterator[Draft]:
        """A draft; it is kept when the block ends, and not written."""
        draft = Draft(self)
        yield draft
        self.drafts.append(draft)


class ShardWorker:
    """Loads the network of an order once, and works on its shards."""

    def __init__(self, order: WorkOrder, slot: int = 0) -> None:
        """``slot``: the worker's number on its machine, from 0; it chooses the GPU where the order says so.

        Raises:
            BenchError: this process finds another plan than the one that gave the order.
        """
        if order.threads is not None:
            torch.set_num_threads(order.threads)
        keep_memory()
        study = order.read_study()
        self._study, self._order = study, order
        self._device = worker_device(study, slot, torch.cuda.device_count()) if order.gpu_slots else device_of(study)
        self._passes = Passes()
        with ExitStack() as opened:
            opened.enter_context(deterministic_cudnn())
            with _GUARD():
                self._loaded = load(study.models[order.model], study, self._device)
            opened.enter_context(eval_frozen(self._loaded.network))
            self._check_plan()
            self._folder = Path(opened.enter_context(TemporaryDirectory(prefix="benchbench-worker-")))
            store = Store(self._folder)
            networks = NetworkWatch([self._loaded.network, self._loaded.prepared.network])
            calls = PluginWatch(order.time_limit, networks, grace=order.grace, quiet=True)
            loader = Loader(store, 0)
            self._desk = desk_of(
                self._loaded, study, store, self._device, loader, self._ledger(), calls, lambda _: None
            )
            self._open = opened.pop_all()

    def _ledger(self) -> Ledger:
        return Ledger(self._passes, shares_costs(self._study))

    def _check_plan(self) -> None:
        mine = tuple(task.predictions for task in self._loaded.plan.tasks)
        if mine != self._order.predictions:
            label = self._study.models[self._order.model].label
            hint = "Workers need the same network, data, benchbench and libraries as the command that starts them"
            raise BenchError("a worker has another network or other data", where=f"models: {label}", hint=hint)

    def work(self, job: ShardJob, record: HangRecord | None = None) -> ShardResult:
        """Compute what a shard lacks.

        Args:
            record: where calls of plugins are noted; it is kept by the caller.

        Raises:
            BenchError: a method writes into what it shares with others.
            RuntimeError: out of memory with a single image.
        """
        start = time.perf_counter()
        task, before = self._loaded.plan.tasks[job.index], Passes(**vars(self._passes))
        store = self._store_with(job.packs)
        scorer = self._desk.scorer
        scorer.ledger = self._ledger()
        scorer.watch.record = record or HangRecord(self._folder)
        scorer.watch.record.hung.update(job.given_up)
        loader = Loader(store, self._study.workers)
        try:
            with _GUARD():
                computed = run_shard(task, replace(self._desk, store=store, loader=loader))
        finally:
            loader.close()
        drafts = store.drafts
        spent = Passes(**{name: count - getattr(before, name) for name, count in vars(self._passes).items()})
        return ShardResult(
            {name: part for draft in drafts for name, part in draft.parts.items()},
            {name: note for draft in drafts for name, note in draft.notes().items()},
            computed,
            spent,
            scorer.ledger,
            frozenset(store.retries.settled),
            scorer.watch.notes,
            scorer.batch,
            time.perf_counter() - start,
        )

    def _store_with(self, packs: Mapping[str, bytes]) -> WorkerStore:
        """A store that has these packs alone."""
        cells = self._folder / CELLS
        cells.mkdir(exist_ok=True)
        for old in cells.iterdir():
            old.unlink()
        for name, content in packs.items():
            (cells / name).write_bytes(content)
        return WorkerStore(self._folder, Retries(self._order.forced))

    def close(self) -> None:
        self._open.close()


def ignore_signals() -> None:
    """A terminal sends Ctrl-C to the workers too; the command alone decides what follows, and ends them."""
    for number in (signal.SIGINT, getattr(signal, "SIGHUP", signal.SIGINT)):
        signal.signal(number, signal.SIG_IGN)


def worker_device(study: StudySpec, slot: int, gpus: int) -> torch.device:
    """The device of a machine's worker ``slot``: the GPUs in turn where the study leaves the choice; else its own."""
    if gpus and study.device in ("auto", "cuda"):
        return torch.device("cuda", slot % gpus)
    return device_of(study)
