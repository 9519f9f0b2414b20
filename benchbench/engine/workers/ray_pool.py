"""Workers that are actors of a Ray cluster: one of this machine, or one that Slurm or Kubernetes started."""

from __future__ import annotations

import importlib
import os
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property, partial
from typing import Any

from ...containment.hang_record import LastCall
from ...errors import BenchError, message_of
from .cluster_room import fitting, listed
from .mailbox import Mailbox, ToldRecord
from .order import LOOK, ShardJob, ShardResult, Withdrawn, WorkerLost, WorkOrder, lost_worker
from .scratch_folder import ScratchFolder, remove_abandoned
from .worker import ShardWorker, ignore_signals

_INSTALL = "Install it: pip install 'benchbench-saliency[ray]'"
AHEAD = 2  # shards that an actor has at once: one that it works on and one that waits
PATIENCE = 600.0  # seconds that a run waits while no actor is there: the machines may be busy, or start first
ANSWER = 30.0  # seconds that the mailbox has for an answer
FAREWELL = 10.0  # seconds that actors without a shard have to remove what they wrote


class RayPool:
    """Actors with the network in memory. An actor that ends, or whose machine does, is replaced.

    A cluster may have no room for an actor, now or ever, and Ray does not say so. An actor is given shards when it has
    answered that it is there; until then the others work. An actor that ends itself, as a call hangs, leaves a word in
    a mailbox on the command's machine. It asks there, before each shard, whether the shards that wait are withdrawn.

    Args:
        order: what the actors work on.
        size: how many actors at most. Those without room wait, for which an autoscaler adds machines. None: as many as
            fit into the cluster's machines, of which there may be more or fewer meanwhile.
        needs: what an actor takes of the cluster: ``num_cpus``, ``num_gpus``.
        address: of a cluster; None: that of RAY_ADDRESS, or else a cluster of this machine that ends with the run.

    Raises:
        BenchError: Ray is not installed, there is no cluster at the address, or no machine has room for an actor.
    """

    def __init__(
        self, order: WorkOrder, size: int | None, needs: Mapping[str, float], address: str | None = None
    ) -> None:
        self._ray, self._needs = _imported(), needs
        self._started = connect(self._ray, address)
        self._actor = self._ray.remote(max_restarts=0, max_task_retries=0, **needs)(RayWorker)
        self._order = self._ray.put(order)
        self._load: dict[Any, int] = {}  # by actor, how many shards it has
        self._begun: dict[Any, tuple[ShardJob, Any]] = {}
        self._starting: dict[Any, Any] = {}  # actors by their answer that they are there
        self._waiting: deque[ShardJob] = deque()  # submitted while no actor was there
        self._ended: dict[Any, dict[int, LastCall]] = {}  # by actor that ended, in which call of which shard
        self._failed, self._last_loss = 0, ""  # actors that ended as they started
        self._until = time.monotonic() + PATIENCE
        self._size, self._stopping = size, False
        if not self._fitting():
            error = _no_room(self._ray)
            self.close()
            raise error
        self._mailbox = self._opened_mailbox()

    def _fitting(self) -> int:
        """How many actors the cluster holds now."""
        return sum(fitting(machine, self._needs) for machine in _machines(self._ray))

    def _opened_mailbox(self) -> Any:
        """On this machine, as others may end."""
        strategies = importlib.import_module("ray.util.scheduling_strategies")
        here = strategies.NodeAffinitySchedulingStrategy(self._ray.get_runtime_context().get_node_id(), soft=True)
        return self._ray.remote(num_cpus=0, max_restarts=-1, scheduling_strategy=here)(Mailbox).remote()

    @property
    def workers(self) -> int:
        return max(1, len(self._load))

    @property
    def room(self) -> int:
        """For the actors that are there; a first shard can wait for the first of them."""
        return AHEAD * max(1, len(self._load))

    def submit(self, job: ShardJob) -> None:
        self._waiting.append(job)
        self._give()

    def _give(self) -> None:
        """Hand the shards that wait to the actors that have least to do."""
        while self._waiting and self._load:
            actor = min(self._load, key=self._load.__getitem__)
            job = self._waiting.popleft()
            self._load[actor] += 1
            self._begun[actor.work.remote(job)] = job, actor

    def next(self) -> tuple[ShardJob, ShardResult | WorkerLost | Withdrawn] | None:
        if self._stopping and self._waiting:
            return self._waiting.popleft(), Withdrawn()
        self._start()
        wait = LOOK if self._load else min(LOOK, max(0.0, self._until - time.monotonic()))
        answers, _ = self._ray.wait([*self._starting, *self._begun], num_returns=1, timeout=wait)
        if not answers:
            if not self._load and time.monotonic() >= self._until:
                raise self._no_worker()
            return None
        if answers[0] in self._starting:
            self._join(answers[0])
            return None
        return self._result(answers[0])

    def _start(self) -> None:
        """Ask for the actors that are lacking; one that has no room waits, and starts when there is."""
        if self._stopping:
            return
        wanted = max(1, (self._size or self._fitting()) - self._failed)
        while len(self._load) + len(self._starting) < wanted:
            actor = self._actor.remote(self._order, self._mailbox)
            self._starting[actor.ready.remote()] = actor

    def _join(self, answer: Any) -> None:
        """An actor is there, or ended before it was.

        An actor that ended so is replaced if there is no other: its machine may be short of memory.

        Raises:
            BenchError: the actor's code fails on its machine.
        """
        actor = self._starting.pop(answer)
        try:
            self._ray.get(answer)
        except self._ray.exceptions.RayError as error:
            if isinstance(error, self._ray.exceptions.RayTaskError) or getattr(error, "actor_init_failed", False):
                hint = "Every machine needs the same Python and benchbench as the command"
                message = f"a worker on Ray does not start: {message_of(error)}"
                raise BenchError(message, where="engine: ray", hint=hint) from None
            self._last_loss = message_of(error)[:160]
            self._failed += 1
            return
        self._load[actor] = 0
        self._give()

    def _result(self, answer: Any) -> tuple[ShardJob, ShardResult | WorkerLost | Withdrawn]:
        job, actor = self._begun.pop(answer)
        try:
            result: ShardResult | Withdrawn = self._ray.get(answer)
        except self._ray.exceptions.RayTaskError as error:  # raised by the work
            raise error.cause if isinstance(error.cause, Exception) else error from None
        except self._ray.exceptions.RayError as error:  # its process or machine is gone
            if self._load.pop(actor, None) is not None:
                with_it = [other.index for other, its in self._begun.values() if its == actor]
                self._ended[actor] = self._last_calls([job.index, *with_it])
                self._ray.kill(actor)  # where the result alone was lost, the actor still lives
                self._until = time.monotonic() + PATIENCE
            return job, lost_worker(job, self._ended[actor], f"a worker on Ray ended: {message_of(error)[:160]}")
        if actor in self._load:  # an actor that has ended may have finished a shard before
            self._load[actor] -= 1
        return job, result

    def _last_calls(self, shards: list[int]) -> dict[int, LastCall]:
        calls: dict[int, LastCall] = {}
        with suppress(self._ray.exceptions.RayError):
            calls = self._ray.get(self._mailbox.take.remote(shards), timeout=ANSWER)
        return calls

    def _no_worker(self) -> BenchError:
        free = listed([self._ray.available_resources()])
        last = f". The last one ended as it started: {self._last_loss}" if self._last_loss else ""
        message = f"no worker started on the Ray cluster in {PATIENCE:g} s; free: {free}{last}"
        hint = "Wait until the cluster has room, or change num_cpus and num_gpus. The same command continues the run"
        return BenchError(message, where="engine: ray", hint=hint)

    def withdraw(self) -> None:
        if not self._stopping:
            self._stopping = True
            self._mailbox.withdraw.remote()

    def close(self) -> None:
        self._dismiss()
        if "_mailbox" in vars(self):
            self._ray.kill(self._mailbox)
        for actor in (*self._load, *self._starting.values()):
            self._ray.kill(actor)
        if self._started:
            self._ray.shutdown()
        remove_abandoned()  # what actors of this machine left that ended within a shard

    def _dismiss(self) -> None:
        """Have the actors that are there and have no shard remove what they wrote; an actor that is killed cannot."""
        answers = [actor.close.remote() for actor, shards in self._load.items() if not shards]
        if answers:
            self._ray.wait(answers, num_returns=len(answers), timeout=FAREWELL)


class RayWorker:
    """A worker in an actor. It loads the network at its first shard, so that what fails there reaches the run.

    Args:
        mailbox: the actor that is told of calls.
    """

    def __init__(self, order: WorkOrder, mailbox: Any) -> None:
        ignore_signals()
        self._order, self._mailbox = order, mailbox

    def ready(self) -> None:
        """Answers when the actor is there."""

    def work(self, job: ShardJob) -> ShardResult | Withdrawn:
        """As ``ShardWorker.work``, if the shard was not withdrawn meanwhile."""
        if self._withdrawn():
            return Withdrawn()
        tell = partial(self._tell, job.index)
        with ToldRecord(self._folder.path, tell, every=job.announced).kept() as record:
            worker = self._worker  # the first time it loads the network, which takes a while
            return Withdrawn() if self._withdrawn() else worker.work(job, record)

    def _withdrawn(self) -> bool:
        """Whether the shards that wait are; not if the mailbox is gone, as the run then needs the shard after all."""
        ray = _imported()
        with suppress(ray.exceptions.RayError):
            return bool(ray.get(self._mailbox.withdrawn.remote(), timeout=ANSWER))
        return False

    def _tell(self, shard: int, call: LastCall) -> None:
        """Returns when the mailbox has it; a mailbox that is gone is no reason to fail."""
        ray = _imported()
        with suppress(ray.exceptions.RayError):
            ray.get(self._mailbox.put.remote(shard, call), timeout=ANSWER)

    def close(self) -> None:
        """Remove what the worker wrote; it is given no shard any more."""
        if "_folder" in vars(self):
            self._folder.close()

    @cached_property
    def _folder(self) -> ScratchFolder:
        """On the actor's machine, from its first shard on. The next actor there removes those of actors that ended."""
        return ScratchFolder()

    @cached_property
    def _worker(self) -> ShardWorker:
        folder = self._folder.path / "worker"
        folder.mkdir(exist_ok=True)
        return ShardWorker(self._order, folder)


def _imported() -> Any:
    try:
        return importlib.import_module("ray")
    except ImportError:
        raise BenchError("Ray is not installed", where="engine: ray", hint=_INSTALL) from None


def connect(ray: Any, address: str | None) -> bool:
    """Whether a cluster was connected to; not where the process has one already.

    Raises:
        BenchError: there is none at the address.
    """
    if ray.is_initialized():
        return False
    address = address or os.environ.get("RAY_ADDRESS") or "local"  # without one, Ray joins a cluster that it finds
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would send statistics to its makers
    try:
        ray.init(address=address, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        hint = "Start it with ray start --head, or leave the address out for a cluster of this machine"
        raise BenchError(f"no Ray cluster: {message_of(error)}", where="ray_address", hint=hint) from None
    return True


def _machines(ray: Any) -> list[Mapping[str, float]]:
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def _no_room(ray: Any) -> BenchError:
    message = f"no worker fits into a machine of the Ray cluster: {listed(_machines(ray))}"
    return BenchError(message, where="engine: ray", hint="Change num_cpus and num_gpus, or add a machine")


def fitting_now(needs: Mapping[str, float], address: str | None) -> int:
    """How many actors of these needs a cluster holds now; at least one.

    Raises:
        BenchError: as ``RayPool``.
    """
    ray = _imported()
    started = connect(ray, address)
    try:
        count = sum(fitting(machine, needs) for machine in _machines(ray))
        if not count:
            raise _no_room(ray)
        return count
    finally:
        if started:
            ray.shutdown()
