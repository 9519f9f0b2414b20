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
    result = {"images": images, "seconds": first, "again": again, "run_files": files, "per_shard": rates}
    Path(sys.argv[1]).write_text(json.dumps({**result, "standings": [asdict(s) for s in counting.standings]}, indent=1))
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
