"""What planning, resuming and the tables of a large study take: `python -m tests.benchmarks.bookkeeping [SAMPLES]`.

20 methods at 4 layers under 10 metrics, on a data set of names alone; no network runs. The cells are written as an
earlier run left them, read back as a run that goes on does, and made into the tables.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from benchbench.engine.missing_cells import missing_cells
from benchbench.engine.tables import tables
from benchbench.results.store import Store
from tests.engine.test_growth import Counted, fill, planned, study

T = TypeVar("T")
METHODS = [
    *("gradcam", "gradcam++", "xgradcam", "hirescam", "gradcam-elementwise", "layercam", "eigencam", "eigengradcam"),
    *("fem", "kpcacam", "ablationcam", "reciprocam", "shapleycam", "finercam", "liftcam", "scorecam", "groupcam"),
    *("random", "uniform", "center"),
]
METRICS = [
    *("deletion", "insertion", "average_drop", "increase", "average_gain", "road", "max_box_acc", "sparseness"),
    *("complexity", "pointing_game"),
]
LAYERS = ("layer1", "layer2", "layer3", "layer4")


@dataclass(frozen=True)
class Figures:
    """Of a study of ``samples`` images: how many cells, and the seconds of each part."""

    samples: int
    cells: int
    plan: float
    resume: float
    assemble: float

    @property
    def per_image(self) -> float:
        """Seconds of all parts together."""
        return (self.plan + self.resume + self.assemble) / self.samples


def measure(samples: int, methods: Sequence[str] = METHODS, metrics: Sequence[str] = METRICS) -> Figures:
    """Plan, write, resume and assemble; the writing is not counted, as it belongs to the work itself."""
    data = Counted(samples)
    work, plan = timed(lambda: planned(data, methods, metrics, LAYERS))
    with tempfile.TemporaryDirectory() as folder:
        fill(Store(Path(folder)), work)
        store = Store(Path(folder))
        lacking, resume = timed(lambda: [missing_cells(task, store) for _ in range(4) for task in work])
        assert not any(each.maps or each.metrics for each in lacking)
        assembled, assemble = timed(lambda: tables(work, [], study(samples, methods, metrics), store, {}))
    assert len(assembled.results) == samples * len(LAYERS) * len(methods) * len(metrics)
    cells = sum(1 + len(task.maps) + len(task.metrics) for task in work)
    return Figures(samples, cells, plan, resume, assemble)


def timed(call: Callable[[], T]) -> tuple[T, float]:
    start = time.perf_counter()
    return call(), time.perf_counter() - start


def main() -> None:
    samples = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    for count in (samples // 4, samples):
        figures = measure(count)
        parts = ", ".join(f"{name} {getattr(figures, name):.1f} s" for name in ("plan", "resume", "assemble"))
        print(
            f"{figures.samples:,} images, {figures.cells:,} cells: {parts}; {1e3 * figures.per_image:.1f} ms an image"
        )


if __name__ == "__main__":
    main()
