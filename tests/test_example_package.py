"""docs/examples/benchbench-contrast: built, installed beside benchbench's own wheel, and tested as its author would."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .test_packaging import ROOT, tracked, wheel

__all__ = ["wheel"]
EXAMPLE = "docs/examples/benchbench-contrast"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of git's files: building leaves traces."""
    folder = tmp_path_factory.mktemp("example")
    for name in tracked():
        if name.startswith(f"{EXAMPLE}/") and (ROOT / name).is_file():
            target = folder / name.removeprefix(f"{EXAMPLE}/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target)
    return folder


@pytest.fixture(scope="module")
def site(wheel: Path, project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both packages, installed into a folder of their own, without a network."""
    folder = tmp_path_factory.mktemp("site")
    for source, options in ((wheel, []), (project, ["--no-build-isolation"])):
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", *options]
        done = subprocess.run([*pip, "--target", str(folder), str(source)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    return folder


def run(site: Path, place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"}
    environment.pop("PYTEST_DISABLE_PLUGIN_AUTOLOAD", None)
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, cwd=place, env=environment, check=False
    )


def test_its_own_tests_pass(site: Path, project: Path) -> None:
    """By the installed wheels alone, with pytest finding the plugin through its entry point, on two workers."""
    where = run(site, project, "-c", "import benchbench as a, benchbench_contrast as b; print(a.__file__, b.__file__)")
    assert where.stdout.count(str(site)) == 2, where.stdout + where.stderr
    done = run(site, project, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " failed" not in done.stdout
    assert " skipped" not in done.stdout


def test_its_tests_fail_when_the_method_does(site: Path, project: Path) -> None:
    """A step more than the formula: closed form, snapshot and baseline all say so."""
    code = site / "benchbench_contrast" / "methods.py"
    sound = code.read_text()
    try:
        code.write_text(sound.replace("return relu(contribution -", "return relu(contribution.abs() -"))
        words = ["-q", "-rf", "-p", "no:cacheprovider", "-k", "not contract and not cost"]
        done = run(site, project, "-m", "pytest", *words)
    finally:
        code.write_text(sound)
    failed = {line.split("::")[1].split(" ")[0] for line in done.stdout.splitlines() if line.startswith("FAILED")}
    assert {"test_closed_form[1.0]", "test_its_maps_are_what_they_were", "test_it_is_not_worse_than_it_was"} <= failed


def test_the_command_line_lists_them(site: Path, project: Path) -> None:
    assert "contrastcam" in run(site, project, "-m", "benchbench", "list", "methods").stdout
    assert "bright_area" in run(site, project, "-m", "benchbench", "list", "metrics").stdout
