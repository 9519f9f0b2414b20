"""What the folder of a large run takes to read and to report: the steps that need no engine, and so no torch."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import benchbench
from benchbench.results.record import Record


@dataclass(frozen=True)
class Step:
    """What one step took.

    Attributes:
        name: of the step.
        seconds: of the clock, without imports.
        computing: seconds of the processor, without imports.
        peak: of the memory of its process, in bytes, with what it imports.
        counts: what it counted.
    """

    name: str
    seconds: float
    computing: float
    peak: int
    counts: Mapping[str, int]


def loaded(folder: Path) -> dict[str, int]:
    return {"rows": len(Record.load(folder).results)}


def tested(folder: Path) -> dict[str, int]:
    """The leaderboard, every pair of methods, and the order over all metrics."""
    run = benchbench.Run.load(folder)
    return {"cells": len(run.leaderboard()), "pairs": len(run.compare()), "ranked": len(run.ranking())}


def reported(folder: Path) -> dict[str, int]:
    """The page, with all tables."""
    return {"page": benchbench.Run.load(folder).report().stat().st_size}


READING: dict[str, Callable[[Path], dict[str, int]]] = {"load": loaded, "tests": tested, "report": reported}


def measured(name: str, step: Callable[[], dict[str, int]]) -> Step:
    """One step, in this process."""
    start, computing = time.perf_counter(), time.process_time()
    counts = step()
    took = time.perf_counter() - start, time.process_time() - computing
    return Step(name, *took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, counts)


def main() -> None:
    name, folder = sys.argv[1:]
    print(json.dumps(asdict(measured(name, lambda: READING[name](Path(folder))))))


if __name__ == "__main__":
    main()
