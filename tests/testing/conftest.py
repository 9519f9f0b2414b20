"""Sessions of pytest inside a test: in a folder of their own, with the plugins named and none found by themselves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchbench import testing
from benchbench.registry import METHODS, METRICS

# pytester forgets what a session in this process imports, and numpy cannot be imported twice
IMPORTED = (testing, METHODS.load(), METRICS.load())
ROOT = Path(__file__).parent.parent.parent
Session = Callable[..., pytest.RunResult]


@pytest.fixture
def session(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Session:
    """Runs pytest with this checkout's plugin, in a process of its own or ``here``; ``bare``: no pytest-benchmark."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    for name in ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_XDIST_TESTRUNUID"):
        monkeypatch.delenv(name, raising=False)  # or it takes itself for a worker of the session that tests it

    def run(*arguments: str, bare: bool = False, here: bool = False) -> pytest.RunResult:
        named = ["benchbench.pytest_plugin", "xdist.plugin", *([] if bare else ["pytest_benchmark.plugin"])]
        plugins = [part for name in named for part in ("-p", name)]
        start = pytester.runpytest_inprocess if here else pytester.runpytest_subprocess
        return start(*plugins, "-p", "no:cacheprovider", *arguments)

    return run
