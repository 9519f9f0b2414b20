"""Workers that are processes of this machine, started by loky."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache
from pathlib import Path
from pickle import dumps, loads
from shutil import rmtree

from filelock import FileLock, Timeout
from loky import ProcessPoolExecutor

from ...containment.hang_record import HangRecord, LastCall, last_call
from ...errors import message_of
from .order import LOOK, ShardJob, ShardResult, Withdrawn, WorkerLost, WorkOrder, lost_worker
from .process_start import begin
from .scratch_folder import ScratchFolder
from .worker import ShardWorker

_ORDER = "order"
_WORKER = "worker-"  # in front of the id of a process: the folder that it writes into
_SLOTS = "slots"  # the file that says how many processes share out the GPUs
_WITHDRAWN = "withdrawn"  # the file that has processes begin no more shards
SLOT_WAIT = 10.0  # seconds until a process whose slot stays locked shares another's


class LocalPool:
    """So many processes. If one of them is killed, all are started anew: the shards that they had are lost.

    Each has a record of its calls in the folder of its shard, which is read when the processes have ended. All that
    processes write is in a folder of the command, which outlives them: a process that is killed removes nothing.
    """

    def __init__(self, order: WorkOrder, size: int) -> None:
        self._folder = ScratchFolder()
        self._order = str(self._folder.path / _ORDER)
        Path(self._order).write_bytes(dumps(order))
        (self._folder.path / _SLOTS).write_text(str(size))
        self._size, self._threads = size, order.threads
        self._executor = self._started()
        self._begun: dict[Future[ShardResult | Withdrawn], tuple[ShardJob, ProcessPoolExecutor]] = {}
        self._calls: dict[int, LastCall] = {}  # by shard that was lost, where its process ended

    def _started(self) -> ProcessPoolExecutor:
        """Without the user's ``__main__``, which may have no guard."""
        threads = None if self._threads is None else {"OMP_NUM_THREADS": str(self._threads)}
        return ProcessPoolExecutor(self._size, env=threads, initializer=begin)

    @property
    def workers(self) -> int:
        return self._size

    @property
    def room(self) -> int:
        """Twice as many shards as there are processes, so that none waits while the command writes."""
        return 2 * self._size

    def submit(self, job: ShardJob) -> None:
        try:
            future = self._executor.submit(work_on, self._order, job)
        except BrokenProcessPool:  # a process was killed since the last answer
            self._restart()
            future = self._executor.submit(work_on, self._order, job)
        self._begun[future] = job, self._executor

    def next(self) -> tuple[ShardJob, ShardResult | WorkerLost | Withdrawn] | None:
        future = next(iter(wait(self._begun, LOOK, return_when=FIRST_COMPLETED).done), None)
        if future is None:
            return None
        job, executor = self._begun.pop(future)
        error = future.exception()
        if not isinstance(error, BrokenProcessPool):
            return job, future.result()
        if executor is self._executor:
            self._restart(job)
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

    def _restart(self, *taken: ShardJob) -> None:
        """Start the processes anew, and read where the old ones ended; ``taken``: jobs that are not in the list."""
        self._executor.shutdown(kill_workers=True)
        jobs = (*taken, *(job for job, _ in self._begun.values()))
        self._calls = self._last_calls(job.index for job in jobs)
        for folder in self._folder.path.glob(f"{_WORKER}*"):
            rmtree(folder, ignore_errors=True)
        self._executor = self._started()

    def withdraw(self) -> None:
        """Processes look for the file before they begin a shard: of an executor's calls, many cannot be cancelled."""
        (self._folder.path / _WITHDRAWN).touch()

    def close(self) -> None:
        self._executor.shutdown(kill_workers=True)
        self._folder.close()


def start_seconds() -> float:
    """Seconds until a process of a pool has imported what it needs: one is started, and ended."""
    start = time.perf_counter()
    executor = ProcessPoolExecutor(1, initializer=begin)
    try:
        executor.submit(os.getpid).result()
    finally:
        executor.shutdown(kill_workers=True)
    return time.perf_counter() - start


def work_on(order: str, job: ShardJob) -> ShardResult | Withdrawn:
    """In a process of the pool; ``order``: the file that holds it."""
    withdrawn = Path(order).parent / _WITHDRAWN
    if withdrawn.exists():
        return Withdrawn()
    folder = _record_folder(order, job.index)
    folder.mkdir(exist_ok=True)
    with HangRecord(folder).kept() as record:
        worker, _ = _worker_of(order)  # the first time it loads the network, which takes a while
        return Withdrawn() if withdrawn.exists() else worker.work(job, record)


def _record_folder(order: str, shard: int) -> Path:
    return Path(order).parent / f"shard-{shard}"


@lru_cache(maxsize=1)
def _worker_of(order: str) -> tuple[ShardWorker, FileLock | None]:
    """The worker, and what holds its slot as long as the process lives."""
    folder = Path(order).parent
    slot, lock = taken_slot(folder, int((folder / _SLOTS).read_text()))
    read: WorkOrder = loads(Path(order).read_bytes())
    its = folder / f"{_WORKER}{os.getpid()}"
    its.mkdir(exist_ok=True)
    return ShardWorker(read, its, slot), lock


def taken_slot(folder: Path, size: int) -> tuple[int, FileLock | None]:
    """This process's number among those that share out the GPUs, from 0; it is free when the process has ended.

    Where a process has just ended, its slot may be locked a moment longer.

    Args:
        folder: where the slots' locks are. size: how many processes there are.

    Returns:
        The number and its lock; no lock where all stay locked, such as by what a dead process had started.
    """
    until = time.monotonic() + SLOT_WAIT
    while time.monotonic() < until:
        for number in range(size):
            lock = FileLock(folder / f"slot-{number}", timeout=0)
            try:
                lock.acquire()
            except Timeout:
                continue
            return number, lock
        time.sleep(0.1)
    return os.getpid() % size, None
