"""What a target runs exists, and no generator is left out of every target."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
BY_HAND = {  # what has a main and is no part of a target, and why
    "tests.benchmarks.busy_machine": "a measurement beside busy processes, which spoils every other one",
    "tests.benchmarks.large_reading": "tests.benchmarks.large_run starts it, a process for each step",
}
MAIN = re.compile(r'^if __name__ == "__main__":', re.MULTILINE)


def _named() -> set[str]:
    """The modules that the Makefile runs with ``python -m``."""
    return set(re.findall(r"python -m (tests\.[\w.]+)", (ROOT / "Makefile").read_text(encoding="utf-8")))


def _mains() -> set[str]:
    paths = (path for path in (ROOT / "tests").rglob("*.py") if MAIN.search(path.read_text(encoding="utf-8")))
    return {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths}


def test_every_generator_is_in_a_target() -> None:
    """A page whose generator nobody runs is older than its code."""
    assert _mains() - _named() == set(BY_HAND)


def test_every_module_of_a_target_has_a_main() -> None:
    assert _named() <= _mains()
