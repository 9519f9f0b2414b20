"""The eager forward as torch comes, in a process of its own: `python -m tests.benchmarks.plain_eager OUT.json`.

The other timings, the peers' too, run with the freed memory kept that benchbench asks of the C library.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path

from .cases import CASES
from .scenes import Scene, eager

WARM, ROUNDS = 2, 7


def seconds(scene: Scene) -> float:
    """The median of the rounds."""
    call = eager(scene)
    took = []
    for _ in range(WARM + ROUNDS):
        start = time.perf_counter()
        call()
        took.append(time.perf_counter() - start)
    return statistics.median(took[WARM:])


def main() -> None:
    medians = {case.key: seconds(Scene.of(case)) for case in CASES}
    Path(sys.argv[1]).write_text(json.dumps(medians, indent=1))


if __name__ == "__main__":
    main()
