"""How long a run would take on this machine, and how much it would write: from a batch that is measured.

The study is run on its first images into a folder that is thrown away: on one image, which warms up and shows what does
not grow, and twice on a batch, the second time under another seed. Seconds, passes and bytes of an image are those of
the batches; the rest is the plan's (``planned_work``). What methods cost alone is not measured beforehand: it is worked
out from the plan's passes, in the units of the batches.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..cost.allocator import keep_memory
from ..formatting import duration, plural, size
from ..results.run_log import last_events
from ..results.store import Store
from ..study.plan import SHARD
from ..study.spec import StudySpec
from .dry_run import DryRun, dry_run
from .planned_work import PlannedWork
from .progress import Progress, Silent
from .runner import run
from .stopping import Stopped
from .time_left import Piece

ENOUGH = 15.0  # seconds that a batch may take
LEAST_DOUBT, DOUBT_OF_COST = 0.15, 0.5  # of the seconds of shards; of what methods cost alone
MOST = 16  # images of a batch on a CPU; on a GPU it is a shard


@dataclass(frozen=True)
class MeasuredBatch:
    """What a batch took.

    Attributes:
        images: how many it had; ``seconds``: all measurements together.
        per_image: by network and data set, seconds of an image.
        forwards: of an image, by network and data set.
        spread: how much the two batches differ, as a share.
        bytes_per_image: on the disk, of all networks and data sets together.
    """

    images: int
    seconds: float
    per_image: Mapping[tuple[str, str], float]
    forwards: Mapping[tuple[str, str], float]
    spread: float
    bytes_per_image: float


@dataclass(frozen=True, eq=False)
class ShardPart:
    """A shard that is to be done.

    Attributes:
        start: the place of its first image in the seeded order.
        part: what it lacks, as a share of all the work on it.
    """

    place: tuple[str, str]
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
    """

    plan: DryRun
    measured: MeasuredBatch
    fixed: float
    costs: float
    shards: Sequence[ShardPart]

    @property
    def seconds(self) -> float:
        """Of the whole run, without the report."""
        return self.seconds_of(self.plan.study.samples)

    def seconds_of(self, samples: int) -> float:
        """Of a run on the first ``samples`` images of each data set."""
        return self.fixed + self.costs + self._of_shards(samples)

    def _of_shards(self, samples: int) -> float:
        return sum(
            self.measured.per_image[s.place] * s.part * max(0, min(s.images, samples - s.start)) for s in self.shards
        )

    @property
    def doubt(self) -> float:
        """How far off ``seconds`` may be, as a share."""
        shards = self._of_shards(self.plan.study.samples)
        own = max(LEAST_DOUBT, self.measured.spread)
        return (own * (shards + self.fixed) + DOUBT_OF_COST * self.costs) / max(self.seconds, 1e-9)

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
        return {**self.plan.plain(), **numbers, "forwards": round(self.forwards), "measured": batch}

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
            f"Time: about {duration(self.seconds)} ({low} to {high}){costs}",
            f"Disk: about {size(self.bytes)}",
            how,
        ]


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
        measured = _measured_or_stopped(plan, Path(scratch), told)
    shards = _shard_parts(plan.work, whole)
    units = _units(measured, whole)
    alone = [piece for piece in plan.work.pieces if _is_cost(piece)]
    checks = [piece for piece in plan.work.pieces if piece.kind == "check" and piece not in alone]
    costs, checked = (sum(p.seconds(units[_network_of(p)]) for p in some) for some in (alone, checks))
    others = sum(piece.weight for piece in plan.work.pieces if piece.kind in ("load", "tables"))
    fixed = sum(plan.survey.loads.values()) + others + checked
    return Estimate(plan, measured, fixed, costs, shards)


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
        ShardPart(name[:2], starts[name], piece.images, piece.weight / full[name])
        for piece in work.pieces
        if piece.kind == "shard" and (name := _shard_name(piece)) in full
    ]


def _shard_name(piece: Piece) -> tuple[str, str, str]:
    """Network, data set and the shard's own name."""
    assert isinstance(piece.key, tuple)
    _, _, network, dataset, name = piece.key
    return network, dataset, name


def _units(measured: MeasuredBatch, whole: PlannedWork) -> dict[str, float]:
    """By network, seconds of a unit of the plan's weight."""
    seconds: dict[str, float] = {}
    weights: dict[str, float] = {}
    for piece in whole.pieces:
        if piece.kind == "shard":
            network, dataset, _ = _shard_name(piece)
            first = isinstance(piece.key, tuple) and piece.key[1] == 1
            spent = measured.per_image.get((network, dataset), 0.0) * piece.images if first else 0.0
            seconds[network] = seconds.get(network, 0.0) + spent
            weights[network] = weights.get(network, 0.0) + piece.weight
    return {network: seconds[network] / weight if weight else 0.0 for network, weight in weights.items()}


def _measured_or_stopped(plan: DryRun, scratch: Path, progress: Progress) -> MeasuredBatch:
    """As ``_measured``. A signal stops the estimate, of which nothing stays: a trial's tables are nobody's.

    Raises:
        Stopped: a signal came.
    """
    try:
        return _measured(plan, scratch, progress)
    except Stopped as stop:
        raise Stopped(stop.number) from None


def _measured(plan: DryRun, scratch: Path, progress: Progress) -> MeasuredBatch:
    """The study on a few of its images, in a folder that is thrown away."""
    keep_memory()
    alone = tuple(metric for metric in plan.study.metrics if not metric.plugin.alone) or plan.study.metrics
    study = plan.study.model_copy(update={"metrics": alone, "suite": None})
    progress.say("measuring one image")
    warm = _trial(study.model_copy(update={"samples": 1}), scratch / "one")
    each = sum(warm.seconds.values()) or 1e-9
    device = plan.survey.plans[0].model.settings["device"]
    most = min(SHARD if device == "cuda" else MOST, study.samples)
    images = max(1, min(most, int(ENOUGH / each)))
    progress.say(f"measuring {plural(images, 'image')}")
    trials = [
        _trial(study.model_copy(update={"samples": images, "seed": study.seed + turn}), scratch / f"batch{turn}")
        for turn in (0, 1)
    ]
    rates = [sum(trial.seconds.values()) / max(trial.images, 1) for trial in trials]
    per_image = {p: sum(t.seconds[p] / t.counts[p] for t in trials) / len(trials) for p in trials[0].seconds}
    forwards = {p: trials[0].forwards[p] / trials[0].counts[p] for p in trials[0].seconds}
    grown = (trials[0].bytes - warm.bytes) / (images - 1) if images > 1 else trials[0].bytes
    spread = abs(rates[0] - rates[1]) / max(sum(rates) / 2, 1e-9)
    return MeasuredBatch(
        images, warm.whole + sum(t.whole for t in trials), per_image, forwards, spread, max(grown, 0.0)
    )


@dataclass(frozen=True)
class _Trial:
    """A run on a few images: by network and data set, seconds, forwards and images of its shards; all its seconds."""

    seconds: Mapping[tuple[str, str], float]
    forwards: Mapping[tuple[str, str], float]
    counts: Mapping[tuple[str, str], int]
    bytes: int
    whole: float

    @property
    def images(self) -> int:
        """Of all networks and data sets."""
        return sum(self.counts.values())


def _trial(study: StudySpec, folder: Path) -> _Trial:
    run(study, folder)
    events = last_events(folder)
    trial = _Trial({}, {}, {}, _bytes_of(folder), float(events[-1]["seconds"]))
    seconds, forwards, counts = dict(trial.seconds), dict(trial.forwards), dict(trial.counts)
    for event in events:
        if event["event"] in ("shard", "derived shard"):
            place = event["network"], event["dataset"]
            seconds[place] = seconds.get(place, 0.0) + event["seconds"]
            forwards[place] = forwards.get(place, 0.0) + event["forwards"]
            if event["event"] == "shard":
                counts[place] = counts.get(place, 0) + event["images"]
    return replace(trial, seconds=seconds, forwards=forwards, counts=counts)


def _bytes_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and path.name != "log.jsonl")
