"""Best, worst and rank of each number of an image, against their definition."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from benchbench.reports.html.image_marks import PLAIN, Note, marks_of

NUMBERS = st.sampled_from([0.0, 0.25, 0.5, 1.0, np.nan])


def expected(row: list[float], method: int, judged: list[bool], higher: bool) -> Note:
    """By sorting the judged numbers of the image."""
    ranked = sorted((x for x, counts in zip(row, judged, strict=True) if counts and x == x), reverse=higher)
    if row[method] not in ranked or not judged[method] or ranked[0] == ranked[-1]:
        return PLAIN
    mark = "best" if row[method] == ranked[0] else "worst" if row[method] == ranked[-1] else ""
    rank = f"{1 + ranked.index(row[method])} of {len(ranked)}"
    return mark, f" ({mark})" if mark else "", f" ({mark}, {rank})" if mark else f" ({rank})"


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.lists(NUMBERS, min_size=4, max_size=4), min_size=1, max_size=3),
    judged=st.lists(st.booleans(), min_size=4, max_size=4),
    higher=st.booleans(),
)
def test_marks_are_those_of_the_sorted_numbers(rows: list[list[float]], judged: list[bool], higher: bool) -> None:
    marks, notes = marks_of([[np.array(rows)]], [1 if higher else -1], judged)
    assert len(notes) == len(set(notes))
    for at, row in enumerate(rows):
        assert [notes[place] for place in marks[0][0][at]] == [expected(row, m, judged, higher) for m in range(4)]


def test_numbers_that_are_shown_as_equal_tie() -> None:
    marks, notes = marks_of([[np.array([[0.0001, 0.0004, 0.0002], [0.0001, 0.0006, 0.1]])]], [1], [True] * 3)
    shown = [[notes[place][0] for place in row] for row in marks[0][0]]
    assert shown == [["", "", ""], ["worst", "", "best"]]


def test_three_methods_and_a_control() -> None:
    marks, notes = marks_of([[np.array([[0.2, 0.9, 0.5, 1.0]])]], [1], [True, True, True, False])
    shown = [notes[place] for place in marks[0][0][0]]
    assert shown == [
        ("worst", " (worst)", " (worst, 3 of 3)"),
        ("best", " (best)", " (best, 1 of 3)"),
        ("", "", " (2 of 3)"),
        PLAIN,
    ]
