"""The scripts of docs/examples, run in this process and in miniature."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from .pages import ROOT

FOLDER = ROOT / "docs" / "examples"


def script(name: str) -> ModuleType:
    """The module ``run.py`` of an example, and the modules beside it, which it imports by their bare names."""
    home = FOLDER / name
    sys.path.insert(0, str(home))
    try:
        spec = importlib.util.spec_from_file_location(f"example_{name.replace('-', '_')}", home / "run.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(home))
    return module


def page_and_table(name: str) -> tuple[str, str]:
    """README.md of an example, and the table that its run wrote."""
    home = FOLDER / name
    return (home / "README.md").read_text(encoding="utf-8"), (home / "table.md").read_text(encoding="utf-8")


def pictures(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.png"))
