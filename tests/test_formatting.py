"""Counts and lists in words."""

from __future__ import annotations

import pytest

from benchbench.formatting import join_some


@pytest.mark.parametrize(
    ("count", "most", "text"),
    [
        (0, 2, ""),
        (1, 2, "a"),
        (3, 2, "a, b and c"),
        (4, 2, "a, b and 2 others"),
        (4, None, "a, b, c and d"),
        (26, 3, "a, b, c and 23 others"),
    ],
)
def test_the_names_beyond_the_first_are_counted(count: int, most: int | None, text: str) -> None:
    """One name more than the first is written out: ``1 others`` is never said."""
    assert join_some("abcdefghijklmnopqrstuvwxyz"[:count], most) == text
