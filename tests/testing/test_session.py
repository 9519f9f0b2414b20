"""The fixtures in sessions of pytest inside a test; test_two_workers.py has those under pytest-xdist."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import Session
from .nested import ASKS, CONFTEST, FAILING, SNAPSHOT, spoil, written_snapshots


@pytest.fixture
def place(pytester: pytest.Pytester) -> Path:
    pytester.makeconftest(CONFTEST)
    return pytester.path


def calls(place: Path) -> int:
    return len((place / "calls.txt").read_text().splitlines())


def test_a_study_is_computed_once(pytester: pytest.Pytester, place: Path, session: Session) -> None:
    pytester.makepyfile(test_one=ASKS, test_two=ASKS)
    session("-n", "0").assert_outcomes(passed=8)
    assert calls(place) == 1
    session().assert_outcomes(passed=8)
    assert calls(place) == 2, "another session computes it anew"


def test_another_network_of_the_same_name_is_another_study(
    pytester: pytest.Pytester, place: Path, session: Session
) -> None:
    pytester.makepyfile("""
        import torch
        from benchbench.testing import Small, seeded, example_images

        def test_content(benchbench_run, keys):
            first = benchbench_run(**keys)
            other = seeded(Small)
            with torch.no_grad():
                other.fc.bias += torch.arange(7.0)
            assert benchbench_run(**{**keys, "models": {"net": other}}).folder != first.folder
            images = {"data": (example_images(3) + 1e-3, [0, 1, 2])}
            assert benchbench_run(**{**keys, "datasets": images}).folder != first.folder
            assert benchbench_run(**{**keys, "seed": 1}).folder != first.folder
            assert benchbench_run(**keys) is first
    """)
    session().assert_outcomes(passed=1)
    assert calls(place) == 4


def test_a_study_file_and_what_overrides_it(pytester: pytest.Pytester, place: Path, session: Session) -> None:
    pytester.makefile(
        ".py",
        net="import torch\nfrom benchbench import ModelSpec, Preprocess\nfrom benchbench.testing import Small, seeded\n"
        "def net():\n    return ModelSpec('net', seeded(Small), Preprocess(64, 64))\n",
    )
    pytester.makefile(
        ".yaml",
        study="models: [net.py:net]\ndatasets: [photos]\nlayers: [relu]\nmethods: [counted]\nmetrics: [average_drop]\n"
        "samples: 2\n",
    )
    pytester.makepyfile("""
        def test_file(benchbench_run):
            assert len(benchbench_run("study.yaml").table) == 2
            assert len(benchbench_run("study.yaml", samples=1).table) == 1

        def test_no_file(benchbench_run):
            benchbench_run("none.yaml")

        def test_wrong_key(benchbench_run):
            benchbench_run("study.yaml", sample=1)
    """)
    done = session()
    done.assert_outcomes(passed=1, failed=2)
    done.stdout.fnmatch_lines(["*the study failed: none.yaml: no such study file*", "*unknown key 'sample'. Did you*"])
    assert "During handling" not in done.stdout.str(), "each is said once"


def test_a_study_that_fails_fails_every_test_that_asks(
    pytester: pytest.Pytester, place: Path, session: Session
) -> None:
    pytester.makepyfile(FAILING)
    done = session("-n", "0")
    done.assert_outcomes(passed=1, failed=5)
    output = done.stdout.str()
    assert (
        output.count("Failed: the study failed: layers: net: ") + output.count("\nthe study failed: layers: net: ") >= 4
    )
    assert "3 rows of the study failed: raising under average_drop: ValueError: it is broken" in output
    assert "Traceback" not in output


def test_snapshots_are_written_by_the_flag_alone(pytester: pytest.Pytester, session: Session) -> None:
    pytester.makepyfile(test_it=SNAPSHOT)
    done = session()
    done.assert_outcomes(failed=2)
    done.stdout.fnmatch_lines(["*there is no snapshot yet. Run pytest --benchbench-update*"])
    assert not (pytester.path / "snapshots").exists()

    done = session("--benchbench-update")
    done.assert_outcomes(passed=2)
    done.stdout.fnmatch_lines(["*benchbench wrote*", "*snapshots/test_it/test_maps*.json"])
    written = written_snapshots(pytester.path)
    assert len(written) == 4
    assert max(map(len, written.values())) < 20_000

    done = session()
    done.assert_outcomes(passed=2)
    assert "benchbench wrote" not in done.stdout.str()
    assert "benchbench wrote" not in session("--benchbench-update").stdout.str()
    assert written == written_snapshots(pytester.path)

    spoil(written)
    done = session()
    done.assert_outcomes(failed=2)
    done.stdout.fnmatch_lines(["*maps differ from *snapshots/test_it/test_maps*", "*off by 0.1 at row *"])


def test_one_name_is_for_one_snapshot(pytester: pytest.Pytester, session: Session) -> None:
    pytester.makepyfile("""
        from benchbench.testing import example_maps
        def test_twice(benchbench_snapshot):
            benchbench_snapshot(example_maps("gradcam"))
            benchbench_snapshot(example_maps("layercam"))
    """)
    done = session("--benchbench-update")
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["*uses the name '' twice: name each snapshot*"])


GATE = """
def test_not_worse(benchbench_run, benchbench_gate, keys):
    benchbench_gate(benchbench_run(**keys))
"""


def test_a_baseline_is_written_by_the_flag_and_holds(pytester: pytest.Pytester, place: Path, session: Session) -> None:
    pytester.makepyfile(test_it=GATE)
    done = session()
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["*there is no baseline yet. Run pytest --benchbench-update*"])
    baseline = place / "baselines" / "test_it" / "test_not_worse.json"
    assert not baseline.exists()

    done = session("--benchbench-update")
    done.assert_outcomes(passed=1)
    done.stdout.fnmatch_lines(["*benchbench wrote*", "*baselines/test_it/test_not_worse.json"])
    before = baseline.read_bytes()
    session().assert_outcomes(passed=1)

    conftest = place / "conftest.py"
    conftest.write_text(
        conftest.read_text().replace("return layer.activation.mean(1)", "return -layer.activation.mean(1)")
    )
    done = session()
    done.assert_outcomes(failed=1)
    assert "counted" in done.stdout.str()
    assert baseline.read_bytes() == before
    session("--benchbench-update").assert_outcomes(passed=1)
    assert baseline.read_bytes() != before


COST = """
import torch
from benchbench.testing import Small, example_images, seeded

def test_scorecam(benchbench_cost):
    cost = benchbench_cost("scorecam", seeded(Small), example_images(1), layer="relu")
    assert cost.forwards == 1 + 10

def test_gradcam(benchbench_cost):
    assert benchbench_cost("gradcam").backwards == 1
"""


def test_cost_is_benchmarked_with_what_is_no_time(pytester: pytest.Pytester, session: Session) -> None:
    pytester.makepyfile(test_cost=COST)
    session("--benchmark-json=found.json", "--benchmark-max-time=0.1").assert_outcomes(passed=2)
    benchmarks = json.loads((pytester.path / "found.json").read_text())["benchmarks"]
    info = {benchmark["name"]: benchmark["extra_info"] for benchmark in benchmarks}
    assert info["test_scorecam"]["forwards"] == 11
    assert info["test_gradcam"]["forwards"] == info["test_gradcam"]["backwards"] == 1
    assert info["test_scorecam"]["method"] == "scorecam"
    for benchmark in info.values():
        assert benchmark["peak_memory_bytes"] > 5 * 6 * 32 * 32  # the first stage's output, at least
        assert benchmark["reference_seconds"] > 0
        assert benchmark["in_references"] > 0
    assert all(benchmark["stats"]["rounds"] >= 5 for benchmark in benchmarks)


def test_without_pytest_benchmark_the_way_to_it_is_said(pytester: pytest.Pytester, session: Session) -> None:
    pytester.makepyfile(test_cost=COST)
    done = session(bare=True)
    done.assert_outcomes(errors=2)
    done.stdout.fnmatch_lines(["*benchbench_cost needs pytest-benchmark: pip install 'benchbench-saliency?pytest?'*"])


def test_a_session_that_asks_for_nothing_loads_nothing(pytester: pytest.Pytester, session: Session) -> None:
    pytester.makepyfile("""
        import sys
        def test_light():
            assert not {"torch", "numpy", "pandas", "benchbench.registry"} & set(sys.modules)
    """)
    session(bare=True, process=True).assert_outcomes(passed=1)
