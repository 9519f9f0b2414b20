"""The fixtures under pytest-xdist: one session with two workers, of which every test here reads its part."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchbench.testing import CHECKS, METRIC_CHECKS

from .conftest import OF_A_WORKER, SETTINGS, Session, plugins
from .nested import ASKS, CONFTEST, FAILING, PLUGINS, SNAPSHOT, spoil, written_snapshots

DYING = '''
import os
import signal
from pathlib import Path
import benchbench as bb

@bb.method("dying", needs="activation", control=True)
def dying(layer):
    """For a test."""
    if not Path("died").exists():
        Path("died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return layer.activation.mean(1)
'''
ASKS_DYING = """
import pytest, dying
@pytest.mark.parametrize("i", range(4))
def test_it(benchbench_run, keys, i):
    assert len(benchbench_run(**{**keys, "methods": ["dying"]}).table) == 3
"""
WHICH_WORKER = """
import os

@pytest.fixture(autouse=True)
def which_worker(request):
    with open(HERE / "workers.txt", "a") as file:
        file.write(f"{request.path.name} {os.environ['PYTEST_XDIST_WORKER']}\\n")
"""
CONTRACT = """
from benchbench.testing import contract_suite
test_contract = contract_suite(package="mine")
"""
FILES = {
    "conftest.py": CONFTEST + WHICH_WORKER + "import sys\nsys.path.insert(0, str(HERE))\nimport mine.plugins\n",
    "dying.py": DYING,
    "mine/__init__.py": "",
    "mine/plugins.py": PLUGINS,
}
TESTS = {  # in this order: the first few go to both workers at once
    "test_one.py": ASKS,
    "test_two.py": ASKS,
    "test_failing.py": FAILING,
    "test_dying.py": ASKS_DYING,
    "test_snapshots.py": SNAPSHOT,
    "test_contract.py": CONTRACT,
}


@dataclass(frozen=True)
class Finished:
    """A session's folder and what it printed."""

    place: Path
    output: str

    def outcomes(self, file: str) -> dict[str, int]:
        """How many tests of a file passed and failed."""
        return dict(Counter(re.findall(rf"^(PASSED|FAILED|ERROR) {file}::", self.output, re.MULTILINE)))


def session_of_workers(count: int, place: Path, *arguments: str) -> str:
    """What a session with so many workers prints, with a line for each test in the end."""
    outside = {name: value for name, value in os.environ.items() if name not in OF_A_WORKER}
    command = [sys.executable, "-m", "pytest", *plugins(), "-n", str(count), "-rA", f"--basetemp={place / 'temporary'}"]
    done = subprocess.run(
        [*command, *arguments], cwd=place, env=outside | SETTINGS, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    place = tmp_path_factory.mktemp("workers")
    for name, text in (FILES | TESTS).items():
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_text(text)
    return Finished(place, session_of_workers(2, place, "--benchbench-update", *TESTS))


def test_a_study_is_computed_once(finished: Finished) -> None:
    assert finished.outcomes("test_one.py") == finished.outcomes("test_two.py") == {"PASSED": 4}, finished.output
    asking = {
        line.split()[1]
        for line in (finished.place / "workers.txt").read_text().splitlines()
        if line.startswith(("test_one.py ", "test_two.py "))
    }
    assert asking >= {"gw0", "gw1"}
    assert len((finished.place / "calls.txt").read_text().splitlines()) == 1


def test_a_study_that_fails_fails_every_test_that_asks(finished: Finished) -> None:
    assert finished.outcomes("test_failing.py") == {"PASSED": 1, "FAILED": 5}, finished.output
    shown = finished.output
    assert (
        shown.count("Failed: the study failed: layers: net: ") + shown.count("\nthe study failed: layers: net: ") >= 4
    )
    assert "3 rows of the study failed: raising under average_drop: ValueError: it is broken" in shown
    assert "Traceback" not in shown


def test_a_worker_that_dies_lets_go_of_the_study(finished: Finished) -> None:
    """Its own test is lost; the others compute what it did not."""
    assert finished.outcomes("test_dying.py") == {"PASSED": 3, "FAILED": 1}, finished.output
    assert len(re.findall(r"^worker 'gw\d' crashed while running 'test_dying.py::", finished.output, re.MULTILINE)) == 1


def test_snapshots(finished: Finished, pytester: pytest.Pytester, session: Session) -> None:
    """Written by the flag, and named in the end; one process reads them, and a worker holds to them."""
    assert finished.outcomes("test_snapshots.py") == {"PASSED": 2}, finished.output
    section = finished.output.partition("benchbench wrote")[2]
    assert re.search(r"snapshots/test_snapshots/test_maps.*\.json", section)
    snapshots = written_snapshots(finished.place, "test_snapshots")
    assert len(snapshots) == 4
    shutil.copytree(finished.place / "snapshots", pytester.path / "snapshots")
    pytester.makepyfile(test_snapshots=SNAPSHOT)
    session().assert_outcomes(passed=2)
    spoil(snapshots)
    again = Finished(finished.place, session_of_workers(1, finished.place, "test_snapshots.py"))
    assert again.outcomes("test_snapshots.py") == {"FAILED": 2}, again.output


def test_a_package_is_checked_as_a_whole(finished: Finished) -> None:
    assert "again needs reexplain: its contract is not checked here" in finished.output
    ids = re.findall(r"^(?:PASSED|FAILED) test_contract.py::test_contract\[(\w+)", finished.output, re.MULTILINE)
    assert Counter(ids) == {"sound": len(CHECKS), "mixing": len(CHECKS), "large": len(METRIC_CHECKS)}
    assert len(re.findall(r"^SKIPPED \[(\d+)\]", finished.output, re.MULTILINE)) == 1
