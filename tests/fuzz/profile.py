"""How many inputs are tried: the same ones in every run of the tests, and many others in ``make fuzz``."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, settings

TIMES = int(os.environ.get("BENCHBENCH_FUZZ", "1"))  # as many inputs as in the tests
# to shrink an input that shows a fault takes long
_PHASES = [Phase.explicit, Phase.generate] if TIMES == 1 else [Phase.generate, Phase.shrink]
COUNTS: dict[str, int] = {}  # by test, how many inputs it tries


def tries(count: int) -> Callable[[Any], Any]:
    """A decorator of a hypothesis test: how many inputs it tries; in ``make fuzz`` more, and random ones."""

    def decorated(test: Any) -> Any:
        COUNTS[f"{test.__module__}.{test.__name__}"] = count
        return settings(
            max_examples=count * TIMES,
            derandomize=TIMES == 1,
            database=None,
            deadline=None,
            phases=_PHASES,
            suppress_health_check=list(HealthCheck),
        )(test)

    return decorated


def counted(test: str, cases: list[Any], each: int = 1) -> list[Any]:
    """The cases of a parametrised test, which are counted: ``each`` inputs in a case."""
    COUNTS[test] = len(cases) * each
    return cases
