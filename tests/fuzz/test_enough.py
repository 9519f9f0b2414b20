"""How many malformed inputs the tests of this folder try."""

from __future__ import annotations

import importlib
from pathlib import Path

from .profile import COUNTS

LEAST = 1_000


def test_there_are_enough() -> None:
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        importlib.import_module(f"{__package__}.{path.stem}")
    assert sum(COUNTS.values()) >= LEAST, COUNTS
