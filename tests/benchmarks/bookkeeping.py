"""What planning, resuming and the tables of a large study take.

`python -m tests.benchmarks.bookkeeping OUT.json [SAMPLES ...]`.

20 methods at 4 layers under 10 metrics, on a data set of names alone; no network runs. The cells are written as an
earlier run left them, read back as a run that goes on does, and made into the tables.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch

from benchbench.engine.missing_cells import missing_cells
from benchbench.engine.result_rows import tables
from benchbench.network.fast_copy import channels_last, prepare
from benchbench.results.store import Store
from benchbench.study.requests import probes_of
from benchbench.study.spec import read_metric
from benchbench.types.probes import Whole, canonical
from tests.engine.test_growth import WIDE_LAYERS, WIDE_METHODS, WIDE_METRICS, Counted, fill, planned, study

from .scenes import BATCH, network_of, smooth

T = TypeVar("T")
METHODS, METRICS, LAYERS = WIDE_METHODS, WIDE_METRICS, WIDE_LAYERS


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


def forwards_per_image(methods: Sequence[str] = METHODS, metrics: Sequence[str] = METRICS) -> int:
    """The pictures that the metrics alone ask for: each map's own, and the image as it is.

    The passes that methods such as Score-CAM make are left out, so the true number is larger.
    """
    probes = {canonical(probe) for name in metrics for probe in probes_of(read_metric(name))} - {Whole()}
    return 1 + len(probes) * len(methods) * len(LAYERS)


def seconds_per_forward(rounds: int = 7) -> float:
    """Of one image in a full batch on ResNet-50, as the study runs it: the prepared copy, without autograd."""
    network, images = network_of("resnet50"), smooth(BATCH)
    copy = prepare(network, images[:4]).network
    with torch.inference_mode():
        took = [timed(lambda: copy(channels_last(images)))[1] for _ in range(2 + rounds)]
    return statistics.median(took[2:]) / len(images)


def bookkeeping_section(rows: Sequence[dict[str, float]], forwards: int, forward: float) -> list[str]:
    """The part of docs/performance.md, from what was measured."""
    last = rows[-1]
    work = forwards * forward
    lines = [
        "## What bookkeeping takes",
        "",
        f"A study of {len(METHODS)} methods at {len(LAYERS)} layers under {len(METRICS)} metrics is planned, resumed "
        "and made into tables; no network runs, and the cells are those that an earlier run left.",
        "",
        "| images | cells | plan, s | resume, s | tables, s | all, ms an image |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        parts = (f"{row[name]:.1f}" for name in ("plan", "resume", "assemble"))
        lines.append(f"| {row['samples']:,} | {row['cells']:,} | {' | '.join(parts)} | {1e3 * row['per_image']:.1f} |")
    lines += [
        "",
        f"The metrics of this study ask for {forwards:,} pictures an image, besides what its methods ask for. "
        f"ResNet-50 takes {1e3 * forward:.1f} ms for a picture on this machine, so the pictures of an image take "
        f"{work:.0f} s, and bookkeeping is {100 * last['per_image'] / work:.2g} % of it (goal: under 2 %). A GPU that "
        f"answers {0.02 / last['per_image'] * forwards:,.0f} pictures a second would bring it to 2 %. The time "
        "of an image does not depend on the number of images, so that 50,000 images take "
        f"{50_000 * last['per_image'] / 60:.0f} minutes.",
    ]
    return lines


def main() -> None:
    counts = [int(argument) for argument in sys.argv[2:]] or [1_000, 4_000]
    measure(8)  # imports the plugins
    rows = []
    for count in counts:
        figures = measure(count)
        rows.append({**vars(figures), "per_image": figures.per_image})
    forwards, forward = forwards_per_image(), seconds_per_forward()
    Path(sys.argv[1]).write_text(json.dumps({"rows": rows, "forwards": forwards, "forward": forward}, indent=1))
    print("\n".join(bookkeeping_section(rows, forwards, forward)))


if __name__ == "__main__":
    main()
