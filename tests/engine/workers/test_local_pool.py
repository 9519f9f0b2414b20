"""Processes of this machine without processes: one that is killed at any moment, signals, and the slots of GPUs."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from benchbench.engine.workers import local_pool, worker
from benchbench.engine.workers.local_pool import LocalPool, taken_slot, work_on
from benchbench.engine.workers.order import ShardJob, Withdrawn, WorkerLost
from benchbench.engine.workers.worker import ignore_signals


class Executor:
    """It works on a shard at once; ``broken``: a process of it was killed, so that it takes no more."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self.broken = self.closed = False
        self.waiting: list[Future[Any]] = []

    def submit(self, _: Any, order: str, job: ShardJob) -> Future[Any]:
        if self.broken:
            raise BrokenProcessPool("a process was killed")
        future = Future[Any]()
        self.waiting.append(future)
        if job.index:
            future.set_result(job)
        return future

    def end(self) -> None:
        """One of its processes is killed."""
        self.broken = True
        for future in self.waiting:
            if not future.done():
                future.set_exception(BrokenProcessPool("a process was killed"))

    def shutdown(self, *, kill_workers: bool) -> None:
        self.closed = kill_workers


@pytest.fixture
def executors(monkeypatch: pytest.MonkeyPatch) -> list[Executor]:
    started: list[Executor] = []

    def start(*_: Any, **__: Any) -> Executor:
        started.append(Executor())
        return started[-1]

    monkeypatch.setattr(local_pool, "ProcessPoolExecutor", start)
    return started


def test_a_process_that_is_killed_between_two_shards(executors: list[Executor]) -> None:
    """The pool learns it as it submits: it starts the processes anew once, and loses what they had."""
    pool = LocalPool(cast(Any, SimpleNamespace(threads=1)), 2)
    pool.submit(ShardJob(0, {}))
    executors[0].end()
    pool.submit(ShardJob(1, {}))
    assert len(executors) == 2
    assert executors[0].closed
    answers = {job.index: result for job, result in filter(None, (pool.next(), pool.next()))}
    lost = answers[0]
    assert isinstance(lost, WorkerLost)
    assert lost.reason == "a process was killed: a process was killed"
    assert cast(Any, answers[1]).index == 1  # the executor answers with the job
    assert len(executors) == 2
    assert not executors[1].closed
    pool.close()
    assert executors[1].closed


@pytest.fixture
def handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_worker_outlives_a_signal(number: signal.Signals, handlers: None) -> None:
    """A terminal, or a service manager, sends it to every process of the run; the command finishes the shards."""
    ignore_signals()
    os.kill(os.getpid(), number)


def test_a_worker_ends_when_the_command_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """However that ends: nobody else would end it."""
    parents = [7, 7, 1]
    codes: list[int] = []
    monkeypatch.setattr(worker, "LOOK", 0.0)
    monkeypatch.setattr(os, "getppid", lambda: parents.pop(0))
    monkeypatch.setattr(worker, "end_process", codes.append)
    worker._wait_for_end(7)
    assert codes == [1]
    assert not parents


def test_a_process_has_the_slot_of_the_process_that_it_follows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = [taken_slot(tmp_path, 3) for _ in range(3)]
    assert [number for number, _ in held] == [0, 1, 2]
    gone = held[1][1]
    assert gone is not None
    gone.release()
    held[1] = taken_slot(tmp_path, 3)
    assert [number for number, _ in held] == [0, 1, 2]
    monkeypatch.setattr(local_pool, "SLOT_WAIT", 0.05)
    number, lock = taken_slot(tmp_path, 3)  # all are locked
    assert number in range(3)
    assert lock is None


def test_the_command_looks_up_while_no_shard_is_done(
    executors: list[Executor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that it hears of a signal before the next result."""
    monkeypatch.setattr(local_pool, "LOOK", 0.01)
    pool = LocalPool(cast(Any, SimpleNamespace(threads=1)), 2)
    pool.submit(ShardJob(0, {}))
    assert pool.next() is None
    executors[0].waiting[0].set_result("done")
    assert cast(Any, pool.next())[1] == "done"
    pool.close()


@pytest.mark.parametrize("when", ["before", "while the network is loaded", "never"])
def test_a_process_begins_no_shard_that_is_withdrawn(
    when: str, executors: list[Executor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An executor hands out more calls than it has processes, which can no longer be cancelled."""
    pool = LocalPool(cast(Any, SimpleNamespace(threads=1)), 2)
    worker = SimpleNamespace(work=lambda job, record: job.index)

    def loaded(_: str) -> tuple[Any, None]:
        if when == "while the network is loaded":
            pool.withdraw()
        return worker, None

    monkeypatch.setattr(local_pool, "_worker_of", loaded)
    if when == "before":
        pool.withdraw()
        pool.withdraw()
    answer = work_on(pool._order, ShardJob(3, {}))
    assert answer == (3 if when == "never" else Withdrawn())
    pool.close()
