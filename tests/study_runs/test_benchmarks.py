"""The benchmarks of `make bench`, in miniature: what they call exists, and their figures can be drawn."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.benchmarks import (
    bookkeeping,
    busy_machine,
    growth,
    large_reading,
    large_run,
    long_runs,
    performance,
    scaling,
)
from tests.benchmarks.cases import CASES
from tests.benchmarks.growth_figure import growth_section
from tests.benchmarks.scaling_writer import WriterCost

ROOT = performance.PAGE.parents[1]
SMALL: dict[str, Any] = {"samples": 2, "methods": 1, "layers": 1, "steps": 2, "size": 32}
STANDING = {"shards": 1, "tensors": 20, "files": 9, "bytes": 100_000_000}
LONG: dict[str, Any] = {
    "images": 32,
    "seconds": 1.0,
    "again": 0.5,
    "run_files": 9,
    "per_shard": {"tensors": 0.0, "files": 0.0, "bytes": 2e3},
    "standings": [STANDING],
}
SCALED: dict[str, Any] = {
    "rows": [asdict(scaling.Scaled("ray", 2, 8, 0.4, 9.0, 0.01, 0.1, 60_000))],
    "writer": asdict(WriterCost(12, 880, 0.2, 0.1, 16_000_000, 12_000_000)),
    "latency": 0.2,
    "cores": 2,
}
COUNTS = {"files": 1, "cells": 3, "curve_points": 0, "page": 1}


def test_the_cost_of_bookkeeping() -> None:
    figures = bookkeeping.measure(64, bookkeeping.METHODS[:3], bookkeeping.METRICS[:2])
    assert figures.cells == 2 * (1 + 4 * 3 * (1 + 2))  # two shards: predictions, and for each map cell its metrics
    assert figures.per_image > 0
    rows = [{**vars(figures), "per_image": figures.per_image}]
    assert bookkeeping.forwards_per_image(["gradcam"], ["deletion"]) == 1 + 4 * 28
    text = bookkeeping.bookkeeping_section(rows, forwards=bookkeeping.forwards_per_image(), forward=0.05)
    assert f"| 64 | {figures.cells} |" in "\n".join(text)


def test_what_a_large_run_takes(tmp_path: Path) -> None:
    """Every step, on the folder of a small run with curves, in this process."""
    size = large_run.Size(images=40, methods=3, metrics=3)
    large_run.write_packs(tmp_path, size)
    engine = [large_reading.measured(name, partial(step, tmp_path, size)) for name, step in large_run.ENGINE.items()]
    read = [large_reading.measured(name, partial(step, tmp_path)) for name, step in large_reading.READING.items()]
    counts = {step.name: step.counts for step in (*engine, *read)}
    assert counts["open"] == {"files": 2, "cells": 2 * (1 + 3 + 9)}
    assert counts["assemble"] == {"rows": 360, "curve_points": 40 * 3 * large_run.POINTS}
    assert counts["load"] == {"rows": 360}
    assert counts["tests"] == {"cells": 9, "pairs": 9, "ranked": 3}
    text = "\n".join(
        large_run.large_section(vars(size), [{**asdict(step), "seconds": 1.0, "peak": 1} for step in (*engine, *read)])
    )
    assert "360 rows of results, 3,480 points of curves, 26 cells with maps and photographs in 2 files" in text
    assert "NOT met" not in text


def test_a_long_run_that_grows_misses_its_goals() -> None:
    flat, leaks = LONG["per_shard"], {"tensors": 1.0, "files": 0.0, "bytes": 1e6}
    texts = ["\n".join(long_runs.flat_section(**{**LONG, "per_shard": grows})) for grows in (flat, leaks)]
    assert [text.count("NOT met") for text in texts] == [0, 2]
    assert "+2.0 kB (goal met: at most 100 kB), which is +3 MB in a run of 50,000 images" in texts[0]


def test_beside_busy_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    running: list[int] = []

    def seconds_of(settings: dict[str, str], samples: int) -> float:
        children = [child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE]
        running.append(len(children))
        return (2.0 if settings else 1.0) * (1 + len(children))

    monkeypatch.setattr(busy_machine, "seconds_of", seconds_of)
    before = len(psutil.Process().children())
    told = busy_machine.lines(busy_machine.measured(1, 1, 2))
    assert running == [before, before + 2] * 2
    figures = ["1.0 s alone, 3.0 s", "2.0 s alone, 6.0 s"] if not before else ["s alone", "s alone"]
    assert all(text in line for text, line in zip(figures, told, strict=True))


@pytest.mark.parametrize("series", ["scores", "maps"])
def test_how_a_run_grows(series: str, tmp_path: Path) -> None:
    point = growth.Point("samples", series, **SMALL)
    row = growth.measure(point)
    assert row["forwards"] == (2 * (1 + 3) if series == "scores" else 2 * 2)
    if series == "scores":
        rows = [{**row, "axis": p.axis, "series": p.series, "at": p.at, "seconds": 1.0 + k} for k, p in pages()]
        text = growth_section(rows, tmp_path / "growth.svg")
        assert text[0] == "## How the cost grows"
        assert (tmp_path / "growth.svg").read_text(encoding="utf-8").count("<svg") == 1


def test_the_benchmark_beside_the_peers_and_its_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`make bench`, its commands as they are, on a network so small that its times mean nothing."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}  # of xdist's worker
    settings = outside | {"BENCH_SMALL": "1", "OMP_NUM_THREADS": "1"}

    def python(*arguments: str) -> None:
        command = [sys.executable, "-m", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]

    names = ("peers", "plain", "growth", "books", "large", "long", "scaling")
    peers, plain, growths, books, large, long, scaled = (str(tmp_path / f"{name}.json") for name in names)
    options = ("-q", "-p", "no:cacheprovider", "--override-ini", "addopts=", f"--benchmark-json={peers}")
    python("pytest", "tests/benchmarks/test_peers.py", *options)
    python("tests.benchmarks.plain_eager", plain)
    figures = bookkeeping.measure(2)
    measured = {"rows": [{**vars(figures), "per_image": figures.per_image}], "forwards": 6000, "forward": 0.05}
    Path(books).write_text(json.dumps(measured), encoding="utf-8")
    steps = [{"name": name, "seconds": 1.0, "computing": 1.0, "peak": 1, "counts": COUNTS} for name in large_run.WORDS]
    size = {"images": 2, "methods": 1, "metrics": 1}
    Path(large).write_text(json.dumps({"size": size, "steps": steps}), encoding="utf-8")
    Path(long).write_text(json.dumps(LONG), encoding="utf-8")
    Path(scaled).write_text(json.dumps(SCALED), encoding="utf-8")
    point = growth.Point("samples", **SMALL)
    row = {**growth.measure(point), "seconds": 1.0}
    rows = [{**row, "axis": p.axis, "series": p.series, "at": p.at} for _, p in pages()]
    Path(growths).write_text(json.dumps(rows), encoding="utf-8")
    files = (peers, growths, plain, books, large, long, scaled, str(tmp_path / "performance.md"))
    monkeypatch.setattr(sys, "argv", ["performance", *files])
    performance.main()
    text = (tmp_path / "performance.md").read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if line.startswith("| ") and "not measured" in line] == []
    assert "Not measured" not in text
    assert text.count("\n## ") == len(CASES) + 5


def pages() -> list[tuple[int, growth.Point]]:
    return list(enumerate(replace(point) for point in growth.points()))
