"""How long a run would take on this machine, and how much it would write: from a batch that is measured.

The study is run on its first images into a folder that is thrown away: on one image, which warms up and shows what does
not grow, and twice on a batch, the second time under another seed. Seconds, passes and bytes of an image are those of
the batches; the rest is the plan's (``planned_work``). What methods cost alone is not measured beforehand: it is worked
out from the plan's passes, in the units of the batches. Where a study has workers, its shards are divided among them,
and their start is added.
"""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from ..formatting import duration, plural, size
from ..results.store import Store
from ..study.spec import StudySpec
from .dry_run import DryRun, dry_run
from .measured_batch import MeasuredBatch, measured_batch
from .planned_work import PlannedWork
from .progress import Progress, Silent
from .time_left import Piece
from .workers.workforce import Workforce, workforce

LEAST_DOUBT, DOUBT_OF_COST = 0.15, 0.5  # of the seconds of shards; of what methods cost alone
DOUBT_OF_WORKERS = 0.3  # of the seconds of shards: workers share memory and disks, and start when there is room


@dataclass(frozen=True, eq=False)
class ShardPart:
    """A shard that is to be done.

    Attributes:
        sweep: 1, or 2 for what is derived from the maps of the first time.
        start: the place of its first image in the seeded order.
        part: what it lacks, as a share of all the work on it.
    """

    place: tuple[str, str]
    sweep: int
    start: int
    images: int
    part: float


@dataclass(frozen=True, eq=False)
class Estimate:
    """What a run would take.

    Attributes:
        plan: what is to be done.
        measured: the batch.
        fixed: seconds that do not depend on the number of images, without the costs.
        costs: seconds to measure what methods cost alone.
        shards: that are to be done.
        workforce: the workers among which they are divided; None if the command computes them.
        starts: seconds until the workers are there, of all networks; they are part of ``fixed``.
    """

    plan: DryRun
    measured: MeasuredBatch
    fixed: float
    costs: float
    shards: Sequence[ShardPart]
    workforce: Workforce | None = None
    starts: float = 0.0

    @property
    def seconds(self) -> float:
        """Of the whole run, without the report."""
        return self.seconds_of(self.plan.study.samples)

    def seconds_of(self, samples: int) -> float:
        """Of a run on the first ``samples`` images of each data set."""
        return self.fixed + self.costs + self._of_shards(samples)

    def _of_shards(self, samples: int) -> float:
        """Networks and sweeps come one after the other; a worker that is free takes the next shard."""
        at_once = 1 if self.workforce is None else self.workforce.at_once
        rounds = groupby(self.shards, key=lambda shard: (shard.place[0], shard.sweep))
        return sum(_divided((self._seconds_of(shard, samples) for shard in some), at_once) for _, some in rounds)

    def _seconds_of(self, shard: ShardPart, samples: int) -> float:
        images = max(0, min(shard.images, samples - shard.start))
        return self.measured.per_image[shard.place] * shard.part * images

    @property
    def doubt(self) -> float:
        """How far off ``seconds`` may be, as a share."""
        shards = self._of_shards(self.plan.study.samples)
        doubt_of_shards = max(LEAST_DOUBT if self.workforce is None else DOUBT_OF_WORKERS, self.measured.spread)
        return (doubt_of_shards * (shards + self.fixed) + DOUBT_OF_COST * self.costs) / max(self.seconds, 1e-9)

    @property
    def forwards(self) -> float:
        """Images that scorers answer."""
        return sum(self.measured.forwards[s.place] * s.part * s.images for s in self.shards)

    @property
    def bytes(self) -> float:
        """What the run adds to the folder, without the report."""
        settings = max(len(self.measured.per_image), 1)
        return sum(self.measured.bytes_per_image / settings * shard.part * shard.images for shard in self.shards)

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        numbers = {"seconds": round(self.seconds, 1), "doubt": round(self.doubt, 2), "bytes": round(self.bytes)}
        batch = {"images": self.measured.images, "seconds": round(self.measured.seconds, 1)}
        whole = {**self.plan.plain(), **numbers, "forwards": round(self.forwards), "measured": batch}
        if self.workforce is None:
            return whole
        counts = {"count": self.workforce.count, "at_once": self.workforce.at_once}
        return {**whole, "workers": {**counts, "start_seconds": round(self.starts, 1)}}

    def lines(self) -> list[str]:
        """In words."""
        low, high = (duration(self.seconds * (1 + sign * self.doubt)) for sign in (-1, 1))
        to_do = [line for line in self.plan.to_do() if not line.startswith("Forward")]
        costs = f", {duration(self.costs)} of them to measure methods alone" if self.costs >= 1 else ""
        how = (
            f"Measured here in {duration(self.measured.seconds)}, on {plural(self.measured.images, 'image')} "
            "of each data set, twice after a warm-up. "
            f"The two differ by {self.measured.spread:.0%}. "
            "The report, a suite's own work and what else runs on the machine are not in it."
        )
        return [
            *self.plan.subject(),
            *to_do,
            f"Forward passes: about {self.forwards:,.0f}",
            *self._of_workers(),
            f"Time: about {duration(self.seconds)} ({low} to {high}){costs}",
            f"Disk: about {size(self.bytes)}",
            how,
        ]

    def _of_workers(self) -> list[str]:
        if self.workforce is None:
            return []
        writes = "What the command takes to write what they send is not in it."
        return [f"{self.workforce.sentence}. They take {duration(self.starts)} to start. {writes}"]


def _divided(shards: Iterable[float], workers: int) -> float:
    """Seconds until so many workers have done shards that take these seconds, in their order."""
    free = [0.0] * workers
    for seconds in shards:
        heapq.heapreplace(free, free[0] + seconds)
    return max(free)


def estimate(
    study: StudySpec,
    folder: Path,
    progress: Progress | None = None,
    *,
    overwrite: bool = False,
    retry_failed: bool = False,
) -> Estimate:
    """What a run of the study into a folder would take on this machine. Nothing is written there.

    Raises:
        BenchError: as ``run`` would.
    """
    told = progress or Silent()
    told.say("planning")
    plan = dry_run(study, folder, overwrite=overwrite, retry_failed=retry_failed)
    with tempfile.TemporaryDirectory() as scratch:
        whole = plan.survey.work(Store(Path(scratch) / "nothing"))
        shards = _shard_parts(plan.work, whole)
        workers = workforce(plan.study, plan.survey.plans[0].model.settings["device"]) if shards else None
        measured = measured_batch(plan, workers, Path(scratch), told)
    units = _units(measured, whole)
    alone = [piece for piece in plan.work.pieces if _is_cost(piece)]
    checks = [piece for piece in plan.work.pieces if piece.kind == "check" and piece not in alone]
    costs, checked = (sum(p.seconds(units[_network_of(p)]) for p in some) for some in (alone, checks))
    others = sum(piece.weight for piece in plan.work.pieces if piece.kind in ("load", "tables"))
    loads = plan.survey.loads
    starts = 0.0 if workers is None else sum(workers.start(loads[name]) for name in {s.place[0] for s in shards})
    fixed = sum(loads.values()) + others + checked + starts
    return Estimate(plan, measured, fixed, costs, shards, workers, starts)


def _is_cost(piece: Piece) -> bool:
    return isinstance(piece.group, tuple) and piece.group[0] == "cost"


def _network_of(piece: Piece) -> str:
    """Of what a method costs, and of a check."""
    assert isinstance(piece.group, tuple)
    return str(piece.group[1])


def _shard_parts(work: PlannedWork, whole: PlannedWork) -> list[ShardPart]:
    """The shards that are to be done, with their places in the seeded order."""
    full: dict[Any, float] = {}
    starts: dict[Any, int] = {}
    counts: dict[tuple[str, str], int] = {}
    for piece in whole.pieces:
        if piece.kind == "shard":
            name = _shard_name(piece)
            if name not in starts:
                starts[name] = counts.get(name[:2], 0)
                counts[name[:2]] = starts[name] + piece.images
            full[name] = full.get(name, 0.0) + piece.weight
    return [
        ShardPart(name[:2], _sweep(piece), starts[name], piece.images, piece.weight / full[name])
        for piece in work.pieces
        if piece.kind == "shard" and (name := _shard_name(piece)) in full
    ]


def _shard_name(piece: Piece) -> tuple[str, str, str]:
    """Network, data set and the shard's own name."""
    assert isinstance(piece.key, tuple)
    _, _, network, dataset, name = piece.key
    return network, dataset, name


def _sweep(piece: Piece) -> int:
    assert isinstance(piece.key, tuple)
    return int(piece.key[1])


def _units(measured: MeasuredBatch, whole: PlannedWork) -> dict[str, float]:
    """By network, seconds of a unit of the plan's weight."""
    seconds: dict[str, float] = {}
    weights: dict[str, float] = {}
    for piece in whole.pieces:
        if piece.kind == "shard":
            network, dataset, _ = _shard_name(piece)
            spent = measured.alone.get((network, dataset), 0.0) * piece.images if _sweep(piece) == 1 else 0.0
            seconds[network] = seconds.get(network, 0.0) + spent
            weights[network] = weights.get(network, 0.0) + piece.weight
    return {network: seconds[network] / weight if weight else 0.0 for network, weight in weights.items()}
