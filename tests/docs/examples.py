"""The scripts of docs/examples as modules, loaded as ``python3 docs/examples/NAME/run.py`` loads them."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from benchbench.registry import DATASETS, METHODS, METRICS, MODELS, SUITES, Registry

from .pages import ROOT

FOLDER = ROOT / "docs" / "examples"
REGISTRIES: tuple[Registry[Any], ...] = (METHODS, METRICS, MODELS, DATASETS, SUITES)


@contextmanager
def example(name: str) -> Iterator[ModuleType]:
    """The module run.py of an example; what it registers and imports from its folder is forgotten behind it."""
    folder = FOLDER / name
    spec = importlib.util.spec_from_file_location(f"example_{name.replace('-', '_')}", folder / "run.py")
    assert spec is not None
    assert spec.loader is not None
    before = [set(registry.names()) for registry in REGISTRIES]
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    sys.path.insert(0, str(folder))
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path.remove(str(folder))
        for key, loaded in list(sys.modules.items()):
            if str(getattr(loaded, "__file__", None) or "").startswith(str(folder)):
                del sys.modules[key]
        for registry, names in zip(REGISTRIES, before, strict=True):
            for added in set(registry.names()) - names:
                registry.remove(added)


def page_and_table(name: str) -> tuple[str, str]:
    """README.md of an example, and the table that its run wrote."""
    home = FOLDER / name
    return (home / "README.md").read_text(encoding="utf-8"), (home / "table.md").read_text(encoding="utf-8")


def pictures(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.png"))
