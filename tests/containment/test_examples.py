"""The examples in the docstrings of the room."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

from benchbench import containment, processors
from benchbench.engine.workers import losses, mailbox
from benchbench.reports.leaderboard import failed_rows

NAMES = [f"{containment.__name__}.{module.name}" for module in pkgutil.iter_modules(containment.__path__)]


@pytest.mark.parametrize("name", [*NAMES, processors.__name__, losses.__name__, mailbox.__name__, failed_rows.__name__])
def test_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
