"""A study on a few of its images, in a folder that is thrown away: what an image takes on this machine.

The command computes these images itself, also where the study has workers: their start would be part of what an image
takes. Torch has as many threads as in a worker.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from ..cost.allocator import keep_memory
from ..formatting import plural
from ..results.run_log import last_events
from ..study.plan import SHARD
from ..study.spec import StudySpec
from .dry_run import DryRun
from .progress import Progress
from .runner import run
from .stopping import Stopped
from .threads import torch_threads
from .workers.workforce import Workforce

ENOUGH = 15.0  # seconds that a batch may take
MOST = 16  # images of a batch on a CPU; on a GPU it is a shard
_HERE = {"engine": "local", "processes": None, "num_cpus": 1, "num_gpus": 0, "ray_address": None}


@dataclass(frozen=True)
class MeasuredBatch:
    """What a batch took.

    Attributes:
        images: how many it had; ``seconds``: all measurements together.
        per_image: by network and data set, seconds of an image with the threads of whoever computes the shards.
        alone: the same with the threads of the command, which checks the input and measures what methods cost.
        forwards: of an image, by network and data set.
        spread: how much the two batches differ, as a share.
        bytes_per_image: on the disk, of all networks and data sets together.
    """

    images: int
    seconds: float
    per_image: Mapping[tuple[str, str], float]
    alone: Mapping[tuple[str, str], float]
    forwards: Mapping[tuple[str, str], float]
    spread: float
    bytes_per_image: float


def measured_batch(plan: DryRun, workforce: Workforce | None, scratch: Path, progress: Progress) -> MeasuredBatch:
    """Measure a batch of the study's images.

    A signal stops the measurement, of which nothing stays: its tables are nobody's.

    Args:
        scratch: a folder.

    Raises:
        Stopped: a signal came.
    """
    try:
        return _measured(plan, workforce, scratch, progress)
    except Stopped as stop:
        raise Stopped(stop.number) from None


def _measured(plan: DryRun, workforce: Workforce | None, scratch: Path, progress: Progress) -> MeasuredBatch:
    keep_memory()
    metrics = tuple(metric for metric in plan.study.metrics if not metric.plugin.alone) or plan.study.metrics
    study = plan.study.model_copy(update={"metrics": metrics, "suite": None, **_HERE})
    here = torch.get_num_threads()
    threads = here if workforce is None else workforce.threads
    progress.say("measuring one image")
    warm = _trial(study.model_copy(update={"samples": 1}), scratch / "one", threads)
    each = sum(warm.seconds.values()) or 1e-9
    device = plan.survey.plans[0].model.settings["device"]
    most = min(SHARD if device == "cuda" else MOST, study.samples)
    images = max(1, min(most, int(ENOUGH / each)))
    progress.say(f"measuring {plural(images, 'image')}")
    batches = [study.model_copy(update={"samples": images, "seed": study.seed + turn}) for turn in (0, 1)]
    trials = [_trial(batch, scratch / f"batch{turn}", threads) for turn, batch in enumerate(batches)]
    more = [] if threads == here else [_trial(batches[0], scratch / "alone", here)]
    rates = [sum(trial.seconds.values()) / max(trial.images, 1) for trial in trials]
    per_image = {p: sum(t.seconds[p] / t.counts[p] for t in trials) / len(trials) for p in trials[0].seconds}
    alone = {p: trial.seconds[p] / trial.counts[p] for trial in more for p in trial.seconds}
    forwards = {p: trials[0].forwards[p] / trials[0].counts[p] for p in trials[0].seconds}
    grown = (trials[0].bytes - warm.bytes) / (images - 1) if images > 1 else trials[0].bytes
    spread = abs(rates[0] - rates[1]) / max(sum(rates) / 2, 1e-9)
    seconds = sum(trial.whole for trial in (warm, *trials, *more))
    return MeasuredBatch(images, seconds, per_image, alone or per_image, forwards, spread, max(grown, 0.0))


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


def _trial(study: StudySpec, folder: Path, threads: int) -> _Trial:
    with torch_threads(threads):
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
