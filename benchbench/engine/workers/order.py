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


@dataclass(frozen=True, eq=False)
class WorkOrder:
    """What a worker has to know before it works on a network's shards. It can be pickled.

    Attributes:
        study: the pickled study.
        files: the user's Python files that the study needs; a worker imports them first.
        model: which of the study's networks, from 0.
        predictions: of every shard, the name of its pack: a worker has to find the same.
        forced: whether cells that failed twice in the same way are tried again.
        threads: of torch, in each worker; None leaves the number to torch.
        time_limit: seconds that a call of a plugin may take for a batch; None: no limit.
        gpu_slots: whether the workers of one machine share out its GPUs among themselves.
        grace: seconds until a call that cannot be interrupted ends the worker; see ``PluginWatch``.
    """

    study: bytes
    files: tuple[str, ...]
    model: int
    predictions: tuple[str, ...]
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
        BenchError: a part of it, such as a network with a lambda's lock or an open file, cannot be sent.
    """
    try:
        return bytes(cloudpickle.dumps(study))
    except Exception as error:
        message = f"the study cannot be sent to another process: {type(error).__name__}: {error}"
        hint = "Give networks and data by name or as FILE.py:function, or leave out --processes and --engine"
        raise BenchError(message, where="engine", hint=hint) from error


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
        given_up: by plugin, why it is not called.
        announced: whether a worker that has no disk in common with the command tells it of each call beforehand. That
            takes a millisecond, so it is done for shards that ended a worker.
    """

    index: int
    packs: Mapping[str, bytes]
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
        seconds: of wall time in the worker.
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
