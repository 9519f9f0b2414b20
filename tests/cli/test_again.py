"""A run that is done again from its run.json, and a run in one file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchbench.results.record import Record
from benchbench.results.store import Store
from benchbench.study.again import keys_again
from benchbench.study.spec import StudySpec
from tests.sessions import registries_restored

from .commands import Done, benchbench
from .test_watching import PLUGIN

NETWORK = """
from benchbench.testing import Small, seeded

def build(seed: int = 0):
    return seeded(Small)
"""
STUDY = """
models: [small, {name: "net.py:build", seed: 3, as: mine}]
datasets: [noise:count=6]
layers: relu
methods: [{name: smoothgrad, samples: 2}, {name: gradcam, as: Ours}, random]
metrics: [{name: deletion, steps: 3, as: short}, sparseness]
samples: 5
seed: 7
workers: 0
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("again")
    (folder / "plugin.py").write_text(PLUGIN)
    (folder / "net.py").write_text(NETWORK)
    (folder / "study.yaml").write_text(
        STUDY.replace("noise:count=6", "{name: noise, count: 6}").replace("relu", "[relu]")
    )
    with registries_restored():
        done = command(folder, "run", "study.yaml", "--plugin", "plugin.py", "--out", "first", "--no-report")
        assert done.returncode == 0, done.stderr
        yield folder


def command(place: Path, *words: object) -> Done:
    return benchbench(*words, cwd=place)


def test_a_run_is_done_again_from_its_own_words(place: Path) -> None:
    done = command(place, "run", "first/run.json", "--no-report")
    assert done.returncode == 0, done.stderr
    then, now = Record.load(place / "first"), Record.load(place / "first-again")
    assert now.info["study"] == then.info["study"]
    assert [m["name"] for m in now.info["methods"]] == [m["name"] for m in then.info["methods"]]
    assert now.info["work"]["cells_computed"] == then.info["work"]["cells_computed"]
    assert "nothing differs in versions, device, weights, data and code" in done.stdout
    assert f"{len(then.results)} of {len(then.results)} values are the same" in done.stdout


KEYS: dict[str, Any] = {
    "layers": ["relu"],
    "target": 2,
    "samples": 3,
    "seed": 9,
    "device": "cpu",
    "engine": "ray",
    "processes": 3,
    "num_cpus": 2.0,
    "num_gpus": 0.5,
    "ray_address": "ray://head:10001",
    "batch": 4,
    "score": "probability",
    "probability": "sigmoid",
    "precision": "bf16",
    "compile": True,
    "workers": 1,
    "time_limit": 30.0,
    "signed": True,
    "twins": ["inverted"],
    "suite": "localisation",
}


def test_every_key_of_a_study_is_read_again(place: Path, tmp_path: Path) -> None:
    """Those that choose networks, data, methods and metrics are read in another way."""
    assert KEYS.keys() == StudySpec.model_fields.keys() - {"models", "datasets", "methods", "metrics"}
    info = Record.load(place / "first").info
    for key, value in KEYS.items():
        defaults = {name: field.default for name, field in StudySpec.model_fields.items()}
        assert value != defaults[key], key
    study = StudySpec(models=["small"], datasets=["noise"], methods=["gradcam"], metrics=["deletion"], **KEYS)
    Store(tmp_path).write_results({}, {**info, "study": study.plain(), "files": {}})
    again = keys_again(tmp_path / "run.json")
    assert KEYS.keys() <= again.keys()
    read = StudySpec(**again)
    for key in KEYS.keys() - {"suite"}:
        assert getattr(read, key) == getattr(study, key), key
    assert read.suite is not None
    assert read.suite.plain == "localisation"


def test_what_differs_is_said(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOISE_SEED", "1")
    done = command(
        place, "run", "first/run.json", "--no-report", "--out", "other", "--methods", "random", "--samples", 3
    )
    assert done.returncode == 0, done.stderr
    assert "the images of noise(count=6): 3 changed, 2 missing" in done.stdout


def test_what_cannot_be_done_again_is_refused(place: Path) -> None:
    (place / "net.py").rename(place / "gone.py")
    done = command(place, "run", "first/run.json", "--out", "none")
    (place / "gone.py").rename(place / "net.py")
    assert (done.returncode, "no file" in done.stderr) == (2, True)
    (place / "text").mkdir()
    (place / "text" / "run.json").write_text("{}")
    done = command(place, "run", "text/run.json", "--out", "none")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert not (place / "none").exists()


def test_networks_from_python_cannot_be_read_from_a_file(place: Path) -> None:
    from ..engine.test_watch import pictures, study

    study(datasets={"data": pictures(2)}).run(place / "python", report=False)
    done = command(place, "run", "python/run.json")
    assert (done.returncode, "net, data: given in Python" in done.stderr) == (2, True)


def test_a_report_of_an_exported_run(place: Path) -> None:
    done = benchbench("export", "first", "--out", "shared.zip", cwd=place)
    assert done.returncode == 0, done.stderr
    assert "SHA-256" in done.stdout
    table = benchbench("report", "shared.zip", "--format", "csv", cwd=place)
    assert table.returncode == 0, table.stderr
    assert table.stdout == benchbench("report", "first", "--format", "csv", cwd=place).stdout
    wrong = benchbench("export", "first", "--out", "shared.tar", cwd=place)
    assert (wrong.returncode, "does not end in .zip" in wrong.stderr) == (2, True)
    data = bytearray((place / "shared.zip").read_bytes())
    data[len(data) // 3] ^= 1
    (place / "bad.zip").write_bytes(data)
    bad = benchbench("report", "bad.zip", cwd=place)
    assert (bad.returncode, "it is not an exported run" in bad.stderr) == (2, True)
    assert json.loads((place / "first" / "run.json").read_text())["again"]["plugins"] == [str(place / "plugin.py")]


def test_the_page_of_an_exported_run_is_written_beside_it(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places: list[Path] = []

    def write(_record: object, out: Path, _digest: object) -> Path:
        places.append(out)
        return out

    monkeypatch.setattr("benchbench.reports.html.document.write", write)
    benchbench("export", "first", "--out", "page.zip", cwd=place)
    done = benchbench("report", "page.zip", cwd=place)
    assert (done.returncode, done.stdout) == (0, "page.html\n"), done.stderr
    assert places == [Path("page.html")]
