"""The best trade-offs: against every subset's definition, by hand, and in the page."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from benchbench.reports.figures import pareto
from benchbench.reports.html import document
from benchbench.reports.leaderboard.board import Board
from benchbench.reports.leaderboard.marks import Marked
from benchbench.reports.number_format import fixed
from benchbench.results.record import Record

from .reading import read, words

COSTS = st.dictionaries(st.text("abcdef", min_size=1), st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=8)


@settings(deadline=None)
@given(COSTS)
def test_a_kept_point_is_beaten_by_none_and_a_dropped_one_by_a_kept_one(points: dict[str, tuple[float, float]]) -> None:
    kept = pareto.undominated(points)

    def beats(candidate: str, other: str) -> bool:
        (cost, quality), (price, worth) = points[candidate], points[other]
        return cost <= price and quality >= worth and (cost < price or quality > worth)

    assert not any(beats(candidate, other) for candidate in points for other in kept)
    assert all(any(beats(candidate, other) for candidate in kept) for other in set(points) - set(kept))
    assert list(kept) == sorted(kept, key=lambda name: (points[name][0], name))


def test_the_front_of_a_block_leaves_controls_and_other_images_out(plain: Record) -> None:
    block = Board(plain).blocks[0]
    fronts = {front.metric.name: front for front in pareto.fronts(block)}
    assert set(fronts) == {"deletion", "insertion", "average_drop", "increase", "average_gain"}
    for front in fronts.values():
        assert set(front.points) == {"gradcam", "gradcam++", "scorecam(variant=torchcam)"}, "layercam failed on two"
        assert front.cost.name == "runtime"
        costs = [round(front.points[name][0], front.cost.decimals) for name in front.methods]
        sign = 1 if front.metric.higher else -1
        worth = [sign * round(front.points[name][1], front.metric.decimals) for name in front.methods]
        assert costs == sorted(costs)
        assert (np.diff(worth) > 0).all()
        cheapest = min(front.points, key=lambda name: front.points[name][0])
        assert front.methods[0] == cheapest


def test_the_page_lists_them_in_words(plain: Record) -> None:
    text = words(read(document.render(Marked.of(plain))).text)
    for block in Board(plain).blocks:
        for front in pareto.fronts(block):
            name = front.methods[-1]
            cost, mean = front.points[name]
            trade_off = f"{name} ({fixed(cost, front.cost.decimals)} ms, {fixed(mean, front.metric.decimals)})"
            assert trade_off in front.text
            assert front.text in text


def test_without_a_cost_there_is_no_front(single: Record) -> None:
    results = single.results[single.results["sample"].notna()]
    record = Record(single.folder, single.info, results, single.curves, single.maps, single.photos)
    assert pareto.fronts(Board(record).blocks[0]) == ()


def test_what_is_equal_as_shown_is_not_worth_more(single: Record) -> None:
    """Two methods that are one by definition differ by rounding: the dearer of them is no trade-off."""
    results = single.results.copy()
    quality = results["metric"] == "deletion"
    same = results.loc[quality & (results["method"] == "gradcam"), "value"].to_numpy()
    results.loc[quality & (results["method"] == "layercam"), "value"] = same - 1e-9
    results.loc[(results["metric"] == "runtime") & (results["method"] == "layercam"), "value"] = 900.0
    board = Board(Record(single.folder, single.info, results, single.curves, single.maps, single.photos))
    (front,) = [front for front in pareto.fronts(board.blocks[0]) if front.metric.name == "deletion"]
    assert front.points["layercam"][1] < front.points["gradcam"][1]
    assert "layercam" not in front.methods
