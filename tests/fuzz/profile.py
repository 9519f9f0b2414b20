"""How many inputs are tried: the same ones in every run of the tests, and many others in ``make fuzz``."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from functools import wraps
from typing import Any

from hypothesis import HealthCheck, Phase, settings

TIMES = int(os.environ.get("BENCHBENCH_FUZZ", "1"))  # as many inputs as in the tests
# to shrink an input that shows a fault takes long
_PHASES = [Phase.explicit, Phase.generate] if TIMES == 1 else [Phase.generate, Phase.shrink]
COUNTS: dict[str, int] = {}  # by test, how many inputs it tries; a test that tries fewer fails
TRIED: Counter[str] = Counter()  # by hypothesis test, how many inputs it tried in this process


def tries(count: int) -> Callable[[Any], Any]:
    """A decorator of a hypothesis test: how many inputs it tries; in ``make fuzz`` more, and random ones.

    Whatever it draws that is no input (``hypothesis.reject``) does not count, and something else is drawn for it.
    """

    def decorated(test: Any) -> Any:
        name = f"{test.__module__}.{test.__name__}"
        COUNTS[name] = count
        inner = test.hypothesis.inner_test

        @wraps(inner)
        def counting(*arguments: Any, **named: Any) -> None:
            inner(*arguments, **named)
            TRIED[name] += 1

        test.hypothesis.inner_test = counting
        test.counts_as = name
        return settings(
            max_examples=count * TIMES,
            derandomize=TIMES == 1,
            database=None,
            deadline=None,
            phases=_PHASES,
            suppress_health_check=list(HealthCheck),
        )(test)

    return decorated


def refuse_fewer(name: str, before: int) -> None:
    """Raises AssertionError where a test has tried fewer inputs than it says.

    Args:
        before: how many this process had tried when the test began.
    """
    tried = TRIED[name] - before
    assert tried >= COUNTS[name], f"{name} tries {tried} inputs and says {COUNTS[name]}: the others do not exist"


def counted(test: str, cases: list[Any]) -> list[Any]:
    """The cases of a parametrised test, which are counted: an input in each."""
    COUNTS[test] = len(cases)
    return cases
