"""Sessions of pytest inside a test: in a folder of their own, with the plugins named and none found by themselves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchbench import testing
from benchbench.registry import METHODS, METRICS
from tests.sessions import imports_kept, session_here

__all__ = ["imports_kept"]
# what the checks import as they run is imported before
IMPORTED = (testing, METHODS.load(), METRICS.load())
ROOT = Path(__file__).parent.parent.parent
Session = Callable[..., pytest.RunResult]


def plugins(*, bare: bool = False) -> list[str]:
    """The options that name this checkout's plugin and the two that it works with; ``bare``: no pytest-benchmark."""
    names = ["benchbench.pytest_plugin", "xdist.plugin", *([] if bare else ["pytest_benchmark.plugin"])]
    return [*(word for name in names for word in ("-p", name)), "-p", "no:cacheprovider"]


SETTINGS = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
OF_A_WORKER = ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_XDIST_TESTRUNUID")


@pytest.fixture
def session(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Session:
    """Runs pytest with this checkout's plugin here, or in a process of its own; ``bare``: no pytest-benchmark."""
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    for name in OF_A_WORKER:
        monkeypatch.delenv(name, raising=False)  # or it takes itself for a worker of the session that tests it

    def run(*arguments: str, bare: bool = False, process: bool = False) -> pytest.RunResult:
        words = [*plugins(bare=bare), *arguments]
        return pytester.runpytest_subprocess(*words) if process else session_here(pytester, *words)

    return run
