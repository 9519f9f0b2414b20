"""Hands the shards of a network to workers, takes back what they computed, and writes it: nobody else writes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, TypeAlias

from ...containment.hang_record import HangRecord
from ...errors import BenchError
from ...study.plan import Task
from ..missing_cells import needs_work
from ..run_errors import refuse_removed
from ..shard import RunContext
from ..stopping import StopRequest
from .failed_shard import write_failures
from .losses import MOST_LOSSES, Losses
from .order import ShardJob, ShardResult, Withdrawn, WorkerLost

Keep: TypeAlias = Callable[[Task, Callable[[], int], float | None, int], int]


class WorkerPool(Protocol):
    """Workers that have the network of one order in memory."""

    @property
    def workers(self) -> int:
        """How many workers there are now, and 1 before the first one is there."""

    @property
    def room(self) -> int:
        """How many shards it takes at once, those that wait for a worker included."""

    def submit(self, job: ShardJob) -> None:
        """Give a shard to a worker."""

    def next(self) -> tuple[ShardJob, ShardResult | WorkerLost | Withdrawn] | None:
        """Wait for a shard that was submitted, whichever is done first.

        None: a worker has come, so there is more room, or none was done within ``LOOK`` seconds.

        Raises:
            BenchError: the work failed for a reason that ends the run.
        """

    def withdraw(self) -> None:
        """No worker begins a shard from now on: ``next`` returns those that wait as withdrawn."""

    def close(self) -> None:
        """End the workers."""


@dataclass(eq=False)
class _Queue:
    """The shards that wait. A shard whose worker ended is tried alone, so that it can end no other shard's worker."""

    fresh: deque[int]
    suspects: deque[int] = field(default_factory=deque)

    def ready(self, running: int, room: int) -> Iterator[int]:
        """The shards to be submitted now."""
        if self.suspects:
            if not running:
                yield self.suspects.popleft()
            return
        while self.fresh and running < room:
            yield self.fresh.popleft()
            running += 1


def hand_out(
    tasks: Sequence[Task],
    pool: WorkerPool,
    desk: RunContext,
    keep: Keep,
    stop: StopRequest,
    warn: Callable[[str], None],
) -> int:
    """Have every task that lacks something worked on, and write what comes back; how many cells that computed.

    After a signal no more shards are handed out. Those that workers have begun are waited for, and those that wait for
    a worker are withdrawn.

    Args:
        keep: is given a task, what writes its results, the seconds that a worker took for it (None if no worker did),
            and how many workers there are. It calls what writes, and returns its count of cells.

    Raises:
        BenchError: a shard ended ``MOST_LOSSES`` workers, and none has come back yet: it is not the shard then. Or the
            work of a shard failed for a reason that ends the run.
    """
    queue = _Queue(deque(number for number, task in enumerate(tasks) if needs_work(task, desk.store)))
    losses = Losses(desk.scorer.watch.record or HangRecord(desk.store.folder), warn)
    running, computed, returned = 0, 0, 0
    while True:
        if stop.number:
            pool.withdraw()
        for number in () if stop.number else queue.ready(running, pool.room):
            names = frozenset(_cells(tasks[number]))
            packs, written = desk.store.packs_with(names), names & desk.store.retries.written
            pool.submit(ShardJob(number, packs, written, losses.given_up(number), losses.tried_before(number)))
            running += 1
        if not running:
            return computed
        answer = pool.next()
        if answer is None:
            continue
        job, result = answer
        running -= 1
        task = tasks[job.index]
        refuse_removed(desk.store.folder)
        if isinstance(result, ShardResult):
            computed += keep(task, partial(_keep, task, result, desk), result.seconds, pool.workers)
            returned += 1
        if not isinstance(result, WorkerLost):
            continue
        match losses.follow(job.index, result):
            case "again":
                queue.fresh.appendleft(job.index)
            case "alone":
                queue.suspects.append(job.index)
            case "never":
                if not returned:
                    raise _no_worker_lasts(task, result)
                computed += keep(task, partial(_fail, task, result, desk, warn), None, pool.workers)


def _cells(task: Task) -> Iterator[str]:
    """The names of all cells of a shard."""
    yield task.predictions
    yield from (cell.name for cell in (*task.maps, *task.bases))
    yield from (cell.name for cell in task.metrics)


def _place(task: Task) -> str:
    return f"{task.shard.dataset_name}, images {task.shard.ids[0]} to {task.shard.ids[-1]}"


def _no_worker_lasts(task: Task, lost: WorkerLost) -> BenchError:
    hint = "Memory may be short: start fewer workers, or give a smaller batch"
    message = f"{MOST_LOSSES} workers ended on this shard, and no shard has come back ({lost.reason})"
    return BenchError(message, where=_place(task), hint=hint)


def _fail(task: Task, lost: WorkerLost, desk: RunContext, warn: Callable[[str], None]) -> int:
    """Write failed rows for whatever a shard lacks; how many cells that are."""
    warn(f"{MOST_LOSSES} workers ended on {_place(task)}, whose rows fail ({lost.reason})")
    return write_failures(
        task,
        desk.store,
        f"{MOST_LOSSES} workers ended on the images of this shard (memory ran out, or something crashed)",
    )


def _keep(task: Task, result: ShardResult, desk: RunContext) -> int:
    """Write a shard's parts, and count its passes and its cost; how many cells that are."""
    desk.store.receive(task.predictions, result.parts, result.notes)
    desk.store.retries.settled.update(result.settled)
    for (who, _), what in result.told.items():
        desk.scorer.watch.tell(who, what)
    desk.scorer.passes.add(result.passes)
    desk.scorer.ledger.merge(result.ledger)
    desk.scorer.batch = min(desk.scorer.batch, result.batch)
    desk.scorer.advance(result.passes.forwards)
    return result.computed
