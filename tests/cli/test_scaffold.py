"""``benchbench new method``: what it writes runs, passes its own test, and is as clean as the rest."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchbench.cli.scaffold import new_method
from benchbench.errors import BenchError
from benchbench.study.spec import StudySpec
from tests.sessions import imports_kept, session_here

from .commands import benchbench

__all__ = ["imports_kept"]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def tested(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """What pytest prints of the tests in pytester's folder, with this checkout's plugin."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def run(*words: str) -> str:
        options = ("-q", "-p", "no:cacheprovider", "-p", "benchbench.pytest_plugin")
        return session_here(pytester, *options, *words).stdout.str()

    return run


def test_it_runs_and_passes_its_own_test(pytester: pytest.Pytester, tested: Callable[..., str]) -> None:
    done = benchbench("new", "method", "contrast-cam++", cwd=pytester.path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:2] == ["contrast_cam_plus_plus.py", "test_contrast_cam_plus_plus.py"]
    output = tested(".")
    assert "10 passed" in output, output
    clean(pytester.path)


def clean(folder: Path) -> None:
    """By our own rules, where benchbench is somebody else's package."""
    for rule in (["check"], ["format", "--check"]):
        words = [sys.executable, "-m", "ruff", *rule, "--config", str(ROOT / "pyproject.toml"), "."]
        done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=folder)
        assert done.returncode == 0, done.stdout


def test_with_a_gate_it_holds_itself_to_its_baseline(pytester: pytest.Pytester, tested: Callable[..., str]) -> None:
    """Without a baseline it fails and says how to write it; then it passes, and another formula fails."""
    folder = pytester.path
    done = benchbench("new", "method", "contrast-cam", "--gate", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "contrast_cam.yaml" in done.stdout.splitlines()
    clean(folder)
    study = folder / "contrast_cam.yaml"
    assert StudySpec.from_yaml(study, methods=["gradcam"]).samples == 12
    quick = study.read_text().replace("samples: 12 ", "samples: 2 ").replace("deletion, insertion, ", "")
    study.write_text(quick)
    assert "Run pytest --benchbench-update" in tested("-k", "gate")
    # a smaller network from here on: the study's own has just been seen to run
    (folder / "net.py").write_text(
        "from benchbench.testing import Small, seeded\n\n\ndef build():\n    return seeded(Small)\n"
    )
    study.write_text(quick.replace("[efficientnet_lite0]", "[net.py:build]"))
    assert "1 passed" in tested("-k", "gate", "--benchbench-update")
    assert "1 passed" in tested("-k", "gate")
    file = folder / "contrast_cam.py"
    file.write_text(file.read_text().replace("weight * layer.activation)", "weight * layer.activation.flip(1))"))
    output = tested("-k", "gate")
    assert "FAIL: contrast-cam: " in output, output
    assert "2 maps changed" in output


def test_its_test_fails_when_the_method_does(pytester: pytest.Pytester, tested: Callable[..., str]) -> None:
    file, test = new_method("mine", pytester.path)
    file.write_text(file.read_text().replace(".sum(1))", ".mean(1) - (weight * layer.activation).mean())"))
    output = tested(test.name)
    assert "mine: batches and order" in output, output


@pytest.mark.parametrize(
    "name",
    [
        "a:b",
        "",
        "-",
        "9lives",
        "a{b}",
        'a"b',
        "class",
        "a@b",
        "../x/..",
        "my cam/x",
        "relu",
        "test-x",
        "conftest",
        "a" * 61,
    ],
)
def test_names_that_are_none(name: str, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="not a valid method name"):
        new_method(name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_file_that_would_hide_a_module_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"torch\.py would hide the module 'torch'"):
        new_method("torch", tmp_path)
    assert not list(tmp_path.iterdir())


def test_nothing_is_written_over(tmp_path: Path) -> None:
    new_method("mine", tmp_path)
    before = {path: path.read_text() for path in tmp_path.iterdir()}
    done = benchbench("new", "method", "mine", cwd=tmp_path)
    assert done.returncode == 2
    assert "the file exists already" in done.stderr
    assert {path: path.read_text() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["metric", "x"], "cannot make"),
        (["method", "x", "--folder", "no"], "no such folder"),
        (["method", "Grad-CAM"], "there is a method 'gradcam' already"),
        (["method", "scorecam"], "there is a method 'scorecam' already"),
    ],
)
def test_mistakes_are_one_line(words: list[str], message: str, tmp_path: Path) -> None:
    done = benchbench("new", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
