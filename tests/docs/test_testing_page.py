"""docs/testing-a-method.md: the table of weaknesses has our own figures, and every name in the text is there."""

from __future__ import annotations

import re

import pytest

from benchbench import pytest_plugin, testing
from benchbench.suites.weaknesses import WEAKNESSES

from .pages import ROOT

TEXT = (ROOT / "docs" / "testing-a-method.md").read_text(encoding="utf-8")
METHODS = {
    "Grad-CAM": "gradcam",
    "Grad-CAM++": "gradcam++",
    "Layer-CAM": "layercam",
    "HiResCAM": "hirescam",
    "XGrad-CAM": "xgradcam",
    "Score-CAM": "scorecam",
    "Ablation-CAM": "ablationcam",
    "Recipro-CAM": "reciprocam",
}


def rows() -> list[list[str]]:
    lines = [line for line in TEXT.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_case_has_a_row() -> None:
    assert [row[0] for row in rows()[2:]] == [f"`{name}`" for name in WEAKNESSES]


@pytest.mark.parametrize("column", METHODS)
def test_the_scores_are_our_own(column: str) -> None:
    head, _, *body = rows()
    for row, case in zip(body, WEAKNESSES.values(), strict=True):
        cell = row[head.index(column)]
        score = case.score(METHODS[column])
        assert float(cell.strip("*")) == pytest.approx(score, abs=0.0051), case.name
        assert cell.startswith("**") == (score > case.threshold), case.name
        assert float(row[2]) == case.threshold


def test_every_name_is_there() -> None:
    for name in re.findall(r"from benchbench\.testing import (.*)", TEXT):
        assert set(name.split(", ")) <= set(testing.__all__)
    for name in set(re.findall(r"\bbenchbench_\w+", TEXT)):
        assert hasattr(pytest_plugin, name), name
    assert pytest_plugin.UPDATE in TEXT
