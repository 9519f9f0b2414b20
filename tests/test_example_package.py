"""docs/examples/benchbench-contrast: built, installed beside benchbench's own wheel, and tested as its author would."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .cli.commands import Command, Done, processes
from .test_packaging import ROOT, tracked, wheel

__all__ = ["wheel"]
EXAMPLE = "docs/examples/benchbench-contrast"
PACKAGE = "benchbench_contrast"


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
    options = ("--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--target", str(folder))
    command = [sys.executable, "-m", "pip", "install", *options, str(wheel), str(project)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def run(site: Path, place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **settings(site)}
    environment.pop("PYTEST_DISABLE_PLUGIN_AUTOLOAD", None)
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, cwd=place, env=environment, check=False
    )


def settings(site: Path) -> dict[str, str]:
    return {"PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"}


def test_its_own_tests_pass(site: Path, project: Path) -> None:
    """By the installed wheels alone, with pytest finding the plugin through its entry point, on two workers."""
    where = run(site, project, "-c", "import benchbench as a, benchbench_contrast as b; print(a.__file__, b.__file__)")
    assert where.stdout.count(str(site)) == 2, where.stdout + where.stderr
    done = run(site, project, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " failed" not in done.stdout
    assert " skipped" not in done.stdout


@pytest.fixture(scope="module")
def commands(site: Path, project: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Done]:
    """The two lists; and its tests, where a method with a step more than the formula stands before the installed."""
    faulty = tmp_path_factory.mktemp("faulty")
    shutil.copytree(site / PACKAGE, faulty / PACKAGE)
    code = faulty / PACKAGE / "methods.py"
    code.write_text(code.read_text().replace("return relu(contribution -", "return relu(contribution.abs() -"))
    options = ["-q", "-rf", "-p", "no:cacheprovider", "-k", "not contract and not cost"]
    lists = [Command(["benchbench", "list", kind]) for kind in ("methods", "metrics")]
    tests = Command(["pytest", *options, "--override-ini", f"pythonpath={faulty}"])
    return processes([*lists, tests], project, settings(site))


def test_its_tests_fail_when_the_method_does(commands: list[Done]) -> None:
    """Closed form, snapshot and baseline all say so."""
    output = commands[2].stdout
    failed = {line.split("::")[1].split(" ")[0] for line in output.splitlines() if line.startswith("FAILED")}
    assert {"test_closed_form[1.0]", "test_its_maps_are_what_they_were", "test_it_is_not_worse_than_it_was"} <= failed


def test_the_command_line_lists_them(commands: list[Done]) -> None:
    methods, metrics, _ = commands
    assert "contrastcam" in methods.stdout
    assert "bright_area" in metrics.stdout
