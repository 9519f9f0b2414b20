"""``benchbench new method``: what it writes runs, passes its own test, and is as clean as the rest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchbench.errors import BenchError
from benchbench.scaffold import new_method

from .test_cli import benchbench

ROOT = Path(__file__).parent.parent


def test_it_runs_and_passes_its_own_test(tmp_path: Path) -> None:
    done = benchbench("new", "method", "contrast-cam++", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:2] == ["contrast_cam_plus_plus.py", "test_contrast_cam_plus_plus.py"]
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
        env={"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PATH": ""},
    )
    assert "10 passed" in tested.stdout, tested.stdout + tested.stderr
    clean = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--config", str(ROOT / "pyproject.toml"), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert clean.returncode == 0, clean.stdout


def test_its_test_fails_when_the_method_does(tmp_path: Path) -> None:
    file, test = new_method("mine", tmp_path)
    file.write_text(file.read_text().replace(".sum(1))", ".mean(1) - (weight * layer.activation).mean())"))
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(test)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
        env={"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PATH": ""},
    )
    assert "mine: batches and order" in tested.stdout, tested.stdout


@pytest.mark.parametrize("name", ["a:b", "", "-", "9lives", "a{b}", 'a"b', "class", "a@b", "../x/.."])
def test_names_that_are_none(name: str, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="no name for a method"):
        new_method(name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_nothing_is_written_over(tmp_path: Path) -> None:
    new_method("mine", tmp_path)
    before = {path: path.read_text() for path in tmp_path.iterdir()}
    done = benchbench("new", "method", "mine", cwd=tmp_path)
    assert done.returncode == 2
    assert "there is a file already" in done.stderr
    assert {path: path.read_text() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("words", "said"), [(["metric", "x"], "cannot make"), (["method", "x", "--folder", "no"], "no such folder")]
)
def test_mistakes_are_one_line(words: list[str], said: str, tmp_path: Path) -> None:
    done = benchbench("new", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
