"""A study whose shards are small, and workers in this process."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest
from torch import Tensor

from benchbench.engine.workers import pools
from benchbench.engine.workers.order import ShardJob, ShardResult, Withdrawn, WorkerLost, WorkOrder
from benchbench.engine.workers.scratch_folder import ScratchFolder
from benchbench.engine.workers.worker import ShardWorker
from benchbench.study import plan
from benchbench.study.spec import StudySpec

from ...networks import Pooled, seeded

Loses: TypeAlias = Callable[[ShardJob, int], WorkerLost | None]
LOST = WorkerLost("a test took the worker")


class PoolHere:
    """A pool of one worker in this process, which is lost wherever ``loses`` says so: of a job, and which time it is.

    Attributes:
        newest_first: whether the shard that was submitted last is answered first.
        handed_out: the shards in the order in which they were worked on.
    """

    def __init__(self, order: WorkOrder, loses: Loses, newest_first: bool) -> None:
        self.folder = ScratchFolder()
        self.worker = ShardWorker(order, self.folder.path)
        self.loses, self.newest_first = loses, newest_first
        self.jobs: deque[ShardJob] = deque()
        self.handed_out: list[int] = []
        self.together: dict[int, int] = {}
        self.stopping = False

    room = 3
    workers = 1

    def submit(self, job: ShardJob) -> None:
        self.jobs.append(job)
        self.together[job.index] = len(self.jobs)

    def next(self) -> tuple[ShardJob, ShardResult | WorkerLost | Withdrawn]:
        job = self.jobs.pop() if self.newest_first else self.jobs.popleft()
        if self.stopping:
            return job, Withdrawn()
        self.handed_out.append(job.index)
        lost = self.loses(job, self.handed_out.count(job.index))
        return job, lost or self.worker.work(job)

    def withdraw(self) -> None:
        self.stopping = True

    def close(self) -> None:
        self.worker.close()
        self.folder.close()


class PoolsHere(list[PoolHere]):
    """The pools that were opened, and how the next one behaves.

    Attributes:
        before: happens after the order was made and before the worker reads it.
    """

    loses: Loses = staticmethod(lambda job, time: None)
    before: Callable[[], None] = staticmethod(lambda: None)
    newest_first = False

    def open(self, order: WorkOrder, size: int) -> PoolHere:
        self.before()
        self.append(PoolHere(order, self.loses, self.newest_first))
        return self[-1]


@pytest.fixture
def pools_here(monkeypatch: pytest.MonkeyPatch) -> PoolsHere:
    """Instead of processes: workers in this process. Six images are three shards."""
    opened = PoolsHere()
    monkeypatch.setattr(pools, "LocalPool", opened.open)
    monkeypatch.setattr(plan, "SHARD", 2)
    return opened


def study(images: Tensor, **keys: Any) -> StudySpec:
    defaults: dict[str, Any] = {
        "models": {"net": seeded(Pooled)},
        "datasets": {"data": (images, [k % 7 for k in range(len(images))])},
        "layers": ["relu"],
        "methods": ["gradcam", "dataset-mean", {"name": "smoothed", "of": "layercam", "samples": 2}, "random"],
        "metrics": ["deletion", "sparseness", "overhead"],
    }
    return StudySpec(**{**defaults, **keys})
