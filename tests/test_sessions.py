"""What sessions of pytest in this process leave behind: nothing, and at no moment less than was there."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest

from .sessions import ModulesRestored


class NeverEmptied(dict[str, Any]):
    """Modules that another thread may ask for at any time."""

    def clear(self) -> None:
        raise AssertionError("another thread would import io a second time")


def test_modules_are_restored_name_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    json, other = sys.modules["json"], ModuleType("json")
    monkeypatch.setattr(sys, "modules", NeverEmptied(sys.modules))
    snapshot = ModulesRestored(lambda name: name.startswith("kept"))
    sys.modules |= {"json": other, "kept_module": other, "new_module": other}
    del sys.modules["string"]
    snapshot.restore()
    assert sys.modules["json"] is json
    assert "string" in sys.modules
    assert "new_module" not in sys.modules
    assert sys.modules["kept_module"] is other
