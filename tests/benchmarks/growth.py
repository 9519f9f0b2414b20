"""How time, forwards and memory of a run grow: `python -m tests.benchmarks.growth OUT.json`.

Every point is a real `Study.run` into a new folder, in a process of its own, so that its peak memory is its own. Two
series where sharing matters: ``maps`` asks for maps alone (its metric wants no forward), ``scores`` for deletion too.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import torch

import benchbench
from benchbench.cost.allocator import keep_memory

from .ours import READY
from .scenes import network_of, smooth

NETWORK = "resnet18"
LAYERS = ("layer1", "layer2", "layer3", "layer4")


@dataclass(frozen=True)
class Point:
    """One run's size; the defaults are what stays fixed while another axis grows."""

    axis: str
    series: str = "scores"
    samples: int = 16
    methods: int = 2
    layers: int = 2
    steps: int = 7
    size: int = 112

    @property
    def at(self) -> int:
        """Where on its axis; image size counts in pixels."""
        return self.size**2 if self.axis == "size" else int(getattr(self, self.axis))


AXES = {
    "samples": (16, 32, 64, 128),
    "methods": tuple(n for n in (1, 2, 4, 8) if n <= len(READY)),
    "layers": (1, 2, 3, 4),
    "steps": (7, 14, 28, 56),
    "size": (112, 160, 224, 320),
}
NO_FORWARD = "map_mean"  # a metric that asks for no perturbed image: what is left is the cost of the maps
ALONE = 128  # images of a run for maps alone: more, so that its fixed cost does not hide the pass
SHARED = ("methods", "layers")  # where a pass for maps alone is to stay flat


def points() -> Iterator[Point]:
    for axis, values in AXES.items():
        for series in ("scores", "maps") if axis in SHARED else ("scores",):
            first = Point(axis, series, samples=ALONE if series == "maps" else Point(axis).samples)
            for value in values:
                changed: dict[str, Any] = {axis: value}
                yield replace(first, **changed)


def study_of(point: Point) -> benchbench.Study:
    scores = [{"name": "deletion", "steps": point.steps}]
    return benchbench.Study(
        models={NETWORK: network_of(NETWORK)},
        datasets={"smooth": smooth(point.samples, point.size)},
        layers=list(LAYERS[: point.layers]),
        methods=READY[: point.methods],
        metrics=scores if point.series == "scores" else [NO_FORWARD],
        samples=point.samples,
        batch=16,
    )


def measure(point: Point) -> dict[str, object]:
    """Seconds, forwards and peak bytes of one run; after a run of one image, which warms up."""
    keep_memory()
    before = psutil.Process().memory_info().rss
    with tempfile.TemporaryDirectory() as folder:
        study_of(replace(point, samples=1)).run(Path(folder) / "warm", report=False)
        study = study_of(point)
        start = time.perf_counter()
        run = study.run(Path(folder) / "run", report=False)
        seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    work = run.record.info["work"]
    passes = {name: work[name] for name in ("forwards", "backwards")}
    return {**asdict(point), "at": point.at, "seconds": seconds, "peak_bytes": peak - before, **passes}


def main() -> None:
    if sys.argv[1] == "--point":
        torch.set_num_threads(len(os.sched_getaffinity(0)))
        print(json.dumps(measure(Point(**json.loads(sys.argv[2])))))
        return
    rows = []
    for point in points():
        text = json.dumps(asdict(point))
        command = [sys.executable, "-m", "tests.benchmarks.growth", "--point", text]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        rows.append(json.loads(done.stdout.splitlines()[-1]))
        print(f"{point.axis:8} {point.series:7} {point.at:7,} {rows[-1]['seconds']:7.2f} s", flush=True)
    Path(sys.argv[1]).write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
