"""Workers that are actors of a Ray cluster: one of this machine, or one that Slurm or Kubernetes started."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from ...errors import BenchError, message_of
from .order import ShardJob, ShardResult, WorkerLost, WorkOrder
from .worker import ShardWorker, ignore_signals

_INSTALL = "Install it: pip install 'benchbench-saliency[ray]'"
AHEAD = 2  # shards that an actor has at once: one that it works on and one that waits


class RayPool:
    """Actors with the network in memory. An actor that ends, or whose machine does, is replaced.

    Args:
        order: what the actors work on.
        size: how many actors; None: as many as fit into the cluster at the start.
        needs: what an actor takes of the cluster: ``num_cpus``, ``num_gpus``.
        address: of a cluster; None: that of RAY_ADDRESS, or else a cluster of this machine that ends with the run.

    Raises:
        BenchError: Ray is not installed, there is no cluster at the address, or no actor fits into it.
    """

    def __init__(
        self, order: WorkOrder, size: int | None, needs: Mapping[str, float], address: str | None = None
    ) -> None:
        self._ray, self._needs = _imported(), needs
        self._started = self._connect(address)
        self._actor = self._ray.remote(max_restarts=0, max_task_retries=0, **needs)(RayWorker)
        self._order = self._ray.put(order)
        self._load: dict[Any, int] = {}  # by actor, how many shards it has
        self._begun: dict[Any, tuple[ShardJob, Any]] = {}
        self._size = size or fitting(self._ray.cluster_resources(), needs)
        if not fitting(self._ray.cluster_resources(), needs):
            message = f"no worker fits into the Ray cluster, which has {_listed(self._ray.cluster_resources())}"
            self.close()
            raise BenchError(message, where="engine: ray", hint="Change num_cpus and num_gpus, or add a machine")

    def _connect(self, address: str | None) -> bool:
        """Whether a cluster was connected to; not where the process has one already."""
        if self._ray.is_initialized():
            return False
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would send statistics to its makers
        try:
            self._ray.init(address=address, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            hint = "Start it with ray start --head, or leave the address out for a cluster of this machine"
            raise BenchError(f"no Ray cluster: {message_of(error)}", where="ray_address", hint=hint) from None
        return True

    @property
    def room(self) -> int:
        return AHEAD * self._size

    def submit(self, job: ShardJob) -> None:
        actor = self._idlest()
        self._load[actor] += 1
        self._begun[actor.work.remote(job)] = job, actor

    def _idlest(self) -> Any:
        idlest = min(self._load, key=self._load.__getitem__, default=None)
        if idlest is None or (self._load[idlest] and len(self._load) < self._size):
            idlest = self._actor.remote(self._order)
            self._load[idlest] = 0
        return idlest

    def next(self) -> tuple[ShardJob, ShardResult | WorkerLost]:
        (reference, *_), _ = self._ray.wait(list(self._begun), num_returns=1)
        job, actor = self._begun.pop(reference)
        try:
            result: ShardResult = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:  # raised by the work
            raise error.cause if isinstance(error.cause, Exception) else error from None
        except self._ray.exceptions.RayError as error:  # its process or machine is gone
            self._load.pop(actor, None)
            return job, WorkerLost(f"a worker on Ray ended: {message_of(error)[:160]}")
        self._load[actor] -= 1
        return job, result

    def close(self) -> None:
        for actor in self._load:
            self._ray.kill(actor)
        if self._started:
            self._ray.shutdown()


class RayWorker:
    """A worker in an actor. It loads the network at its first shard, so that what fails there reaches the run."""

    def __init__(self, order: WorkOrder) -> None:
        ignore_signals()
        self._order = order

    def work(self, job: ShardJob) -> ShardResult:
        """As ``ShardWorker.work``."""
        return self._worker.work(job)

    @cached_property
    def _worker(self) -> ShardWorker:
        return ShardWorker(self._order)


def fitting(resources: Mapping[str, float], needs: Mapping[str, float]) -> int:
    """How many workers a cluster holds.

    Args:
        resources: of the cluster, as Ray has them: ``CPU``, ``GPU``. needs: of a worker: ``num_cpus``, ``num_gpus``.
    """
    names = {"num_cpus": "CPU", "num_gpus": "GPU"}
    return min(int(resources.get(names[key], 0) / need) for key, need in needs.items() if need)


def _listed(amounts: Mapping[str, float]) -> str:
    return ", ".join(f"{key} {value:g}" for key, value in amounts.items() if key in ("CPU", "GPU") or "num" in key)


def _imported() -> Any:
    try:
        return importlib.import_module("ray")
    except ImportError:
        raise BenchError("Ray is not installed", where="engine: ray", hint=_INSTALL) from None
