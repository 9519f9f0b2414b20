"""The contract in one line: an id per check, faults found in the check that they break, nothing left out silently."""

from __future__ import annotations

import pytest

from benchbench.errors import BenchError
from benchbench.registry import METHODS, METRICS
from benchbench.testing import CHECKS, METRIC_CHECKS, contract_suite

from .conftest import Session
from .nested import PLUGINS


@pytest.fixture
def plugins(pytester: pytest.Pytester) -> pytest.Pytester:
    (pytester.mkpydir("mine") / "plugins.py").write_text(PLUGINS)
    pytester.makeconftest("import sys\nsys.path.insert(0, '.')\nimport mine.plugins")
    return pytester


def test_every_check_has_an_id_and_a_fault_fails_its_own(plugins: pytest.Pytester, session: Session) -> None:
    plugins.makepyfile("""
        from benchbench.testing import contract_suite
        test_contract = contract_suite(methods=["sound", {"name": "sound", "power": 2.0}, "mixing"], metrics=["large"])
    """)
    done = session("-v", "-rf")
    output = done.stdout.str()
    for title in CHECKS:
        for label in ("sound", "sound(power=2.0)"):
            assert f"::test_contract[{label}-{title}] PASSED" in output, title
    failed = {line.split("[")[1].split("]")[0] for line in output.splitlines() if line.startswith("FAILED")}
    assert {"mixing-batches and order", "large@only-in its range"} <= failed
    assert "mixing-seeds and traces" not in failed
    done.assert_outcomes(passed=3 * len(CHECKS) + len(METRIC_CHECKS) - len(failed), failed=len(failed))
    assert "AssertionError: mixing: batches and order: " in output
    assert "AssertionError: large: in its range: " in output
    assert "contracts.py" not in output
    assert "During handling" not in output
    assert not [line for line in output.splitlines() if line.startswith("E       assert ")], (
        "our expression, not theirs"
    )


def test_our_own_package_is_all_there() -> None:
    contract = contract_suite(package="benchbench.methods")
    (mark,) = contract.pytestmark  # type: ignore[attr-defined]
    ids = [str(param.id) for param in mark.args[1]]
    names = [name for name, p in METHODS.load().items() if p.function.__module__.startswith("benchbench.methods.")]
    assert {name for name in names if not any(i.startswith(f"{name}-") for i in ids)} == set()
    assert len(METRICS.names()) > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "there is nothing to check"),
        ({"package": "nobody"}, "there is nothing to check"),
        ({"methods": "gradcam"}, r"methods is not a list. Use methods=\['gradcam'\]"),
        ({"methods": ["gradcm"]}, "Did you mean 'gradcam'"),
        ({"methods": [{"name": "gradcam", "power": 2}]}, "no parameter 'power'"),
        ({"methods": ["dataset-mean"]}, "whole dataset"),
        ({"metrics": ["runtime"]}, "needs cost"),
        ({"metrics": ["deletion@rise"]}, "no protocol 'rise'"),
    ],
)
def test_what_cannot_be_checked_is_an_error(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(BenchError, match=message):
        contract_suite(**arguments)  # type: ignore[arg-type]
