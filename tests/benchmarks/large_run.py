"""What a run of 2,000,000 rows takes to open, to go on with, to read and to report.

`python -m tests.benchmarks.large_run OUT.json [IMAGES METHODS METRICS]`.

The folder is a run's: its packs have the cells, maps and photographs of every shard, with planted scores, and its
tables are those that the engine makes of them. No network runs. Every step is a process of its own, so that its peak
memory is its own, and so is what it imports; its seconds are those of the step without the imports.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchbench.engine.missing_cells import missing_cells
from benchbench.engine.result_rows import tables
from benchbench.results.store import Draft, Store
from benchbench.study.plan import Task
from tests.engine.test_growth import Counted, planned, study
from tests.reports.fake import Fake, info_of

from .bookkeeping import METHODS
from .large_reading import READING, measured

LAYERS = ("layer4",)
METRICS = ("average_drop", "increase", "deletion", "insertion", "average_gain", "sparseness", "pointing_game")
CURVED = ("deletion", "insertion")
POINTS = 29
SIDE = 7
GOALS = {"load": 5.0, "tests": 60.0, "report": 120.0}  # seconds
MEMORY, PAGE = 2_000_000_000, 15_000_000  # bytes
WORDS = {
    "open": "plan, look at every part of every pack, find nothing to compute",
    "assemble": "the tables, from every cell",
    "load": "read the tables",
    "tests": "leaderboard, all pairs, the order over all metrics",
    "report": "`report.html` and the tables of `tables/`",
}


@dataclass(frozen=True)
class Size:
    """How large the run is: ``images`` x ``methods`` x ``metrics`` rows."""

    images: int
    methods: int
    metrics: int

    @property
    def rows(self) -> int:
        return self.images * self.methods * self.metrics


def plan_of(size: Size) -> list[Task]:
    return planned(Counted(size.images), METHODS[: size.methods], METRICS[: size.metrics], LAYERS)


def write_packs(folder: Path, size: Size) -> None:
    """The packs of every shard, as the engine would have left them."""
    store, random = Store(folder), np.random.default_rng(0)
    photo = photo_of(random)
    levels = random.uniform(0.2, 0.5, size.methods)
    for task in plan_of(size):
        with store.pack(task.predictions) as pack:
            _fill(task, pack, levels, random, photo)


def _fill(task: Task, pack: Draft, levels: np.ndarray, random: np.random.Generator, photo: bytes) -> None:
    ids, files = task.shard.ids, [f"{task.predictions}{k:02}.jpg" for k in range(len(task.shard.ids))]
    answer = {"label": 1, "target": 1, "predicted": 1, "probability": 0.5, "object_share": None, "reason": ""}
    pack.write_cell(task.predictions, {"samples": {i: {**answer, "photo": f} for i, f in zip(ids, files, strict=True)}})
    for file in files:
        pack.write_photo(file, photo)
    hardness = random.normal(0, 0.1, len(ids))
    health = {"cells": SIDE * SIDE, "distinct": 40, "ties": 0.1}
    for number, cell in enumerate(task.maps):
        file = f"{cell.name}-0.npy"
        pack.write_maps(file, random.random((len(ids), SIDE, SIDE), np.float32))
        entries = {
            i: {"file": file, "row": row, "status": "ok", "reason": "", "note": "", "health": health}
            for row, i in enumerate(ids)
        }
        pack.write_cell(cell.name, {"samples": entries})
        for score in task.metrics[number * len(task.metrics) // len(task.maps) :][
            : len(task.metrics) // len(task.maps)
        ]:
            values = np.clip(levels[number] + hardness + random.normal(0, 0.05, len(ids)), 0, 1)
            pack.write_cell(score.name, _scores(score.metric.name, ids, values))


def _scores(metric: str, ids: Sequence[str], values: np.ndarray) -> dict[str, Any]:
    """The cell of a metric; curves fall from 1 with the area that the value says."""
    plain = {"status": "ok", "reason": ""}
    if metric not in CURVED:
        rounded = np.round(values) if metric in ("increase", "pointing_game") else values
        return {"samples": {i: {"value": float(v), **plain} for i, v in zip(ids, rounded, strict=True)}}
    x = np.linspace(0, 1, POINTS)
    y = np.exp(-x[None] / np.maximum(0.05, values)[:, None])
    return {
        "samples": {i: {"value": float(v), **plain, "y": c.tolist()} for i, v, c in zip(ids, values, y, strict=True)},
        "x": x.tolist(),
    }


def photo_of(random: np.random.Generator) -> bytes:
    picture = Image.fromarray(random.integers(0, 255, (14, 14, 3), dtype=np.uint8)).resize((224, 224))
    out = io.BytesIO()
    picture.save(out, format="JPEG", quality=88)
    return out.getvalue()


def opened(folder: Path, size: Size) -> dict[str, int]:
    """What a run does before it computes: it plans, looks at every part of every pack, and finds nothing to do."""
    work, store = plan_of(size), Store(folder)
    assert store.mend() == []
    for _ in range(4):  # a run asks that often
        assert not any(each.maps or each.metrics for each in (missing_cells(task, store) for task in work))
    files = list((folder / "cells").iterdir())
    return {"files": len(files), "cells": sum(1 + len(task.maps) + len(task.metrics) for task in work)}


def assembled(folder: Path, size: Size) -> dict[str, int]:
    """The tables of the packs, and run.json."""
    names, metrics = METHODS[: size.methods], METRICS[: size.metrics]
    store, work = Store(folder), plan_of(size)
    built = tables(work, [], study(size.images, names, metrics), store, {})
    controls = [name for name in names if name in ("random", "uniform", "center")]
    fake = Fake(
        models=["net"],
        datasets=["counted"],
        layers=LAYERS,
        methods=[name for name in names if name not in controls],
        controls=controls,
        samples=[sample for task in work for sample in task.shard.ids],
    )
    info = info_of(fake, built.results)
    asked = {name: choice.protocol for name, choice in zip(metrics, study(1, names, metrics).metrics, strict=True)}
    listed = {entry["name"]: entry for entry in info["metrics"]}
    info["metrics"] = [
        {**listed.get(name, listed["deletion"]), "name": name, "protocol": asked[name]} for name in metrics
    ]
    index = {"maps/index.parquet": built.maps, "photos/index.parquet": built.photos}
    rows = {"results.parquet": built.results, "curves.parquet": built.curves, "pooled.parquet": built.pooled}
    store.write_results({**rows, **index}, info)
    assert len(built.results) == size.rows
    return {"rows": len(built.results), "curve_points": len(built.curves)}


ENGINE: dict[str, Callable[[Path, Size], dict[str, int]]] = {"open": opened, "assemble": assembled}


def measure(folder: Path, size: Size) -> list[dict[str, Any]]:
    """Every step in a process of its own."""
    write_packs(folder, size)
    rows = []
    for name in (*ENGINE, *READING):
        ours = ["tests.benchmarks.large_run", "--step", name, str(folder), json.dumps(asdict(size))]
        module = ours if name in ENGINE else ["tests.benchmarks.large_reading", name, str(folder)]
        done = subprocess.run([sys.executable, "-m", *module], stdout=subprocess.PIPE, text=True, check=True)
        rows.append(json.loads(done.stdout.splitlines()[-1]))
        took = (
            f"{rows[-1]['seconds']:7.1f} s, {rows[-1]['computing']:7.1f} s computing, {rows[-1]['peak'] / 1e9:.2f} GB"
        )
        print(f"{name:10} {took} {rows[-1]['counts']}", flush=True)
    return rows


def large_section(size: dict[str, int], steps: Sequence[dict[str, Any]]) -> list[str]:
    """The part of docs/performance.md, from what was measured."""
    whole, counts = Size(**size), {step["name"]: step["counts"] for step in steps}
    lines = [
        "## What a large run takes",
        "",
        f"The folder of a run of {whole.images:,} images, {whole.methods} methods and {whole.metrics} metrics: "
        f"{whole.rows:,} rows of results, {counts['assemble']['curve_points']:,} points of curves, "
        f"{counts['open']['cells']:,} cells with maps and photographs in {counts['open']['files']:,} files. Scores are "
        "planted and no network runs. Each step is a process of its own; its seconds are those of the clock and of the "
        "processor, without imports, and its memory is the peak of the process, with imports (torch in the first two).",
        "",
        "| step | seconds | of the processor | peak, GB | goal |",
        "| --- | --- | --- | --- | --- |",
    ]
    for step in steps:
        numbers = f"{step['seconds']:.1f} | {step['computing']:.1f} | {step['peak'] / 1e9:.2f}"
        lines.append(f"| {WORDS[step['name']]} | {numbers} | {_goal(step)} |")
    page = counts["report"]["page"]
    return [*lines, "", f"The page is {page / 1e6:.1f} MB (goal: at most {PAGE / 1e6:g} MB)."]


def _goal(step: dict[str, Any]) -> str:
    """Whether the step meets its goals; the memory's is of the steps that read."""
    if step["name"] not in GOALS:
        return ""
    seconds, met = GOALS[step["name"]], "met" if step["peak"] <= MEMORY else "NOT met"
    in_time = "met" if step["seconds"] <= seconds else "NOT met"
    return f"under {seconds:g} s: {in_time}; under {MEMORY / 1e9:g} GB: {met}"


def main() -> None:
    if sys.argv[1] == "--step":
        name, folder, size = sys.argv[2], Path(sys.argv[3]), Size(**json.loads(sys.argv[4]))
        print(json.dumps(asdict(measured(name, lambda: ENGINE[name](folder, size)))))
        return
    size = Size(*map(int, sys.argv[2:5])) if len(sys.argv) > 2 else Size(50_000, 20, 2)
    with tempfile.TemporaryDirectory() as place:
        steps = measure(Path(place), size)
    Path(sys.argv[1]).write_text(json.dumps({"size": asdict(size), "steps": steps}, indent=1))


if __name__ == "__main__":
    main()
