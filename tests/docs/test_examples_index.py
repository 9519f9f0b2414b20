"""docs/examples/README.md lists every example, and every file that an example's page shows is there and small."""

from __future__ import annotations

import re

import pytest

from .examples import FOLDER

NAMES = sorted(path.parent.name for path in FOLDER.glob("*/README.md"))


@pytest.mark.parametrize("name", NAMES)
def test_the_index_lists_the_example(name: str) -> None:
    assert f"({name}/README.md)" in (FOLDER / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_its_links_lead_somewhere(name: str) -> None:
    text = (FOLDER / name / "README.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        file = FOLDER / name / target
        assert file.exists(), target
        assert file.stat().st_size < 300_000, target
