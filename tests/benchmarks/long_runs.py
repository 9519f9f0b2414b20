"""Whether a long run stays flat, and what a run takes that computes nothing.

`python -m tests.benchmarks.long_runs OUT.json [IMAGES]`.

A small network on small images, so that 10,000 images take minutes: after every shard the live tensors, the open files
and the memory of the process are counted. Then the same study is run again, and once more under a profiler.
"""

from __future__ import annotations

import cProfile
import gc
import json
import pstats
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil
import torch
from torch import Tensor

import benchbench as bb
from benchbench.engine.progress import Silent
from benchbench.engine.time_left import Outlook
from benchbench.testing import Small, seeded

IMAGES = 10_000
SHARDS_OF_50_000 = 1_563
GOALS = {"tensors": 0.01, "files": 0.01}  # more for each shard, at most: flat but for chance
MEMORY_GOAL = 100_000  # bytes a shard: where its cells are, which the run keeps in memory
AGAIN_GOAL = 10.0  # seconds of a run that computes nothing


@dataclass(frozen=True)
class Standing:
    """What a process holds after a shard."""

    shards: int
    tensors: int
    files: int
    bytes: int


@dataclass(eq=False)
class Counting(Silent):
    """Counts what the process holds after every ``every``-th shard."""

    every: int = 1
    standings: list[Standing] = field(default_factory=list)

    def follow(self, outlook: Outlook) -> None:
        """Told by the run."""
        done = outlook.shards_done
        if done % self.every == 0 and done > (self.standings[-1].shards if self.standings else 0):
            gc.collect()
            tensors = sum(issubclass(type(each), Tensor) for each in gc.get_objects())
            process = psutil.Process()
            files = process.num_fds() if hasattr(process, "num_fds") else len(process.open_files())
            self.standings.append(Standing(done, tensors, files, process.memory_info().rss))


def small_study(images: int, **keys: Any) -> bb.Study:
    """Of so many pictures of 16 x 16 pixels."""
    pictures = torch.randn(images, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    default: dict[str, Any] = {
        "models": {"small": seeded(Small)},
        "datasets": {"noise": (pictures, [i % 5 for i in range(images)])},
        "layers": ["relu"],
        "methods": ["gradcam", "layercam", "random"],
        "metrics": [{"name": "deletion", "steps": 4}, "average_drop", "sparseness", "map_mean"],
        "samples": images,
    }
    return bb.Study(**{**default, **keys})


def grows(standings: Sequence[Standing], name: str) -> float:
    """How much more there is of something in the second half of a run than in the first, on average, per shard."""
    values: list[float] = [getattr(each, name) for each in standings[1:]]  # the first shard fills caches
    half = len(values) // 2
    first, second = values[:half], values[-half:]
    shards = standings[-1].shards / 2
    return (sum(second) / len(second) - sum(first) / len(first)) / shards


def flat_section(
    images: int,
    seconds: float,
    again: float,
    run_files: int,
    per_shard: dict[str, float],
    standings: Sequence[dict[str, int]],
) -> list[str]:
    """The part of docs/performance.md, from what was measured."""
    shown = [standings[round(k * (len(standings) - 1) / 4)] for k in range(5)]
    lines = [
        "## What a long run holds",
        "",
        f"A small network on {images:,} images of 16 x 16 pixels, with 3 methods and 4 metrics: {seconds:.0f} s, and "
        f"{run_files:,} files in the folder. After a shard the process holds:",
        "",
        "| shards | live tensors | open files | memory, MB |",
        "| --- | --- | --- | --- |",
        *(f"| {s['shards']:,} | {s['tensors']:,} | {s['files']} | {s['bytes'] / 1e6:.0f} |" for s in shown),
        "",
    ]
    flat = all(abs(per_shard[name]) <= goal for name, goal in GOALS.items())
    growth = per_shard["bytes"]
    return [
        *lines,
        f"From the first half of the run to the second, a shard adds {per_shard['tensors']:+.3f} tensors and "
        f"{per_shard['files']:+.3f} open files ({_met(flat)}: none), and {growth / 1e3:+.1f} kB "
        f"({_met(growth <= MEMORY_GOAL)}: at most {MEMORY_GOAL / 1e3:g} kB), which is "
        f"{growth * SHARDS_OF_50_000 / 1e6:+.0f} MB in a run of 50,000 images. The same command again, which "
        f"computes nothing, takes {again:.1f} s without a report ({_met(again <= AGAIN_GOAL)}: at most "
        f"{AGAIN_GOAL:g} s).",
    ]


def _met(met: bool) -> str:
    return "goal met" if met else "goal NOT met"


def main() -> None:
    images = int(sys.argv[2]) if len(sys.argv) > 2 else IMAGES
    study = small_study(images)
    counting = Counting(every=max(images // 32 // 40, 1))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "run"
        start = time.perf_counter()
        study.run(folder, report=False, progress=counting)
        first = time.perf_counter() - start
        start = time.perf_counter()
        study.run(folder, report=False)
        again = time.perf_counter() - start
        profile = cProfile.Profile()
        profile.runcall(study.run, folder, report=False)
        pstats.Stats(profile).sort_stats("cumulative").print_stats(45)
        files = sum(path.is_file() for path in folder.rglob("*"))
    rates = {name: grows(counting.standings, name) for name in ("tensors", "files", "bytes")}
    result: dict[str, Any] = {
        "images": images,
        "seconds": first,
        "again": again,
        "run_files": files,
        "per_shard": rates,
    }
    whole = {**result, "standings": [asdict(s) for s in counting.standings]}
    Path(sys.argv[1]).write_text(json.dumps(whole, indent=1))
    print("\n".join(flat_section(**whole)))


if __name__ == "__main__":
    main()
