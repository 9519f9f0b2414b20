"""The best trade-offs: against every subset's definition, by hand, and in the page."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from benchbench.reports import html, pareto
from benchbench.reports.board import Board
from benchbench.reports.numbers import fixed
from benchbench.table import Record

from .reading import read, words

COSTS = st.dictionaries(st.text("abcdef", min_size=1), st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=8)


@given(COSTS)
def test_a_kept_point_is_beaten_by_none_and_a_dropped_one_by_a_kept_one(points: dict[str, tuple[float, float]]) -> None:
    kept = pareto.undominated(points)

    def beats(one: str, other: str) -> bool:
        (cost, quality), (price, worth) = points[one], points[other]
        return cost <= price and quality >= worth and (cost < price or quality > worth)

    assert not any(beats(one, other) for one in points for other in kept)
    assert all(any(beats(one, other) for one in kept) for other in set(points) - set(kept))
    assert list(kept) == sorted(kept, key=lambda name: (points[name][0], name))


def test_the_front_of_a_block_leaves_controls_and_other_images_out(plain: Record) -> None:
    block = Board(plain).blocks[0]
    fronts = {front.metric.name: front for front in pareto.fronts(block)}
    assert set(fronts) == {"deletion", "insertion", "average_drop", "increase", "average_gain"}
    for front in fronts.values():
        assert set(front.points) == {"gradcam", "gradcam++", "scorecam(variant=torchcam)"}, "layercam failed on two"
        assert front.cost.name == "runtime"
        costs = [front.points[name][0] for name in front.methods]
        worth = [front.points[name][1] * (1 if front.metric.higher else -1) for name in front.methods]
        assert costs == sorted(costs)
        assert (np.diff(worth) > 0).all()
        cheapest = min(front.points, key=lambda name: front.points[name][0])
        assert front.methods[0] == cheapest


def test_the_page_lists_them_in_words(plain: Record) -> None:
    text = words(read(html.render(plain)).text)
    for block in Board(plain).blocks:
        for front in pareto.fronts(block):
            name = front.methods[-1]
            cost, mean = front.points[name]
            said = f"{name} ({fixed(cost, front.cost.decimals)} ms, {fixed(mean, front.metric.decimals)})"
            assert said in front.said
            assert front.said in text


def test_without_a_cost_there_is_no_front(single: Record) -> None:
    results = single.results[single.results["sample"].notna()]
    record = Record(single.folder, single.info, results, single.curves, single.maps, single.photos)
    assert pareto.fronts(Board(record).blocks[0]) == ()
