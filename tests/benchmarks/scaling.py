"""How a run grows with its workers, if the network takes a fixed time, and what a shard costs the command.

`python -m tests.benchmarks.scaling OUT.json [WORKERS ...]`, alone on the machine; without counts 1, 2, 4, 8, 16, 32.

The network waits in each pass, as for a device that computes elsewhere: it needs neither a processor nor Python
meanwhile, so that one machine has room for many workers. Whatever does not grow with the workers shows: the command
that hands out and writes, and the pool. Each count is run on processes of this machine, and on a Ray cluster of this
machine that is told that it has so many processors. The first shard of each worker is the start; the others are
counted.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil
import torch
from torch import Tensor

import benchbench as bb
from benchbench.engine.progress import Silent
from benchbench.engine.time_left import Outlook
from benchbench.study import plan
from benchbench.testing import Small

from .scaling_writer import WriterCost, writer_cost

COUNTS = (1, 2, 4, 8, 16, 32)
ENGINES = ("local", "ray")
LATENCY = 0.2  # seconds of a pass
STEPS = 12  # of the deletion curve: with two methods a shard of 32 images takes 27 passes
ROUNDS = 5  # shards of each worker, the first included
NAMES = {"local": "processes of this machine", "ray": "Ray on this machine"}
GOAL = 0.9  # of the shards per second that so many single workers would do


class Waiting(Small):
    """Answers after a fixed time, in which it uses no processor."""

    def __init__(self, latency: float) -> None:
        super().__init__()
        self.latency = latency

    def forward(self, images: Tensor) -> Tensor:
        time.sleep(self.latency)
        return super().forward(images)


@dataclass(eq=False)
class Arrivals(Silent):
    """When each shard arrived, and what the command had computed by then.

    Attributes:
        workers: whose first shards are the start.
        began: when shards were handed out; ``clock``, ``computing``: by shards that had arrived, seconds.
        children: seconds that the processes of the workers had computed, after the start and at the end.
    """

    workers: int
    total: int
    began: float = 0.0
    clock: dict[int, float] = field(default_factory=dict)
    computing: dict[int, float] = field(default_factory=dict)
    children: dict[int, float] = field(default_factory=dict)

    def start(self, total: int) -> None:
        """Told by the run, when everything is planned."""
        self.began = time.perf_counter()

    def follow(self, outlook: Outlook) -> None:
        """Told by the run."""
        done = outlook.shards_done
        if done and done not in self.clock:
            if done in (self.workers, self.total):
                self.children[done] = _computed_by_children()
            self.clock[done], self.computing[done] = time.perf_counter(), time.process_time()


def _computed_by_children() -> float:
    seconds = 0.0
    for child in psutil.Process().children(recursive=True):
        try:
            seconds += sum(child.cpu_times()[:2])
        except psutil.NoSuchProcess:
            continue
    return seconds


@dataclass(frozen=True)
class Scaled:
    """Of one count of workers.

    Attributes:
        rate: shards per second, after the first shard of each worker.
        start: seconds until the last worker's first shard had arrived, without the time of a shard.
        writer: processor seconds of the command for a shard. workers_computing: those of all workers' processes.
        stored: bytes of a shard in the folder.
    """

    engine: str
    workers: int
    shards: int
    rate: float
    start: float
    writer: float
    workers_computing: float
    stored: int


def waiting_study(shards: int, latency: float, steps: int, **keys: Any) -> bb.Study:
    """Of so many shards of small images, whose network waits."""
    count = shards * plan.SHARD
    torch.manual_seed(0)
    pictures = torch.randn(count, 3, 16, 16)
    methods, metrics = ["gradcam", "random"], [{"name": "deletion", "steps": steps}, "sparseness"]
    return bb.Study(
        models={"waiting": Waiting(latency)},
        datasets={"noise": (pictures, [i % 7 for i in range(count)])},
        layers=["relu"],
        methods=methods,
        metrics=metrics,
        samples=count,
        batch=plan.SHARD,
        workers=0,
        **keys,
    )


@contextmanager
def cluster(engine: str, processors: int) -> Iterator[None]:
    """For Ray, a cluster of this machine that is told that it has so many processors."""
    if engine == "local":
        yield
        return
    import ray

    ray.init("local", num_cpus=processors, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    try:
        yield
    finally:
        ray.shutdown()


def measure(engine: str, workers: int, *, latency: float = LATENCY, steps: int = STEPS, rounds: int = ROUNDS) -> Scaled:
    """A run with so many workers."""
    shards = workers * rounds
    keys: dict[str, Any] = {"processes": workers, "engine": engine}
    study = waiting_study(shards, latency, steps, **keys)
    arrivals = Arrivals(workers, shards)
    with tempfile.TemporaryDirectory() as name, cluster(engine, workers):
        folder = Path(name) / "run"
        study.run(folder, report=False, progress=arrivals)
        stored = sum(path.stat().st_size for path in (folder / "cells").iterdir())
    counted = shards - workers
    took, computing, children = (
        each[shards] - each[workers] for each in (arrivals.clock, arrivals.computing, arrivals.children)
    )
    start = arrivals.clock[workers] - arrivals.began - workers * took / counted
    return Scaled(
        engine, workers, counted, counted / took, start, computing / counted, children / counted, stored // shards
    )


def scaling_section(rows: Sequence[dict[str, Any]], writer: dict[str, Any], latency: float, cores: int) -> list[str]:
    """The part of docs/performance.md, from what was measured."""
    lines = [
        "## How a run grows with its workers",
        "",
        f"The network waits {latency:g} s in each pass and computes next to nothing, so that many workers fit on this "
        f"machine of {cores} processors. Each worker does {ROUNDS} shards of {plan.SHARD} images, of which the first "
        "is the start.",
        "",
        "| workers | shards a second | of single workers | start, s | command, s a shard | workers, s a shard |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for engine in ENGINES:
        measured = [row for row in rows if row["engine"] == engine]
        if not measured:
            continue
        alone = measured[0]["rate"] / measured[0]["workers"]
        for row in measured:
            share = row["rate"] / row["workers"] / alone
            numbers = f"{row['rate']:.2f} | {100 * share:.0f} % | {row['start']:.0f}"
            lines.append(f"| {row['workers']}, {NAMES[engine]} | {numbers} | {_seconds(row)} |")
    last = WriterCost(**writer)
    bound = 1 / last.seconds
    return [
        *lines,
        "",
        "Seconds of the command and of the workers are those of processors. Where all seconds of a shard times the "
        "shards a second come near the number of processors, the machine is full, and more workers cannot do more.",
        "",
        f"A shard of a large study ({last.cells} cells with curves, maps of four layers and photographs: "
        f"{last.sent / 1e6:.1f} MB sent, {last.stored / 1e6:.1f} MB in the folder) takes the command "
        f"{last.seconds:.2f} s, of which {last.computing:.2f} s of a processor. So the command keeps up with "
        f"{bound:.1f} shards a second, or with {60 * bound:,.0f} workers if a shard takes a worker a minute.",
    ]


def _seconds(row: dict[str, Any]) -> str:
    """Those of the command and of the workers; the command is the only worker of a run without any."""
    if not row["workers_computing"]:
        return f" | {row['writer']:.2f}"
    return f"{row['writer']:.3f} | {row['workers_computing']:.2f}"


def main() -> None:
    counts = [int(argument) for argument in sys.argv[2:]] or COUNTS
    rows = []
    for engine in ENGINES:
        for workers in counts:
            rows.append(asdict(measure(engine, workers)))
            print(json.dumps(rows[-1]), flush=True)
    cores = psutil.cpu_count() or 1
    result: dict[str, Any] = {"rows": rows, "writer": asdict(writer_cost()), "latency": LATENCY, "cores": cores}
    Path(sys.argv[1]).write_text(json.dumps(result, indent=1))
    print("\n".join(scaling_section(**result)))


if __name__ == "__main__":
    main()
