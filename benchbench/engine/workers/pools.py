"""Which workers a study asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from ...processors import usable_processors
from ...study.plan import Task
from ...study.spec import StudySpec
from ..missing_cells import needs_work
from ..setup import ModelPlan
from ..shard import RunContext
from ..stopping import StopRequest
from .hand_out import Keep, WorkerPool, hand_out
from .local_pool import LocalPool
from .order import WorkOrder, files_of, pickled
from .ray_pool import RayPool

RAY_TIME_LIMIT = 600.0  # seconds, where the study gives no limit: nobody looks at the machines of a cluster
GRACE: float | None = None  # seconds, see ``WorkOrder``; None: as in a run without workers


@dataclass(eq=False)
class Workers:
    """The workers of one network. They start when the first shard is handed out."""

    start: Callable[[], WorkerPool]
    _pool: WorkerPool | None = None

    def hand_out(
        self, tasks: Sequence[Task], desk: RunContext, keep: Keep, stop: StopRequest, warn: Callable[[str], None]
    ) -> int:
        """As ``hand_out``, on these workers; none starts where no task lacks anything."""
        if not any(needs_work(task, desk.store) for task in tasks):
            return 0
        if self._pool is None:
            self._pool = self.start()
        return hand_out(tasks, self._pool, desk, keep, stop, warn)

    def close(self) -> None:
        """End the workers, if there are any."""
        if self._pool is not None:
            self._pool.close()


def has_workers(study: StudySpec) -> bool:
    """Whether other processes than this work on the study's shards."""
    return study.engine == "ray" or (study.processes or 1) > 1


@contextmanager
def workers_of(study: StudySpec, plan: ModelPlan, *, forced: bool) -> Iterator[Workers | None]:
    """The workers for one network of the study, which end with the block; None where this process does the work.

    Args:
        forced: whether cells that failed twice in the same way are tried again.

    Raises:
        BenchError: the study cannot be sent to other processes, or there is no such cluster.
    """
    if not has_workers(study):
        yield None
        return
    workers = Workers(partial(_pool, study, plan, forced))
    try:
        yield workers
    finally:
        workers.close()


def _pool(study: StudySpec, plan: ModelPlan, forced: bool) -> WorkerPool:
    sent = pickled(study)
    order = WorkOrder(
        sent,
        files_of(sent),
        [choice.label for choice in study.models].index(plan.model.name),
        tuple(task.predictions for task in plan.tasks),
        forced,
        worker_threads(study),
        study.time_limit or (RAY_TIME_LIMIT if study.engine == "ray" else None),
        gpu_slots=study.engine == "local",
        grace=GRACE,
    )
    if study.engine == "local":
        return LocalPool(order, study.processes or 1)
    return RayPool(order, study.processes, {"num_cpus": study.num_cpus, "num_gpus": study.num_gpus}, study.ray_address)


def worker_threads(study: StudySpec) -> int:
    """Torch's threads in each worker: those that it asked Ray for, or its part of this machine's processors."""
    if study.engine == "ray":
        return max(1, int(study.num_cpus))
    return max(1, usable_processors() // (study.processes or 1))
