"""The pytest plugin: fixtures that run studies once, keep snapshots and baselines, and measure what a method costs.

Installed with ``pip install benchbench-saliency[pytest]``, and found by pytest through the entry point ``benchbench``.
Nothing heavy is imported before a test asks for a fixture.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .api.run import Run
    from .api.study import Study
    from .regression import Tolerances
    from .testing.asserts import MapsLike
    from .testing.benchmark import MethodBenchmark
    from .testing.session_runs import SessionRuns

UPDATE = "--benchbench-update"
WRITTEN = "benchbench_written"  # user property of a test: it crosses from xdist's workers with the report


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("benchbench")
    group.addoption(
        UPDATE,
        action="store_true",
        default=False,
        help="write the snapshots and baselines of the tests that run, where they are absent or differ",
    )


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Names what the session wrote, as it must be looked at and committed."""
    reports = [report for stat in terminalreporter.stats.values() for report in stat if hasattr(report, "nodeid")]
    properties = [pair for report in reports for pair in getattr(report, "user_properties", ())]
    written = sorted({str(value) for key, value in properties if key == WRITTEN})
    if written:
        terminalreporter.section("benchbench wrote")
        for path in written:
            terminalreporter.line(path)


@dataclass(frozen=True)
class StudyRuns:
    """The fixture ``benchbench_run``: from a study to its finished run, once per session."""

    folder: Path

    @cached_property
    def _runs(self) -> SessionRuns:
        from .testing.session_runs import SessionRuns

        return SessionRuns(self.folder)

    def __call__(self, study: str | Path | Study | None = None, *, allow_failed: bool = False, **keys: Any) -> Run:
        """The run of a study.

        Args:
            study: a study file, or a ``bb.Study``; None where ``keys`` say it all.
            allow_failed: rows that failed do not fail the test.
            keys: of ``bb.Study``; beside a file, they override its keys.
        """
        __tracebackhide__ = True
        from .errors import BenchError
        from .testing.session_runs import read_study

        why = ""
        try:
            run = self._runs.run(read_study(study, keys))
        except BenchError as error:
            why = str(error)
        if why:  # outside of the handler, or pytest prints the error twice
            pytest.fail(f"the study failed: {why}", pytrace=False)
        if run.failed and not allow_failed:
            pytest.fail(f"{run.failed} rows of the study failed: {run.first_failure}", pytrace=False)
        return run


@dataclass(frozen=True)
class Beside:
    """Files that belong to one test, in a folder beside it: ``snapshots/test_file/test_name.json``."""

    request: pytest.FixtureRequest
    kind: str
    _used: set[str] = field(default_factory=set)

    @property
    def update(self) -> bool:
        return bool(self.request.config.getoption(UPDATE))

    def path(self, name: str) -> Path:
        """The file of this test and a name; one test cannot use a name twice."""
        if name in self._used:
            pytest.fail(f"this test uses the name {name!r} twice: name each {self.kind}", pytrace=False)
        self._used.add(name)
        test = Path(str(self.request.node.path))
        # not the node's id, to which xdist adds a group's name
        chain = [node.name for node in self.request.node.listchain() if isinstance(node, (pytest.Class, pytest.Item))]
        full_name = "-".join([*chain, *([name] if name else [])])
        return test.parent / f"{self.kind}s" / test.stem / f"{_file_name(full_name)}.json"

    def wrote(self, path: Path, before: bytes | None) -> None:
        """Note that the file was written, if it was."""
        if path.read_bytes() != before:
            self.request.node.user_properties.append((WRITTEN, str(path)))


class Snapshot(Beside):
    """The fixture ``benchbench_snapshot``: maps are those that the file beside the test holds."""

    def __call__(self, maps: Run | MapsLike, name: str = "", *, tolerance: float = 1e-3) -> None:
        """Compare, or write with --benchbench-update; see ``benchbench.testing.assert_same_maps``."""
        __tracebackhide__ = True
        from .testing.asserts import assert_same_maps

        path = self.path(name)
        before = _bytes(path)
        assert_same_maps(maps, path, tolerance=tolerance, update=self.update)
        self.wrote(path, before)


class Gate(Beside):
    """The fixture ``benchbench_gate``: a run is not worse than the baseline that the file beside the test holds."""

    def __call__(self, run: Run, name: str = "", *, tolerances: Tolerances | None = None) -> None:
        """Compare, or write with --benchbench-update; see ``benchbench.testing.assert_not_worse``."""
        __tracebackhide__ = True
        from .testing.asserts import assert_not_worse

        path = self.path(name)
        before = _bytes(path)
        if before is None and not self.update:
            pytest.fail(
                f"{path}: there is no baseline yet. Run pytest {UPDATE}, and commit what it wrote", pytrace=False
            )
        assert_not_worse(run, path, tolerances=tolerances, update=self.update)
        self.wrote(path, before)


@pytest.fixture(scope="session")
def benchbench_run(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> StudyRuns:
    """A function from a study (a file, a bb.Study or its keys) to its finished run, computed once per session."""
    folder = tmp_path_factory.getbasetemp()
    worker = hasattr(request.config, "workerinput")  # pytest-xdist's workers have a folder each, side by side
    return StudyRuns((folder.parent if worker else folder) / "benchbench")


@pytest.fixture
def benchbench_snapshot(request: pytest.FixtureRequest) -> Snapshot:
    """A function that holds maps, or a run's maps, to a snapshot beside the test."""
    return Snapshot(request, "snapshot")


@pytest.fixture
def benchbench_gate(request: pytest.FixtureRequest) -> Gate:
    """A function that holds a run to a baseline beside the test."""
    return Gate(request, "baseline")


@pytest.fixture
def benchbench_cost(request: pytest.FixtureRequest) -> MethodBenchmark:
    """A function that benchmarks a method alone through pytest-benchmark, with memory and passes as extra info."""
    try:
        benchmark = request.getfixturevalue("benchmark")
    except pytest.FixtureLookupError:
        pytest.fail("benchbench_cost needs pytest-benchmark: pip install 'benchbench-saliency[pytest]'", pytrace=False)
    from .testing.benchmark import MethodBenchmark

    return MethodBenchmark(benchmark)


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _file_name(text: str) -> str:
    """Readable, and one name per text: what had to be changed or cut is told apart by a digest."""
    plain = re.sub(r"[^\w.+-]+", "_", text)[:80]
    return plain if plain == text else f"{plain}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
