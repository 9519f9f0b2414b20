"""Sessions of pytest in this process, which has imported torch already; what they register is forgotten."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from _pytest.pytester import SysModulesSnapshot

from benchbench.registry import DATASETS, METHODS, METRICS, MODELS, SUITES, Registry


@contextmanager
def registries_restored() -> Iterator[None]:
    """What is registered meanwhile is forgotten."""
    registries: list[Registry[Any]] = [METHODS, METRICS, MODELS, DATASETS, SUITES]
    before = [set(registry.load()) for registry in registries]
    try:
        yield
    finally:
        for registry, names in zip(registries, before, strict=True):
            for name in set(registry.names()) - names:
                registry.remove(name)


_imported: dict[str, ModuleType] = {}


class ImportedModules:
    """A plugin of pytest that notes a session's modules before pytester forgets them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def pytest_unconfigure(self) -> None:
        for name, module in sys.modules.items():
            file = getattr(module, "__dict__", {}).get("__file__")
            if not isinstance(file, str) or self.folder not in Path(file).parents:
                _imported[name] = module


def import_again() -> None:
    """Import what sessions imported from elsewhere than their folders: numpy cannot be imported twice."""
    for name, module in _imported.items():
        sys.modules.setdefault(name, module)


class ModulesRestored(SysModulesSnapshot):
    """pytester's memory of what was imported, which is restored name by name.

    pytester empties ``sys.modules`` for a moment. Another thread that imports in this moment, as servers' threads do,
    makes ``_io`` a second time, whose exceptions are no longer those of ``io``: every later test of the process fails.
    """

    def __init__(self, preserve: Callable[[str], bool] | None = None) -> None:
        super().__init__(preserve)
        self._before = dict(sys.modules)
        self._preserve = preserve or (lambda _: False)

    def restore(self) -> None:
        for name in [name for name in list(sys.modules) if name not in self._before and not self._preserve(name)]:
            sys.modules.pop(name, None)
        for name, module in self._before.items():
            if sys.modules.get(name) is not module and not self._preserve(name):
                sys.modules[name] = module


@pytest.fixture(autouse=True)
def imports_kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """For the modules that have sessions in this process: set up before pytester, which forgets imports in the end."""
    monkeypatch.setattr("_pytest.pytester.SysModulesSnapshot", ModulesRestored)
    yield
    import_again()


def session_here(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """A session in pytester's folder and this process. Its plugins, methods and modules are gone after it."""
    with registries_restored():
        result = pytester.runpytest_inprocess(*arguments, plugins=[ImportedModules(pytester.path)])
    import_again()
    return result
