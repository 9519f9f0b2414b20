"""The commands that look at a run before it starts and while it runs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchbench.results.run_log import RunLog
from tests.sessions import registries_restored

from .commands import Done, benchbench

PLUGIN = """
import os
import torch
import benchbench as bb
from benchbench.testing import Small, seeded

@bb.model("small")
def small() -> torch.nn.Module:
    \"\"\"Small.\"\"\"
    return seeded(Small)

@bb.dataset("noise")
def noise(*, count: int = 12):
    \"\"\"Noise.\"\"\"
    seed = int(os.environ.get("NOISE_SEED", 0))
    return torch.randn(count, 3, 24, 24, generator=torch.Generator().manual_seed(seed))
"""
STUDY = """
models: [small]
datasets: [noise]
layers: [relu]
methods: [gradcam, random]
metrics: [sparseness]
workers: 0
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("watching")
    (folder / "plugin.py").write_text(PLUGIN)
    (folder / "study.yaml").write_text(STUDY)
    with registries_restored():
        yield folder


def run(place: Path, *words: object) -> Done:
    return benchbench(*words, "--plugin", place / "plugin.py", cwd=place)


def test_a_dry_run_then_a_run_then_its_status(place: Path) -> None:
    dry = run(place, "run", "study.yaml", "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert "Dry run: nothing is computed, and nothing is written." in dry.stdout
    assert "Cells to compute: 4 (maps 2 of 2 and scores 2 of 2)" in dry.stdout
    assert not (place / "runs").exists()
    assert run(place, "run", "study.yaml", "--no-report").returncode == 0
    status = benchbench("status", "runs/study", cwd=place)
    assert status.returncode == 0, status.stderr
    assert status.stdout.startswith("runs/study: finished")
    assert "1 of 1 shard, 24 of 24 rows" in status.stdout
    plain = json.loads(benchbench("status", "runs/study", "--json", cwd=place).stdout)
    assert (plain["state"], plain["shards_done"], plain["failed_rows"]) == ("finished", 1, 0)
    assert "Cells to compute: 0" in run(place, "run", "study.yaml", "--dry-run").stdout


def test_the_status_of_a_run_that_is_gone_ends_with_1(place: Path) -> None:
    folder = place / "dead"
    folder.mkdir()
    (folder / "unfinished.json").write_text(json.dumps({"process": 2**22 + 5, "machine": os.uname().nodename}))
    log = RunLog(folder, print)
    log.write("start")
    log.open()
    done = benchbench("status", folder, cwd=place)
    assert (done.returncode, "dead" in done.stdout) == (1, True)
    nothing = benchbench("status", place / "nothing", cwd=place)
    assert (nothing.returncode, "is not the folder of a run" in nothing.stderr) == (2, True)


def test_an_estimate(place: Path) -> None:
    done = run(place, "estimate", "study.yaml", "--out", "elsewhere", "--samples", 12)
    assert done.returncode == 0, done.stderr
    assert "Time: about" in done.stdout
    assert "Measured here" in done.stdout
    plain = json.loads(run(place, "estimate", "study.yaml", "--out", "elsewhere", "--json").stdout)
    assert plain["seconds"] > 0
    assert plain["measured"]["images"] > 0
    assert plain["missing"] == 4
    assert not (place / "elsewhere").exists()


def test_a_budget_from_the_command_line(place: Path) -> None:
    done = run(place, "run", "study.yaml", "--budget", "2h", "--out", "kept", "--no-report")
    assert done.returncode == 0, done.stderr
    info = json.loads((place / "kept" / "run.json").read_text())
    assert info["budget"]["seconds"] == 7200
    wrong = run(place, "run", "study.yaml", "--budget", "soon", "--out", "other")
    assert (wrong.returncode, "cannot read 'soon'. Give 90s, 30m, 2h" in wrong.stderr) == (2, True)
    assert not (place / "other").exists()


def test_a_study_is_validated(place: Path) -> None:
    done = run(place, "validate", "study.yaml")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("OK: study.yaml\nNetworks: small (relu, batch")
    assert "Data: noise: 12 of 12 images" in done.stdout
    quick = run(place, "validate", "study.yaml", "--no-load")
    assert (quick.returncode, quick.stdout.startswith("OK: study.yaml. Names")) == (0, True)


@pytest.mark.parametrize(
    ("change", "message", "loads"),
    [
        (("gradcam", "gradcm"), "Did you mean 'gradcam'", False),
        (("[relu]", "[nowhere]"), "layers: small", True),
        (("[noise]", "[{name: folder, root: no/where}]"), "no/where", False),
        (("workers: 0", "worker: 0"), "unknown key 'worker'", False),
        (("[sparseness]", "[pointing_game]"), "needs masks or boxes", True),
    ],
)
def test_what_is_wrong_is_said_in_one_line(place: Path, change: tuple[str, str], message: str, loads: bool) -> None:
    (place / "wrong.yaml").write_text(STUDY.replace(*change))
    done = run(place, "validate", "wrong.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert run(place, "validate", "wrong.yaml", "--no-load").returncode == (0 if loads else 2)
