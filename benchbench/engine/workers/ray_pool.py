"""Workers that are actors of a Ray cluster: one of this machine, or one that Slurm or Kubernetes started."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ...containment.hang_record import LastCall
from ...errors import BenchError, message_of
from .mailbox import Mailbox, ToldRecord
from .order import ShardJob, ShardResult, WorkerLost, WorkOrder, lost_worker
from .worker import ShardWorker, ignore_signals

_INSTALL = "Install it: pip install 'benchbench-saliency[ray]'"
AHEAD = 2  # shards that an actor has at once: one that it works on and one that waits
ANSWER = 30.0  # seconds that the mailbox has for an answer


class RayPool:
    """Actors with the network in memory. An actor that ends, or whose machine does, is replaced.

    An actor that ends itself, as a call hangs, leaves a word in a mailbox on the command's machine.

    Args:
        order: what the actors work on.
        size: how many actors at most; None: as many as fit into the cluster, which may grow and shrink meanwhile.
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
        self._ended: dict[Any, dict[int, LastCall]] = {}  # by actor that ended, in which call of which shard
        self._size = size
        if not self._fitting():
            message = f"no worker fits into the Ray cluster, which has {_listed(self._ray.cluster_resources())}"
            self.close()
            raise BenchError(message, where="engine: ray", hint="Change num_cpus and num_gpus, or add a machine")
        self._mailbox = self._opened_mailbox()

    def _opened_mailbox(self) -> Any:
        """On this machine, as others may end."""
        strategies = importlib.import_module("ray.util.scheduling_strategies")
        here = strategies.NodeAffinitySchedulingStrategy(self._ray.get_runtime_context().get_node_id(), soft=True)
        return self._ray.remote(num_cpus=0, max_restarts=-1, scheduling_strategy=here)(Mailbox).remote()

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
        return AHEAD * max(1, self._fitting())

    def _fitting(self) -> int:
        """How many actors there can be now: one that is started beyond that would wait, and its shards with it."""
        fit = fitting(self._ray.cluster_resources(), self._needs)
        return fit if self._size is None else min(fit, self._size)

    def submit(self, job: ShardJob) -> None:
        actor = self._idlest()
        self._load[actor] += 1
        self._begun[actor.work.remote(job)] = job, actor

    def _idlest(self) -> Any:
        idlest = min(self._load, key=self._load.__getitem__, default=None)
        if idlest is None or (self._load[idlest] and len(self._load) < self._fitting()):
            idlest = self._actor.remote(self._order, self._mailbox)
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
            if self._load.pop(actor, None) is not None:
                with_it = [other.index for other, its in self._begun.values() if its == actor]
                self._ended[actor] = self._last_calls([job.index, *with_it])
            return job, lost_worker(job, self._ended[actor], f"a worker on Ray ended: {message_of(error)[:160]}")
        self._load[actor] -= 1
        return job, result

    def _last_calls(self, shards: list[int]) -> dict[int, LastCall]:
        calls: dict[int, LastCall] = {}
        with suppress(self._ray.exceptions.RayError):
            calls = self._ray.get(self._mailbox.take.remote(shards), timeout=ANSWER)
        return calls

    def close(self) -> None:
        if "_mailbox" in vars(self):
            self._ray.kill(self._mailbox)
        for actor in self._load:
            self._ray.kill(actor)
        if self._started:
            self._ray.shutdown()


class RayWorker:
    """A worker in an actor. It loads the network at its first shard, so that what fails there reaches the run.

    Args:
        mailbox: the actor that is told of calls.
    """

    def __init__(self, order: WorkOrder, mailbox: Any) -> None:
        ignore_signals()
        self._order, self._mailbox = order, mailbox
        self._folder = TemporaryDirectory(prefix="benchbench-record-")

    def work(self, job: ShardJob) -> ShardResult:
        """As ``ShardWorker.work``."""
        tell = partial(self._tell, job.index)
        with ToldRecord(Path(self._folder.name), tell, every=job.announced).kept() as record:
            return self._worker.work(job, record)

    def _tell(self, shard: int, call: LastCall) -> None:
        """Returns when the mailbox has it; a mailbox that is gone is no reason to fail."""
        ray = _imported()
        with suppress(ray.exceptions.RayError):
            ray.get(self._mailbox.put.remote(shard, call), timeout=ANSWER)

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
