"""docs/README.md leads to every page and names every extra."""

from __future__ import annotations

import re
import tomllib

from .pages import ROOT

DOCS = ROOT / "docs"
INDEX = (DOCS / "README.md").read_text(encoding="utf-8")
LINKED = {link.split("#")[0] for link in re.findall(r"\]\(([^)]+)\)", INDEX)}


def test_every_page_is_listed() -> None:
    folders = {f"{path.parent.name}/README.md" for path in DOCS.glob("*/README.md")}
    pages = {path.name for path in DOCS.glob("*.md")} - {"README.md"}
    assert pages | folders <= LINKED


def test_every_extra_is_listed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    rows = [line.split("|")[1] for line in INDEX.splitlines() if line.startswith("| `")]
    assert {name for row in rows for name in re.findall(r"`([^`]+)`", row)} == set(project["optional-dependencies"])
