"""The critical-difference diagram: marks at the mean ranks, a bar for each group, and nothing that overlaps."""

from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.lines import Line2D

from benchbench.reports.figures.critical_difference import BAR, THIN, bar_levels, critical_difference
from benchbench.reports.figures.style import Picture, looks
from benchbench.reports.leaderboard.verdicts import Verdicts
from benchbench.results.record import Record
from benchbench.stats import Ranked

from .shared import board_of

KEY = ("net", "photos", "last", "deletion", "rise-28")


def drawn(contest: Ranked, title: str = "deletion AUC, lower is better") -> Picture:
    return critical_difference(contest, title, looks(contest.methods, []))


def ends(line: Line2D) -> list[float]:
    return [float(x) for x in np.asarray(line.get_xdata(), dtype=np.float64)]


def height(line: Line2D) -> float:
    return float(np.asarray(line.get_ydata(), dtype=np.float64)[0])


def planted(count: int, groups: tuple[tuple[int, ...], ...]) -> Ranked:
    return Ranked(KEY, 20, tuple(f"m{i}" for i in range(count)), tuple(1 + i * 0.75 for i in range(count)), groups)


def test_a_bar_is_thin_over_a_method_that_is_not_in_its_group() -> None:
    contest = planted(5, ((0, 1, 3), (2,), (4,)))
    (axis,) = drawn(contest).figure.axes
    bars = sorted(ends(line) for line in axis.lines if line.get_linewidth() == BAR)
    over = contest.ranks[0] - bars[0][0]
    assert 0 < over < 0.05
    expected = [[contest.ranks[a] - over, contest.ranks[b] + over] for a, b in ((0, 1), (3, 3))]
    np.testing.assert_allclose(bars, expected)
    (thin,) = [ends(line) for line in axis.lines if line.get_linewidth() == THIN]
    assert thin == [contest.ranks[0], contest.ranks[3]]


def test_marks_and_bars_lie_where_the_ranks_say() -> None:
    contest = planted(6, ((0, 1, 2), (1, 2, 3), (4, 5)))
    (axis,) = drawn(contest).figure.axes
    marks = sorted(ends(line)[0] for line in axis.lines if line.get_marker() not in ("", "None"))
    assert marks == pytest.approx(contest.ranks)
    bars = [line for line in axis.lines if line.get_linewidth() == BAR]
    assert len(bars) == 3
    over = contest.ranks[0] - ends(bars[0])[0]
    assert 0 < over < 0.05
    for bar, group in zip(bars, contest.groups, strict=True):
        assert ends(bar) == pytest.approx([contest.ranks[group[0]] - over, contest.ranks[group[-1]] + over])
    assert height(bars[0]) == height(bars[2]) > height(bars[1])


@settings(deadline=None)
@given(st.sets(st.tuples(st.integers(0, 12), st.integers(1, 6)), max_size=8))
def test_bars_of_one_row_share_no_method(spans: set[tuple[int, int]]) -> None:
    groups = sorted((first, first + wide) for first, wide in spans)
    levels = bar_levels(groups)
    for level in set(levels):
        row = [group for group, group_level in zip(groups, levels, strict=True) if group_level == level]
        assert all(left[1] < right[0] for left, right in pairwise(row))
    most = max((sum(a <= x <= b for a, b in groups) for x in range(20)), default=0)
    assert max(levels, default=0) == most, "no more rows than needed"


@pytest.mark.parametrize("count", [2, 3, 9, 24])
def test_names_do_not_overlap_and_stay_within(count: int) -> None:
    contest = Ranked(
        KEY, 20, tuple(f"{i}-{'long' * 20}" for i in range(count)), tuple(1.0 + i / 9 for i in range(count)), ()
    )
    figure = drawn(contest).figure
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert len(boxes) == count
    for number, box in enumerate(boxes):
        assert figure.bbox.x0 <= box.x0
        assert box.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= box.y0
        assert not any(box.overlaps(other) for other in boxes[number + 1 :])


def test_it_is_said_in_words() -> None:
    alt = drawn(planted(3, ((0, 1),))).alt
    assert "over 20 images" in alt
    assert "m0 1.00, m1 1.75, m2 2.50. No significant difference among m0 and m1." in alt
    assert drawn(planted(2, ())).alt.endswith("All pairs of methods differ significantly.")


def test_equal_ranks_and_hostile_names(hostile: Record) -> None:
    assert drawn(Ranked(KEY, 3, ("a", "b"), (1.5, 1.5), ((0, 1),))).svg.startswith("<svg")
    contests = Verdicts(board_of(hostile)).ranked
    assert contests
    for contest in contests.values():
        picture = drawn(contest, "<b>&$x^2$\u202e")
        root = ElementTree.fromstring(picture.svg)
        assert not [e for e in root.iter() if e.tag.endswith("script")]
        assert "\u202e" not in picture.svg + picture.alt


def test_a_picture_is_the_same_each_time_as_svg_and_pdf(single: Record) -> None:
    contest = next(iter(Verdicts(board_of(single)).ranked.values()))
    picture, again = drawn(contest), drawn(contest)
    assert picture.svg == again.svg
    assert picture.pdf() == again.pdf()
    assert picture.pdf().startswith(b"%PDF-")
    assert b"/Type3" not in picture.pdf()
