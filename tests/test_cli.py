"""The command line as a user types it: exit codes, one clear line for a mistake, no traceback."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import pandas as pd
import pytest
import yaml

from benchbench.cli import main
from benchbench.registry import METHODS

QUICK = ["--methods", "gradcam,center", "--metrics", "deletion", "--samples", "2"]


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


def benchbench(*words: str, cwd: Path) -> Done:
    """The entry point in this process, so that torch is imported once; test_help runs it as a process of its own."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with chdir(cwd), redirect_stdout(out), redirect_stderr(err), mock.patch.object(sys, "argv", ["benchbench", *words]):
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
    return Done(code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small network and a small study in it."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "net.py").write_text(
        "import torch\nfrom torch import nn\nfrom benchbench import ModelSpec, Preprocess\n"
        "def small():\n"
        "    torch.manual_seed(0)\n"
        "    network = nn.Sequential(nn.Conv2d(3, 5, 3, 4), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1),\n"
        "                            nn.Flatten(), nn.Linear(5, 1000))\n"
        "    return ModelSpec('small', network, Preprocess(64, 56))\n"
    )
    (folder / "study.yaml").write_text(
        yaml.safe_dump(
            {
                "models": ["net.py:small"],
                "datasets": ["photos"],
                "layers": ["1"],
                "methods": ["gradcam", "center"],
                "metrics": ["deletion"],
                "samples": 3,
            }
        )
    )
    return folder


@pytest.fixture(scope="module")
def finished(place: Path) -> Path:
    done = benchbench("run", "study.yaml", cwd=place)
    assert done.returncode == 0, done.stderr
    return place / "runs" / "study"


def test_as_a_process_of_its_own(place: Path) -> None:
    command = [sys.executable, "-c", "from benchbench.cli import main; main()"]
    helped = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True, cwd=place)
    assert all(word in helped.stdout for word in ("run", "report", "list"))
    wrong = subprocess.run([*command, "run", "absent.yaml"], capture_output=True, text=True, check=False, cwd=place)
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("benchbench: absent.yaml: no such study file")


def test_a_run_leaves_its_folder(finished: Path) -> None:
    for name in ("run.json", "results.parquet", "curves.parquet", "report.html"):
        assert (finished / name).is_file()
    tables = {"leaderboard.csv", "leaderboard.md", "leaderboard.tex", "compact.tex", "supplementary.tex"}
    assert {p.name for p in (finished / "tables").iterdir()} == tables
    assert len(pd.read_parquet(finished / "results.parquet")) == 3 * 2


def test_what_is_printed(place: Path, finished: Path) -> None:
    done = benchbench("run", "study.yaml", cwd=place)
    assert done.returncode == 0
    assert "gradcam" in done.stdout
    assert "0 cells computed, 4 reused" in done.stdout
    assert "runs/study/report.html" in done.stdout
    assert done.stderr == "", "no progress bar where there is no terminal"
    assert max(len(line) for line in done.stdout.splitlines()) <= 80


def test_options_override_the_file(place: Path) -> None:
    done = benchbench("run", "study.yaml", *QUICK, "--methods", "center", "--seed", "3", "--out", "other", cwd=place)
    assert done.returncode == 0, done.stderr
    info = json.loads((place / "other" / "run.json").read_text())
    assert (info["study"]["methods"], info["study"]["samples"], info["seed"]) == (["center"], 2, 3)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "study.yaml", "--methods", "gradcm"], "methods[0]: unknown method 'gradcm'. Did you mean 'gradcam'"),
        (["run", "study.yaml", "--samples", "-3"], "samples: Input should be greater than 0 (got -3)"),
        (["run", "study.yaml", "--samples", "few"], "samples: Input should be a valid integer"),
        (["run", "absent.yaml"], "absent.yaml: no such study file"),
        (["run", "study.yaml", "--layers", "1,9"], "layers: small: the network has no layer '9'"),
        (["run", "study.yaml", "--target", "1000"], "target: class 1000 is not one of the 1000 classes"),
        (["run", "study.yaml", "--datasets", "folder:root=nowhere"], "nowhere"),
        (["run", "study.yaml", "--plugin", "absent.py"], "no file 'absent.py'"),
        (["report", "nowhere"], "nowhere is not the folder of a finished run"),
        (["report", "{run}", "--format", "latex", "--style", "ful"], "unknown style 'ful'. Did you mean 'full'"),
        (["report", "{run}", "--format", "latex", "--spread", "sd"], "unknown spread 'sd'"),
        (["report", "{run}", "--format", "csv", "--style", "compact"], "csv has no style 'compact'"),
        (["list", "method"], "cannot list 'method'. Did you mean 'methods'"),
    ],
)
def test_a_wrong_request_is_one_line_and_exit_code_2(place: Path, finished: Path, words: list[str], said: str) -> None:
    done = benchbench(*(word.format(run=finished) for word in words), cwd=place)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.startswith("benchbench: ")
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr + done.stdout


def test_failed_rows_are_exit_code_1(place: Path) -> None:
    (place / "fails.py").write_text(
        "from benchbench import method\n"
        "@method('fails', needs='activation')\n"
        "def fails(layer):\n    'Fails.'\n    raise ValueError('as planted')\n"
    )
    words = ["run", "study.yaml", "--plugin", "fails.py", "--methods", "gradcam,fails", "--out", "failed"]
    try:
        done = benchbench(*words, cwd=place)
    finally:
        METHODS.remove("fails")
    assert done.returncode == 1
    assert "3 rows failed" in done.stdout
    table = pd.read_parquet(place / "failed" / "results.parquet")
    assert table[table["status"] == "failed"]["reason"].tolist() == ["ValueError: as planted (fails.py:5)"] * 3


@pytest.mark.parametrize("kind", ["methods", "metrics", "models", "datasets"])
def test_listing(place: Path, kind: str) -> None:
    done = benchbench("list", kind, "--json", cwd=place)
    entries = json.loads(done.stdout)
    assert all(entry["name"] and entry["summary"] and "parameters" in entry for entry in entries)
    if kind == "metrics":
        assert {e["name"]: e["higher_is_better"] for e in entries}["deletion"] is False
    if kind == "methods":
        assert {e["name"]: e["needs"] for e in entries}["gradcam"] == ["gradient"]
    plain = benchbench("list", kind, cwd=place)
    assert plain.returncode == 0
    assert entries[0]["name"] in plain.stdout


@pytest.mark.parametrize(("format", "start"), [("latex", "%"), ("markdown", "#"), ("csv", "model,dataset,layer")])
def test_tables_to_the_screen_and_to_a_file(finished: Path, place: Path, format: str, start: str) -> None:
    shown = benchbench("report", str(finished), "--format", format, cwd=place)
    assert shown.returncode == 0
    assert shown.stdout.lstrip().startswith(start) or start == "%"
    written = benchbench("report", str(finished), "--format", format, "--out", "table.txt", cwd=place)
    assert written.stdout.strip() == "table.txt"
    assert (place / "table.txt").read_text() == shown.stdout


def test_figures_and_styles(finished: Path, place: Path) -> None:
    done = benchbench("report", str(finished), "--format", "pdf", "--out", "figures", cwd=place)
    written = [place / line for line in done.stdout.splitlines()]
    assert {path.name.split("-")[0] for path in written} >= {"curves"}
    assert all(path.read_bytes().startswith(b"%PDF-") for path in written)
    words = ["report", str(finished), "--format", "latex", "--style", "supplementary"]
    assert r"\begin{longtable}" in benchbench(*words, cwd=place).stdout


def test_a_report_is_rebuilt_elsewhere(finished: Path, place: Path, tmp_path: Path) -> None:
    done = benchbench("report", str(finished), "--out", str(tmp_path / "page.html"), cwd=tmp_path)
    assert done.returncode == 0
    assert (tmp_path / "page.html").read_text() == (finished / "report.html").read_text()
