"""Hands the shards of a network to workers, takes back what they computed, and writes it: nobody else writes."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, TypeAlias

from ...errors import BenchError
from ...study.plan import Task
from ..missing_cells import needs_work
from ..run_errors import refuse_removed
from ..shard import RunContext
from ..stopping import StopRequest
from .order import ShardJob, ShardResult, WorkerLost

Keep: TypeAlias = Callable[[Task, Callable[[], int]], int]
MOST_LOSSES = 3  # of workers on one shard


class WorkerPool(Protocol):
    """Workers that have the network of one order in memory."""

    @property
    def room(self) -> int:
        """How many shards it takes at once, those that wait for a worker included."""

    def submit(self, job: ShardJob) -> None:
        """Give a shard to a worker."""

    def next(self) -> tuple[ShardJob, ShardResult | WorkerLost] | None:
        """Wait for a shard that was submitted, whichever is done first; None: a worker has come, so there is more room.

        Raises:
            BenchError: the work failed for a reason that ends the run.
        """

    def close(self) -> None:
        """End the workers."""


@dataclass(eq=False)
class _Queue:
    """The shards that wait. A shard whose worker ended is tried alone, so that it can end no other shard's worker."""

    fresh: deque[int]
    suspects: deque[int] = field(default_factory=deque)
    losses: Counter[int] = field(default_factory=Counter)
    reasons: dict[int, str] = field(default_factory=dict)

    def ready(self, running: int, room: int) -> Iterator[int]:
        """The shards to be submitted now."""
        if self.suspects:
            if not running:
                yield self.suspects.popleft()
            return
        while self.fresh and running < room:
            yield self.fresh.popleft()
            running += 1

    def lost(self, number: int, reason: str) -> None:
        self.losses[number] += 1
        self.reasons[number] = reason
        if self.losses[number] < MOST_LOSSES:
            self.suspects.append(number)

    @property
    def deadly(self) -> list[int]:
        return [number for number, count in self.losses.items() if count >= MOST_LOSSES]


def hand_out(
    tasks: Sequence[Task],
    pool: WorkerPool,
    desk: RunContext,
    keep: Keep,
    stop: StopRequest,
    warn: Callable[[str], None],
) -> int:
    """Have every task that lacks something worked on, and write what comes back; how many cells that computed.

    After a signal no more shards are handed out; those that workers have are waited for.

    Args:
        keep: is given a task and what writes its results, calls that, and returns its count of cells.

    Raises:
        BenchError: a shard ended ``MOST_LOSSES`` workers, which is said when all others are done; or the work of a
            shard failed for a reason that ends the run.
    """
    queue = _Queue(deque(number for number, task in enumerate(tasks) if needs_work(task, desk.store)))
    running, computed = 0, 0
    while True:
        for number in () if stop.number else queue.ready(running, pool.room):
            names = frozenset(_cells(tasks[number]))
            pool.submit(ShardJob(number, desk.store.packs_with(names), names & desk.store.retries.written))
            running += 1
        if not running:
            break
        answer = pool.next()
        if answer is None:
            continue
        job, result = answer
        running -= 1
        if isinstance(result, WorkerLost):
            warn(f"{result.reason}. Its shard is tried again")
            queue.lost(job.index, result.reason)
            continue
        refuse_removed(desk.store.folder)
        computed += keep(tasks[job.index], partial(_keep, tasks[job.index], result, desk))
    _refuse_deadly([tasks[number] for number in queue.deadly], list(queue.reasons.values()))
    return computed


def _cells(task: Task) -> Iterator[str]:
    """The names of all cells of a shard."""
    yield task.predictions
    yield from (cell.name for cell in (*task.maps, *task.bases))
    yield from (cell.name for cell in task.metrics)


def _refuse_deadly(tasks: Sequence[Task], reasons: Sequence[str]) -> None:
    if not tasks:
        return
    shard = tasks[0].shard
    where = f"{shard.dataset_name}, images {shard.ids[0]} to {shard.ids[-1]}"
    more = f", and {len(tasks) - 1} more shards" if len(tasks) > 1 else ""
    hint = "All other shards are done and kept. Memory may be short: start fewer workers, or give a smaller batch"
    raise BenchError(f"{MOST_LOSSES} workers ended on this shard{more} ({reasons[-1]})", where=where, hint=hint)


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
