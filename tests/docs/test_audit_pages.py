"""docs/audit holds every method of the installed versions, with the findings that a small audit of today has.

Else: make audit.
"""

from __future__ import annotations

import re

import pytest

from benchbench.audit import audit
from benchbench.audit.audited_library import audited_library
from benchbench.reports.checks.audit_tables import HEADS

from .audit_pages import FOLDER, LIBRARIES
from .pages import ROOT

QUICK = {
    "torch-cam": ["GradCAM", "GradCAMpp", "SmoothGradCAMpp", "LeGrad"],
    "pytorch-grad-cam": ["GradCAM", "GradCAMPlusPlus", "HiResCAM", "SegEigenCAM"],
}


def verdicts(page: str) -> dict[str, str]:
    """By method, of the page's first table."""
    text = (FOLDER / f"{page}.md").read_text(encoding="utf-8").split("## ")[0]
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    assert tuple(rows[0]) == HEADS
    return {row[0].replace("\\", ""): row[2] for row in rows[1:]}


@pytest.mark.parametrize("page", LIBRARIES)
def test_the_page_has_the_methods_of_the_installed_version(page: str) -> None:
    library = audited_library(LIBRARIES[page])
    assert set(verdicts(page)) == {method.label for method in library.methods}
    heading = (FOLDER / f"{page}.md").read_text(encoding="utf-8").splitlines()[0]
    assert heading == f"# {library.title} {library.version}, audited"


@pytest.mark.parametrize("page", LIBRARIES)
def test_the_verdicts_are_those_of_today(page: str) -> None:
    """In words, without numbers: one network and one layer instead of four and eight."""
    written = verdicts(page)
    for row in audit(LIBRARIES[page], models=["zoo_residual"], layers=["layer3"], methods=QUICK[page], images=2).rows:
        assert without_numbers(row.verdict) == without_numbers(written[row.method]), row.method


def without_numbers(verdict: str) -> str:
    agreed = re.sub(r"agrees (exactly|to 1e-\d)", "agrees", verdict.replace("\\", ""))
    return re.sub(r"differs by [^);]*|\(by [\d.e-]+", "", agreed)


def test_the_how_to_names_both_pages() -> None:
    text = (ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
    assert all(f"audit/{page}.md" in text for page in LIBRARIES)
