"""How much longer a study takes beside processes that are busy.

`python -m tests.benchmarks.busy_machine [ROUNDS [SAMPLES [BUSY]]]`, alone on the machine.

Each round runs the same small study alone and beside busy processes, with threads that sleep where they wait, which is
how the command line starts, and with threads that wait by turning, which is OpenMP's way. All four take turns, so that
a slower minute of the machine meets each of them.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROUNDS, SAMPLES, BUSY = 5, 16, 3
WAYS = {"sleeping": {}, "turning": {"GOMP_SPINCOUNT": "10000000", "OMP_WAIT_POLICY": "ACTIVE"}}
METHODS, METRICS = "gradcam,layercam,scorecam,random", "deletion,insertion,average_drop"
GOAL = 3.0


@contextmanager
def busy(count: int) -> Iterator[None]:
    """So many processes that compute without an end."""
    spinning = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for each in spinning:
            each.kill()
            each.wait()


def seconds_of(settings: dict[str, str], samples: int, methods: str = METHODS, metrics: str = METRICS) -> float:
    """Of one study on the command line, from its start to its end."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["run", "--datasets", "photos", "--models", "efficientnet_lite0", "--samples", str(samples)]
        words += ["--methods", methods, "--metrics", metrics, "--no-report", "--out", str(Path(folder) / "run")]
        start = time.perf_counter()
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "MKL_", "KMP_", "GOMP_"))}
        call = [sys.executable, "-m", "benchbench", *words]
        subprocess.run(call, env=environment | settings, check=True, capture_output=True)
        return time.perf_counter() - start


def measured(rounds: int, samples: int, count: int) -> dict[tuple[str, str], list[float]]:
    """By way and surroundings, the seconds of each round."""
    seconds: dict[tuple[str, str], list[float]] = {}
    for _ in range(rounds):
        for way, settings in WAYS.items():
            seconds.setdefault((way, "alone"), []).append(seconds_of(settings, samples))
            with busy(count):
                seconds.setdefault((way, "busy"), []).append(seconds_of(settings, samples))
    return seconds


def lines(seconds: dict[tuple[str, str], list[float]]) -> list[str]:
    """A line for each way: the medians, and the median of the rounds' ratios."""
    told = []
    for way in WAYS:
        alone, beside = seconds[way, "alone"], seconds[way, "busy"]
        ratio = statistics.median(b / a for a, b in zip(alone, beside, strict=True))
        figures = f"{statistics.median(alone):.1f} s alone, {statistics.median(beside):.1f} s beside busy processes"
        told.append(f"threads that wait {way}: {figures}, {ratio:.2f} times as long (goal: at most {GOAL:g})")
    return told


def main(arguments: Sequence[str]) -> None:
    rounds, samples, count = [*map(int, arguments), *(ROUNDS, SAMPLES, BUSY)[len(arguments) :]]
    print("\n".join(lines(measured(rounds, samples, count))))


if __name__ == "__main__":
    main(sys.argv[1:])
