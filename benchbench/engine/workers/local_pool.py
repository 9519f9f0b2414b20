"""Workers that are processes of this machine, started by loky."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache
from pathlib import Path
from pickle import dumps, loads
from shutil import rmtree
from tempfile import TemporaryDirectory

from loky import ProcessPoolExecutor

from ...containment.hang_record import HangRecord, LastCall, last_call
from ...errors import message_of
from .order import ShardJob, ShardResult, WorkerLost, WorkOrder, lost_worker
from .worker import ShardWorker, ignore_signals

_ORDER = "order"


class LocalPool:
    """So many processes. If one of them is killed, all are started anew: the shards that they had are lost.

    Each has a record of its calls in the folder of its shard, which is read when the processes have ended.
    """

    def __init__(self, order: WorkOrder, size: int) -> None:
        self._folder = TemporaryDirectory(prefix="benchbench-order-")
        self._order = str(Path(self._folder.name) / _ORDER)
        Path(self._order).write_bytes(dumps(order))
        self._size, self._threads = size, order.threads
        self._executor = self._started()
        self._begun: dict[Future[ShardResult], tuple[ShardJob, ProcessPoolExecutor]] = {}
        self._calls: dict[int, LastCall] = {}  # by shard that was lost, where its process ended

    def _started(self) -> ProcessPoolExecutor:
        """Without the user's ``__main__``, which may have no guard."""
        threads = None if self._threads is None else {"OMP_NUM_THREADS": str(self._threads)}
        return ProcessPoolExecutor(self._size, env=threads, initializer=ignore_signals)

    @property
    def room(self) -> int:
        """A shard more than there are processes, so that none waits."""
        return self._size + 1

    def submit(self, job: ShardJob) -> None:
        future = self._executor.submit(work_on, self._order, job)
        self._begun[future] = job, self._executor

    def next(self) -> tuple[ShardJob, ShardResult | WorkerLost]:
        future = next(iter(wait(self._begun, return_when=FIRST_COMPLETED).done))
        job, executor = self._begun.pop(future)
        error = future.exception()
        if not isinstance(error, BrokenProcessPool):
            return job, future.result()
        if executor is self._executor:
            executor.shutdown(kill_workers=True)
            self._calls = self._last_calls([job.index, *(lost.index for lost, _ in self._begun.values())])
            self._executor = self._started()
        return job, lost_worker(job, self._calls, f"a process was killed: {message_of(error)[:120]}")

    def _last_calls(self, shards: Iterable[int]) -> dict[int, LastCall]:
        """Of the shards that a process had begun, the call in which it ended."""
        calls: dict[int, LastCall] = {}
        for number in shards:
            folder = _record_folder(self._order, number)
            if (call := last_call(folder)) is not None:
                calls[number] = call
            rmtree(folder, ignore_errors=True)
        return calls

    def close(self) -> None:
        self._executor.shutdown(kill_workers=True)
        self._folder.cleanup()


def work_on(order: str, job: ShardJob) -> ShardResult:
    """In a process of the pool; ``order``: the file that holds it."""
    folder = _record_folder(order, job.index)
    folder.mkdir(exist_ok=True)
    with HangRecord(folder).kept() as record:
        return _worker_of(order).work(job, record)


def _record_folder(order: str, shard: int) -> Path:
    return Path(order).parent / f"shard-{shard}"


@lru_cache(maxsize=1)
def _worker_of(order: str) -> ShardWorker:
    read: WorkOrder = loads(Path(order).read_bytes())
    return ShardWorker(read, _slot(Path(order).parent))


def _slot(folder: Path) -> int:
    """This process's number among those that work on the order: the first that no other process took."""
    number = 0
    while True:
        try:
            os.close(os.open(folder / f"slot-{number}", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            number += 1
            continue
        return number
