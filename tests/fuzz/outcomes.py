"""What may come of a malformed input: a value, or a BenchError that a terminal can show as one clear line."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

from benchbench.errors import BenchError

LONGEST = 8_000  # letters of an error
SLOWEST = 10.0  # seconds for one input
_UNSEEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]")


def outcome(call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """What the call returns, or its BenchError, whose text is checked; any other exception is a fault and passes."""
    start = time.perf_counter()
    try:
        result = call(*arguments, **named)
    except BenchError as error:
        result = error
    assert time.perf_counter() - start < SLOWEST
    if isinstance(result, BenchError):
        assert_clear(str(result))
    return result


def refused(call: Callable[..., Any], *arguments: Any, **named: Any) -> BenchError:
    """The BenchError of a call that has to end in one."""
    result = outcome(call, *arguments, **named)
    assert isinstance(result, BenchError), f"not refused: {result!r}"
    return result


def assert_clear(text: str) -> None:
    """One line that says something, of a sane length, which sends a terminal nothing but letters."""
    assert text.strip()
    assert "Traceback" not in text
    assert len(text) <= LONGEST, f"{len(text)} letters: {text[:200]}"
    assert not _UNSEEN.search(text), ascii(text)
    assert "\n" not in text, text
