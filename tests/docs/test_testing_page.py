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


def test_the_page_of_the_suite_has_the_same_scores() -> None:
    """docs/suites/weaknesses.md has a row for each method and a column for each case, of a run that was made."""
    lines = (ROOT / "docs" / "suites" / "weaknesses.md").read_text(encoding="utf-8").splitlines()
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    start = table.index(["method", *WEAKNESSES])
    shown = {row[0]: row[1:] for row in table[start:] if len(row) == len(WEAKNESSES) + 1}
    head, _, *body = rows()
    for column in METHODS:
        assert shown[column] == [row[head.index(column)] for row in body]


def test_every_name_is_there() -> None:
    for name in re.findall(r"from benchbench\.testing import (.*)", TEXT):
        assert set(name.split(", ")) <= set(testing.__all__)
    for name in set(re.findall(r"\bbenchbench_\w+", TEXT)):
        assert hasattr(pytest_plugin, name), name
    assert pytest_plugin.UPDATE in TEXT
