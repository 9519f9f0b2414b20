"""How many malformed inputs the tests of this folder try."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from .profile import COUNTS, TRIED, refuse_fewer, tries

LEAST = 1_000


def test_there_are_enough() -> None:
    """Each test fails if it tries fewer than it says, in whatever process it runs."""
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        importlib.import_module(f"{__package__}.{path.stem}")
    assert sum(COUNTS.values()) >= LEAST, COUNTS


def test_inputs_that_are_not_tried_do_not_count() -> None:
    """Of sixty that were asked for, there are three; and of nine one is refused by the test itself."""

    @tries(60)
    @given(value=st.sampled_from([1, 2, 3]))
    def few(value: int) -> None:
        pass

    @tries(9)
    @given(value=st.sampled_from(range(9)))
    def fewer(value: int) -> None:
        if value == 5:
            reject()

    try:
        few()
        fewer()
        assert (TRIED[few.counts_as], TRIED[fewer.counts_as]) == (3, 8)
        for test in (few, fewer):
            with pytest.raises(AssertionError, match=r"tries \d inputs and says \d+"):
                refuse_fewer(test.counts_as, 0)
    finally:
        for test in (few, fewer):
            del COUNTS[test.counts_as], TRIED[test.counts_as]
