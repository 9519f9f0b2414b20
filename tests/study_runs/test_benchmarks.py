"""The benchmarks of `make bench`, in miniature: each of its commands runs, and the page is made of what they wrote."""

from __future__ import annotations

import importlib
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import psutil
import pytest

from tests.benchmarks import (
    bookkeeping,
    busy_machine,
    films,
    growth,
    large_run,
    long_runs,
    performance,
    scaling,
    scenes,
)
from tests.benchmarks.cases import CASES
from tests.benchmarks.scaling_writer import writer_cost

from ..cli.commands import benchbench
from ..networks import Pooled

ROOT = performance.PAGE.parents[1]
SMALL: dict[str, Any] = {"samples": 2, "methods": 1, "layers": 1, "steps": 2, "size": 32}
SIZES = {"bookkeeping": ["32"], "large_run": ["40", "3", "3"], "long_runs": ["96"], "scaling": ["1"]}  # arguments
# In miniature all networks are one, so the first case of each table stands for the others.
MINIATURES = list({case.title: case for case in reversed(CASES)}.values())[::-1]
LONG: dict[str, Any] = {
    "images": 32,
    "seconds": 1.0,
    "again": 0.5,
    "run_files": 9,
    "per_shard": {"tensors": 0.0, "files": 0.0, "bytes": 2e3},
    "standings": [{"shards": 1, "tensors": 20, "files": 9, "bytes": 100_000_000}],
}
Main = Callable[..., str]


@pytest.fixture
def run_main(monkeypatch: pytest.MonkeyPatch) -> Main:
    """Runs a module as ``python -m MODULE ARGUMENTS`` does, in this process; returns what it printed."""

    def run(module: ModuleType, *arguments: object) -> str:
        out = io.StringIO()
        with monkeypatch.context() as context, redirect_stdout(out):
            context.setattr(sys, "argv", [module.__name__, *map(str, arguments)])
            module.main()
        return out.getvalue()

    return run


def _here(run_main: Main) -> Callable[..., subprocess.CompletedProcess[str]]:
    """``subprocess.run`` of a Python module, without a process."""

    def run(command: Sequence[str], **_options: Any) -> subprocess.CompletedProcess[str]:
        python, option, name, *arguments = command
        assert (python, option) == (sys.executable, "-m")
        return subprocess.CompletedProcess(command, 0, run_main(importlib.import_module(name), *arguments), "")

    return run


def _point_here(run_main: Main) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The command of a point: measured in miniature once for each series, and told of the point that was asked for."""
    rows: dict[str, dict[str, Any]] = {}

    def run(command: Sequence[str], **_options: Any) -> subprocess.CompletedProcess[str]:
        assert command[:4] == [sys.executable, "-m", "tests.benchmarks.growth", "--point"]
        point = growth.Point(**json.loads(command[4]))
        if point.series not in rows:
            small = json.dumps(asdict(replace(point, **SMALL)))
            rows[point.series] = json.loads(run_main(growth, "--point", small))
        row = {**rows[point.series], **asdict(point), "at": point.at, "seconds": 1.0 + point.at}
        return subprocess.CompletedProcess(command, 0, f"a warning\n{json.dumps(row)}\n", "")

    return run


def _recipe() -> tuple[dict[str, str], list[str]]:
    """Of `make bench`: by module, the file that it writes; and the files that the page is made of, in their order."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
    recipe = makefile.partition("\nbench:")[2].partition("\n\n")[0]
    *commands, last = re.findall(r"-m tests\.benchmarks\.(\w+)((?:\s+\.benchmarks/\w+\.json)+)", recipe)
    assert last[0] == "performance"
    return {module: Path(file.strip()).name for module, file in commands}, [Path(f).name for f in last[1].split()]


def _peers(file: Path) -> subprocess.Popen[str]:
    """The benchmark beside the peers, on a network so small that its times mean nothing."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}  # of xdist's worker
    options = ["-q", "-p", "no:cacheprovider", "--override-ini", "addopts=", f"--benchmark-json={file}"]
    wanted = " or ".join(case.key for case in MINIATURES)
    command = [sys.executable, "-m", "pytest", "tests/benchmarks/test_peers.py", *options, "-k", wanted]
    settings = outside | {"BENCH_SMALL": "1", "OMP_NUM_THREADS": "1"}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, env=settings, stdout=pipe, stderr=subprocess.STDOUT, text=True)


def _in_miniature(monkeypatch: pytest.MonkeyPatch, run_main: Main) -> None:
    """What has no argument for its size."""
    monkeypatch.setattr(scenes, "SMALL", True)
    monkeypatch.setattr(scenes, "SIZE", 56)
    monkeypatch.setattr(large_run, "subprocess", SimpleNamespace(run=_here(run_main), PIPE=subprocess.PIPE))
    monkeypatch.setattr(growth, "subprocess", SimpleNamespace(run=_point_here(run_main)))
    monkeypatch.setattr(growth, "os", SimpleNamespace(sched_getaffinity=lambda _: {0}))  # one thread, as other tests
    monkeypatch.setattr(scaling, "ENGINES", ("local",))
    monkeypatch.setattr(scaling, "measure", partial(scaling.measure, latency=0.0, steps=2, rounds=2))
    few = partial(writer_cost, 1, bookkeeping.METHODS[:2], bookkeeping.METRICS[:2], (4, 3, 2, 1))
    monkeypatch.setattr(scaling, "writer_cost", few)
    monkeypatch.setattr(performance, "CASES", MINIATURES)


def test_every_command_of_the_benchmark_and_the_page_that_it_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_main: Main
) -> None:
    """`make bench`: its commands in their order, and the page of the files that they wrote."""
    writes, read = _recipe()
    assert sorted(read) == sorted(["peers.json", *writes.values()])
    _in_miniature(monkeypatch, run_main)
    with _peers(tmp_path / "peers.json") as peers:
        try:
            for module, file in writes.items():
                run_main(importlib.import_module(f"tests.benchmarks.{module}"), tmp_path / file, *SIZES.get(module, []))
            output = peers.communicate()[0]
        finally:
            peers.kill()
    assert peers.returncode == 0, output[-4000:]
    page = tmp_path / "performance.md"
    run_main(performance, *(tmp_path / file for file in read), page)
    text = page.read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if line.startswith("| ") and "not measured" in line] == []
    assert "Not measured" not in text
    assert _headings(text) == [*(performance.heading(case) for case in MINIATURES), *_sections()]
    assert (tmp_path / "performance.svg").read_text(encoding="utf-8").count("<svg") == 1
    files = {module: (tmp_path / file).read_text(encoding="utf-8") for module, file in writes.items()}
    _check_what_was_written({module: json.loads(content) for module, content in files.items()}, text)


def _check_what_was_written(written: dict[str, Any], page: str) -> None:
    cells = 1 + 20 * 4 * (1 + 10)
    assert [(row["samples"], row["cells"]) for row in written["bookkeeping"]["rows"]] == [(32, cells)]
    assert f"| 32 | {cells} |" in page
    assert {row["forwards"] for row in written["growth"] if row["series"] == "scores"} == {2 * (1 + 3)}
    assert {row["forwards"] for row in written["growth"] if row["series"] == "maps"} == {2 * 2}
    counts = {step["name"]: step["counts"] for step in written["large_run"]["steps"]}
    assert counts["open"] == {"files": 2, "cells": 2 * (1 + 3 + 9)}
    assert counts["assemble"] == {"rows": 360, "curve_points": 40 * 3 * large_run.POINTS}
    assert counts["load"] == {"rows": 360}
    assert counts["tests"] == {"cells": 9, "pairs": 9, "ranked": 3}
    assert "360 rows of results, 3,480 points of curves, 26 cells with maps and photographs in 2 files" in page
    assert [standing["shards"] for standing in written["long_runs"]["standings"]] == [1, 2, 3]
    assert [(row["engine"], row["workers"], row["shards"]) for row in written["scaling"]["rows"]] == [("local", 1, 1)]


def _headings(text: str) -> list[str]:
    return [line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")]


def _sections() -> list[str]:
    """The headings that the page's generators have as they are, in the order of their sections."""
    makers = ("growth_figure", "bookkeeping", "large_run", "long_runs", "scaling")
    texts = [(ROOT / "tests" / "benchmarks" / f"{name}.py").read_text(encoding="utf-8") for name in makers]
    return [heading for text in texts for heading in re.findall(r'^ +"## ([^"]+)",$', text, re.MULTILINE)]


def test_the_page_has_every_section_that_its_generator_writes() -> None:
    """Else the page is older than its generator: run `make bench`."""
    written = [*(performance.heading(case) for case in CASES), *_sections()]
    assert _headings(performance.PAGE.read_text(encoding="utf-8")) == written


def test_the_miniatures_have_every_row() -> None:
    rows = {case.title: {row.key for row in case.rows} for case in MINIATURES}
    assert all({row.key for row in case.rows} <= rows[case.title] for case in CASES)
    assert len(_sections()) == 5


def test_the_cost_of_bookkeeping() -> None:
    assert bookkeeping.forwards_per_image(["gradcam"], ["deletion"]) == 1 + 4 * 28


def test_a_long_run_that_grows_misses_its_goals() -> None:
    flat, leaks = LONG["per_shard"], {"tensors": 1.0, "files": 0.0, "bytes": 1e6}
    texts = ["\n".join(long_runs.flat_section(**{**LONG, "per_shard": grows})) for grows in (flat, leaks)]
    assert [text.count("NOT met") for text in texts] == [0, 2]
    assert "+2.0 kB (goal met: at most 100 kB), which is +3 MB in a run of 50,000 images" in texts[0]


def test_a_large_run_within_its_goals() -> None:
    counts = {"files": 1, "cells": 3, "curve_points": 0, "page": 1}
    steps = [{"name": name, "seconds": 1.0, "computing": 1.0, "peak": 1, "counts": counts} for name in large_run.WORDS]
    size = {"images": 2, "methods": 1, "metrics": 1}
    slow = [{**step, "seconds": 1000.0} for step in steps]
    assert ["\n".join(large_run.large_section(size, each)).count("NOT met") for each in (steps, slow)] == [0, 3]


def test_a_film_beside_its_floor() -> None:
    network = Pooled().eval()
    told = films.lines(films.measured(1, 3, 64, network, "conv"), 3)
    assert [line.split(":")[0] for line in told] == ["benchbench", "floor", "pytorch-grad-cam in a loop", "goal"]
    assert "floor: " in told[1]
    assert "1.00 times the floor" in told[1]


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


def test_the_command_that_is_timed_beside_busy_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process: it is one that the command line takes, and no setting of threads of the outside is in it."""
    seen: list[dict[str, str]] = []

    def run(command: Sequence[str], *, env: dict[str, str], **_options: Any) -> None:
        assert command[:3] == [sys.executable, "-m", "benchbench"]
        done = benchbench(*command[3:], cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        seen.append({name: value for name, value in env.items() if name.startswith(("OMP_", "GOMP_"))})

    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(busy_machine, "subprocess", SimpleNamespace(run=run))
    assert busy_machine.seconds_of(busy_machine.WAYS["turning"], 1, "random", "sparseness") > 0
    assert seen == [busy_machine.WAYS["turning"]]
