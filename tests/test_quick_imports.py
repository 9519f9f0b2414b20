"""The garbage collector rests while a process of benchbench's own imports, and never in a user's."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import suppress

import pytest

from benchbench.quick_imports import quick_imports


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bool]]:
    """Whether the collector was on, at each time that what is there was set aside; nothing is."""
    times: list[bool] = []
    monkeypatch.setattr(gc, "freeze", lambda: times.append(gc.isenabled()))
    yield times
    gc.enable()


def test_the_collector_rests_while_torch_is_imported(monkeypatch: pytest.MonkeyPatch, frozen: list[bool]) -> None:
    """And what the imports left is set aside before it is on again, also where one fails."""
    monkeypatch.delitem(sys.modules, "torch")
    with suppress(ImportError), quick_imports():
        assert not gc.isenabled()
        raise ImportError
    assert frozen == [False]
    assert gc.isenabled()


def test_where_torch_is_there_nothing_is_changed(frozen: list[bool]) -> None:
    assert "torch" in sys.modules
    with quick_imports():
        assert gc.isenabled()
    assert not frozen


def test_a_collector_that_is_off_stays_off(monkeypatch: pytest.MonkeyPatch, frozen: list[bool]) -> None:
    monkeypatch.delitem(sys.modules, "torch")
    gc.disable()
    with quick_imports():
        assert not gc.isenabled()
    assert not gc.isenabled()
    assert not frozen
