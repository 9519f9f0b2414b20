"""The two commands as a user types them, on a real run of a method that then breaks."""

from __future__ import annotations

import inspect
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchbench.cli.gate import check_command
from benchbench.regression import Tolerances

from .commands import benchbench


def test_the_options_defaults_are_the_tolerances() -> None:
    """They are written twice, as the command line does not wait for pandas."""
    options, limits = inspect.signature(check_command).parameters, Tolerances()
    for option, name in (("margin", "margin"), ("map_tolerance", "map"), ("cost_ratio", "cost"), ("strict", "strict")):
        assert options[option].default == getattr(limits, name)


def test_nothing_changed(gated: Path) -> None:
    done = benchbench("check", gated / "good", "--baseline", gated / "baseline.json", cwd=gated)
    assert done.returncode == 0, done.stdout
    assert "PASS: Nothing changed: 32 scores, 16 maps and 2 costs compared." in " ".join(done.stdout.split())


def test_a_broken_method_fails_the_check(gated: Path) -> None:
    check = ["check", gated / "bad", "--baseline", gated / "baseline.json"]
    done = benchbench(*check, cwd=gated)
    assert done.returncode == 1
    assert done.stdout.startswith("FAIL: mine: 8 maps became constant")
    assert "gradcam" not in done.stdout
    out = gated / "check.xml"
    done = benchbench(*check, "--format", "junit", "--out", out, cwd=gated)
    assert done.returncode == 1
    assert ElementTree.parse(out).getroot().get("failures") != "0"
    done = benchbench(*check, "--methods", "gradcam", cwd=gated)
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("check", "good", "--baseline", "none.json"), "there is no such baseline"),
        (("check", "nowhere", "--baseline", "baseline.json"), "is not the folder of a finished run"),
        (("check", "good", "--baseline", "study.yaml"), "the baseline cannot be read"),
        (("check", "good", "--baseline", "baseline.json", "--format", "xml"), "unknown format 'xml'"),
        (("check", "good", "--baseline", "baseline.json", "--margin", "-1"), "margin is -1"),
        (("check", "good", "--baseline", "baseline.json", "--metrics", "insertoin"), "no metric 'insertoin'"),
        (("baseline", "nowhere", "--out", "x.json"), "is not the folder of a finished run"),
        (("baseline", "good", "--out", "baseline.json/x.json"), "cannot write it"),
    ],
)
def test_a_wrong_request_is_one_line(gated: Path, words: tuple[str, ...], message: str) -> None:
    known = {path.name for path in gated.iterdir()} | {"nowhere", "none.json", "x.json", "baseline.json/x.json"}
    done = benchbench(*(gated / word if word in known else word for word in words), cwd=gated)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1
