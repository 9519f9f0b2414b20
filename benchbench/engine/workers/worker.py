"""A worker: a process with a network in memory. It works on one shard after another and sends back the results."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from os import _exit as end_process  # taken now: it is refused while a plugin runs
from pathlib import Path
from threading import Thread

import torch

from ...containment.hang_record import HangRecord
from ...containment.network_watch import NetworkWatch
from ...containment.plugin_watch import PluginWatch
from ...cost.allocator import keep_memory
from ...cost.ledger import Ledger, Passes
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

LOOK = 1.0  # seconds between two looks at whether the command is alive
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

    def __init__(self, order: WorkOrder, folder: Path, slot: int = 0) -> None:
        """Read the order and load its network.

        Args:
            folder: for what the worker writes; whoever made it removes it, as a worker that is killed cannot.
            slot: the worker's number on its machine, from 0; it chooses the GPU where the order says so.

        Raises:
            BenchError: the device, the code, the network or the data are not those of the command; see ``CommandPlan``.
        """
        if order.threads is not None:
            torch.set_num_threads(order.threads)
        keep_memory()
        study = order.plan.with_code_here(order.read_study())
        self._study, self._order, self._folder = study, order, folder
        gpus = torch.cuda.device_count()
        choose = partial(worker_device, study, slot, gpus) if order.gpu_slots else partial(device_of, study)
        self._device = order.plan.device_here(choose)
        self._passes = Passes()
        with ExitStack() as opened:
            opened.enter_context(deterministic_cudnn())
            with _GUARD():
                self._loaded = load(study.models[order.model], study, self._device)
            opened.enter_context(eval_frozen(self._loaded.network))
            where = f"models: {study.models[order.model].label}"
            order.plan.refuse_other(self._loaded.plan.tasks, where)
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

    def work(self, job: ShardJob, record: HangRecord | None = None) -> ShardResult:
        """Compute what a shard lacks.

        Args:
            record: where calls of plugins are noted; it is kept by the caller.

        Raises:
            BenchError: a method writes into what it shares with others.
            RuntimeError: out of memory with a single image.
        """
        task, before = self._loaded.plan.tasks[job.index], Passes(**vars(self._passes))
        store = self._store_with(job)
        scorer = self._desk.scorer
        scorer.ledger = self._ledger()
        scorer.watch.record = record or HangRecord(self._folder)
        scorer.watch.record.hung.update(job.given_up)
        loader = Loader(store, self._study.workers)
        start = time.perf_counter()
        try:
            with _GUARD():
                computed = run_shard(task, replace(self._desk, store=store, loader=loader))
        finally:
            loader.close()
        seconds, drafts = time.perf_counter() - start, store.drafts
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
            seconds,
        )

    def _store_with(self, job: ShardJob) -> WorkerStore:
        """A store that has the packs of the job alone."""
        cells = self._folder / CELLS
        cells.mkdir(exist_ok=True)
        for old in cells.iterdir():
            old.unlink()
        for name, content in job.packs.items():
            (cells / name).write_bytes(content)
        return WorkerStore(self._folder, Retries(self._order.forced, set(job.written)))

    def close(self) -> None:
        self._open.close()


def ignore_signals() -> None:
    """Ctrl-C of a terminal, and SIGTERM of a service manager, reach the workers too.

    The command alone decides what follows, and ends the workers, for which it needs no signal that they could ignore.
    """
    for number in (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGINT)):
        signal.signal(number, signal.SIG_IGN)


def end_with_command() -> None:
    """This process ends when the one that started it does, however that ends."""
    Thread(target=_wait_for_end, args=(os.getppid(),), name="benchbench-parent", daemon=True).start()


def _wait_for_end(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK)
    end_process(1)


def worker_device(study: StudySpec, slot: int, gpus: int) -> torch.device:
    """The device of a machine's worker ``slot``: the GPUs in turn where the study leaves the choice; else its own."""
    if gpus and study.device in ("auto", "cuda"):
        return torch.device("cuda", slot % gpus)
    return device_of(study)
