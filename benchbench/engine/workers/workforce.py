"""How many workers a study would have, how many of them compute at once, and how long they take to start."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ...formatting import plural
from ...processors import usable_processors
from ...study.spec import StudySpec
from .local_pool import start_seconds
from .pools import has_workers, worker_threads
from .ray_pool import fitting_now


@dataclass(frozen=True)
class Workforce:
    """The workers of a study.

    Attributes:
        title: how many there are of what.
        at_once: how many compute at the same time. Workers that share a GPU count as one, and so do processes that
            share a processor.
        threads: of torch, in each.
        imports: seconds until they have imported what they need. crowd: how often a worker's start takes as long, since
            the workers of a machine start at the same time.
    """

    title: str
    count: int
    at_once: int
    threads: int
    imports: float
    crowd: float

    def start(self, load: float) -> float:
        """Seconds until the workers of a network are there, which takes ``load`` seconds to be loaded."""
        return (self.imports + load) * self.crowd

    @property
    def sentence(self) -> str:
        """How the shards are divided."""
        if self.at_once == self.count:
            return f"{self.title}: the shards are divided among them"
        return f"{self.title}: as fast as {self.at_once}, since they share processors or GPUs"


def workforce(study: StudySpec, device: str) -> Workforce | None:
    """The workers that a study would have now; None where the command computes its shards.

    Args:
        device: the type of the study's device.

    Raises:
        BenchError: Ray is not installed, there is no such cluster, or no worker fits into its machines.
    """
    if not has_workers(study):
        return None
    threads = worker_threads(study)
    if study.engine == "ray":
        count = fitting_now({"num_cpus": study.num_cpus, "num_gpus": study.num_gpus}, study.ray_address)
        count = min(count, study.processes or count)
        shared = min(1.0, study.num_gpus) if device == "cuda" and study.num_gpus else 1.0
        at_once = max(1, int(count * shared + 1e-6))
        return Workforce(plural(count, "Ray worker"), count, at_once, threads, start_seconds(), 1.0)
    count, processors = study.processes or 1, usable_processors()
    at_once = min(count, _devices(study, device, processors))
    crowd = max(1.0, count / processors)
    return Workforce(plural(count, "process", "processes"), count, at_once, threads, start_seconds(), crowd)


def _devices(study: StudySpec, device: str, processors: int) -> int:
    """What the processes of this machine share out."""
    if device == "cpu":
        return processors
    every_gpu = device == "cuda" and study.device in ("auto", "cuda")
    return max(1, torch.cuda.device_count()) if every_gpu else 1
