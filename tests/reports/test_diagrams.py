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
from benchbench.reports.html.rank_diagrams import RankDiagram
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


def svg(contest: Ranked, title: str = "deletion AUC") -> ElementTree.Element:
    """The diagram of the page."""
    diagram = RankDiagram(contest, title, looks(contest.methods, []))
    return ElementTree.fromstring(f"<svg>{diagram.markup}</svg>")


def test_the_page_draws_marks_and_bars_where_the_ranks_say() -> None:
    contest = planted(6, ((0, 1, 3), (4, 5)))
    root = svg(contest)
    marks = [float(text.attrib["x"]) for text in root.iter("text") if "fill" in text.attrib]
    steps = np.diff(marks) / np.diff(contest.ranks)
    np.testing.assert_allclose(steps, steps[0], atol=0.2)
    bars = [
        (float(e.attrib["x1"]), float(e.attrib["x2"])) for e in root.iter("line") if e.attrib["stroke-width"] == "4"
    ]
    expected = [(marks[a] - 5, marks[b] + 5) for a, b in ((0, 1), (3, 3), (4, 5))]
    np.testing.assert_allclose(sorted(bars), expected, atol=0.11)
    labels = [text.text for text in root.iter("text") if text.attrib.get("text-anchor") in ("start", "end")]
    assert labels[1:] == [f"m{i}  {rank:.2f}" for i, rank in enumerate(contest.ranks)]


@pytest.mark.parametrize("count", [2, 3, 9, 24])
def test_names_of_the_page_stay_within(count: int) -> None:
    contest = Ranked(
        KEY, 20, tuple(f"{i}-{'n' * 60}" for i in range(count)), tuple(1.0 + i / 9 for i in range(count)), ()
    )
    diagram = RankDiagram(contest, "deletion AUC", looks(contest.methods, []))
    for text in svg(contest).iter("text"):
        wide = 7.2 * len(text.text or "")  # of a letter as wide as most
        left = float(text.attrib["x"]) - {"start": 0, "middle": 0.5, "end": 1}[text.attrib["text-anchor"]] * wide
        assert left >= -1 or text.attrib["text-anchor"] == "start"
        assert left + wide <= diagram.width + 1
        assert 0 < float(text.attrib["y"]) < diagram.height


def test_equal_ranks_and_hostile_names(hostile: Record) -> None:
    assert svg(Ranked(KEY, 3, ("a", "b"), (1.5, 1.5), ((0, 1),))).findall(".//line")
    contests = Verdicts(board_of(hostile)).ranked
    assert contests
    for contest in contests.values():
        root = svg(contest, "<b>&$x^2$\u202e")
        assert {e.tag for e in root.iter()} <= {"svg", "g", "line", "path", "text"}
        assert "\u202e" not in "".join(root.itertext())
        assert "\u202e" not in RankDiagram(contest, "\u202e", looks(contest.methods, [])).alt


def test_a_picture_is_the_same_each_time_as_pdf(single: Record) -> None:
    contest = next(iter(Verdicts(board_of(single)).ranked.values()))
    picture, again = drawn(contest), drawn(contest)
    assert picture.pdf() == again.pdf()
    assert picture.pdf().startswith(b"%PDF-")
    assert b"/Type3" not in picture.pdf()
