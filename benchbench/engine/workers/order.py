"""What is sent to a worker and what it sends back."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import cloudpickle

from ...containment.hang_record import LastCall
from ...cost.ledger import Ledger, Passes
from ...errors import BenchError
from ...registry.importing import load_file, user_files
from ...study.spec import StudySpec
from .command_plan import CommandPlan

LOOK = 1.0  # seconds that a pool waits for a result until the command looks whether it was asked to stop


@dataclass(frozen=True, eq=False)
class WorkOrder:
    """What a worker has to know before it works on a network's shards. It can be pickled.

    Attributes:
        study: the pickled study.
        files: the user's Python files that the study needs; a worker imports them first.
        model: which of the study's networks, from 0.
        plan: what a worker has to find as the command did.
        forced: whether cells that failed twice in the same way are tried again.
        threads: of torch, in each worker; None leaves the number to torch.
        time_limit: seconds that a call of a plugin may take for a batch; None: no limit.
        gpu_slots: whether the workers of one machine share out its GPUs among themselves.
        grace: seconds until a call that cannot be interrupted ends the worker; see ``PluginWatch``.
    """

    study: bytes
    files: tuple[str, ...]
    model: int
    plan: CommandPlan
    forced: bool
    threads: int | None
    time_limit: float | None = None
    gpu_slots: bool = False
    grace: float | None = None

    def read_study(self) -> StudySpec:
        """The study, in another process.

        Raises:
            BenchError: a file of the user is not on this machine, or fails to import.
        """
        for file in self.files:
            load_file(file)
        study: StudySpec = cloudpickle.loads(self.study)
        return study


def pickled(study: StudySpec) -> bytes:
    """The study for another process. What the user defined in a script or notebook is sent as code.

    Raises:
        BenchError: a part of it has something that cannot be sent: a lock, an open file, a generator, a connection.
    """
    try:
        return bytes(cloudpickle.dumps(study))
    except Exception as error:
        message = f"the study cannot be sent to another process: {type(error).__name__}: {error}"
        hint = "Give networks and data by name or as FILE.py:function, or leave out --processes and --engine"
        raise BenchError(message, where=_unsendable(study), hint=hint) from error


def _unsendable(study: StudySpec) -> str:
    """The key and the name of what cannot be sent."""
    for key in ("models", "datasets", "methods", "metrics"):
        for choice in getattr(study, key):
            try:
                cloudpickle.dumps(choice)
            except Exception:
                return f"{key}: {choice.label}"
    return "engine"


def files_of(study: bytes) -> tuple[str, ...]:
    """The user's Python files that a pickled study names, in the order of their import.

    Other files that this process has imported stay here: two of them may register plugins of the same name.
    """
    return tuple(str(file) for name, file in user_files(sys.modules).items() if name.encode() in study)


@dataclass(frozen=True)
class ShardJob:
    """A shard to be worked on.

    Attributes:
        index: its place among the network's tasks.
        packs: by file name, those with cells of it.
        written: its cells that this run has written already: each is tried once a run.
        given_up: by plugin, why it is not called.
        announced: whether a worker that has no disk in common with the command tells it of each call beforehand. That
            takes a millisecond, so it is done for shards that ended a worker.
    """

    index: int
    packs: Mapping[str, bytes]
    written: frozenset[str] = frozenset()
    given_up: Mapping[str, str] = field(default_factory=dict)
    announced: bool = False


@dataclass(frozen=True, eq=False)
class ShardResult:
    """What came of a shard.

    Attributes:
        parts: by name, what belongs into the shard's pack; notes: of its cells.
        computed: how many cells that were.
        passes: what the network did for it. ledger: who caused it.
        settled: cells that failed twice and were left as they are.
        told: what plugins did that spoilt no number, by who and the first words.
        batch: images in a forward pass at the end.
        seconds: that the worker took, without its start.
    """

    parts: Mapping[str, bytes]
    notes: Mapping[str, Any]
    computed: int
    passes: Passes
    ledger: Ledger
    settled: frozenset[str]
    told: Mapping[tuple[str, str], str]
    batch: int
    seconds: float


@dataclass(frozen=True)
class Withdrawn:
    """A shard was not begun: the run was stopped while the shard waited for a worker."""


@dataclass(frozen=True)
class WorkerLost:
    """A worker ended while it had a shard.

    Attributes:
        reason: as far as it is known.
        call: the call of a plugin in which it ended, as far as that is known.
        suspected: whether the shard may have ended it; not where another shard did.
    """

    reason: str
    call: LastCall | None = None
    suspected: bool = True


def lost_worker(job: ShardJob, calls: Mapping[int, LastCall], reason: str) -> WorkerLost:
    """What is known of a shard that was lost together with others.

    Args:
        calls: by shard that was begun, the call in which its worker ended, as far as they are known. If a call was
            given up, its shard is the one that ended a worker; else any shard that was begun may be.
    """
    guilty = {number for number, call in calls.items() if call.given_up} or set(calls) or {job.index}
    return WorkerLost(reason, calls.get(job.index), job.index in guilty)
