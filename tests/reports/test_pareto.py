"""Pareto-optimal methods: by hand, by the definition for any points, against the tests' verdicts, and in the page."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from benchbench.reports.figures import pareto
from benchbench.reports.figures.pareto import Point, undominated
from benchbench.reports.html import document
from benchbench.reports.leaderboard.board import Board
from benchbench.reports.leaderboard.display_names import displayed
from benchbench.reports.leaderboard.marks import Marked
from benchbench.reports.leaderboard.verdicts import Verdicts
from benchbench.reports.number_format import fixed
from benchbench.results.record import Record

from .reading import read, words


@dataclass(frozen=True)
class Case:
    points: dict[str, Point]
    better: frozenset[tuple[str, str]]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Few different numbers, so that ties and touching ranges occur; of a pair at most one method is better."""
    names = draw(st.lists(st.sampled_from("abcdefg"), unique=True, max_size=7))
    points = {}
    for name in names:
        low, cost, high = sorted(draw(st.tuples(*[st.integers(0, 6)] * 3)))
        points[name] = Point(cost, low, high, draw(st.integers(0, 4)))
    pairs = [(first, second) for place, first in enumerate(names) for second in names[place + 1 :]]
    better = (draw(st.sampled_from([None, pair, pair[::-1]])) for pair in pairs)
    return Case(points, frozenset(pair for pair in better if pair is not None))


def dominates(case: Case, name: str, other: str) -> bool:
    """The definition, written apart from the code: both conditions, and each way to be better beyond the noise."""
    first, second = case.points[name], case.points[other]
    cheaper, dearer = first.high < second.low, second.high < first.low
    good = first.quality >= second.quality
    significant = (name, other) in case.better and first.quality != second.quality
    return good and not dearer and (cheaper or significant)


@settings(deadline=None)
@given(cases())
def test_kept_methods_are_those_that_no_kept_method_dominates(case: Case) -> None:
    kept = undominated(case.points, case.better)
    assert not any(dominates(case, name, other) for name in kept for other in kept)
    assert all(any(dominates(case, name, other) for name in kept) for other in set(case.points) - set(kept))
    assert list(kept) == sorted(kept, key=lambda name: (case.points[name].cost, name))
    assert bool(kept) == bool(case.points)


@settings(deadline=None)
@given(cases())
def test_without_noise_and_with_every_difference_significant_it_is_the_usual_front(case: Case) -> None:
    points = {name: Point(p.cost, p.cost, p.cost, p.quality) for name, p in case.points.items()}
    better = {(a, b) for a in points for b in points if points[a].quality > points[b].quality}

    def beaten(name: str) -> bool:
        cost, quality = points[name].cost, points[name].quality
        return any(
            p.cost <= cost and p.quality >= quality and (p.cost, p.quality) != (cost, quality) for p in points.values()
        )

    assert set(undominated(points, better)) == {name for name in points if not beaten(name)}


def test_noise_in_the_cost_keeps_nobody_and_drops_nobody() -> None:
    close = {"a": Point(22.5, 22.0, 23.1, 0.70), "b": Point(22.8, 22.1, 23.0, 0.69)}
    assert undominated(close, ()) == ("a", "b"), "neither difference is more than noise"
    assert undominated(close, {("a", "b")}) == ("a",)
    turned = {"a": Point(22.5, 22.0, 23.1, 0.69), "b": Point(22.8, 22.1, 23.0, 0.70)}
    assert undominated(turned, {("b", "a")}) == ("b",), "a is cheaper by noise only, and significantly worse"
    assert undominated(turned, ()) == ("a", "b")


def test_a_clearly_dearer_method_needs_a_better_mean() -> None:
    dear = {"a": Point(1, 0.9, 1.1, 0.70), "b": Point(100, 90, 110, 0.70)}
    assert undominated(dear, ()) == ("a",)
    better = {**dear, "b": Point(100, 90, 110, 0.71)}
    assert undominated(better, ()) == ("a", "b")
    assert undominated(better, {("b", "a")}) == ("a", "b")


def marked_of(record: Record, **tables: object) -> Marked:
    changed = {"results": record.results, "curves": record.curves, **tables}
    rest = (changed["curves"], record.maps, record.photos)
    return Marked(Verdicts(Board(displayed(Record(record.folder, record.info, changed["results"], *rest)))))  # type: ignore[arg-type]


def test_the_front_of_a_block_leaves_controls_and_other_images_out(plain: Record) -> None:
    marked = Marked.of(plain)
    block = marked.board.blocks[0]
    fronts = {front.metric.name: front for front in pareto.fronts(marked, block)}
    assert set(fronts) == {"deletion", "insertion", "average_drop", "increase", "average_gain"}
    for front in fronts.values():
        assert set(front.points) == {"gradcam", "gradcam++", "scorecam(variant=torchcam)"}, "layercam failed on two"
        assert front.cost.name == "runtime"
        for name, point in front.points.items():
            cells = {cell.metric.name: cell for row in block.methods if row.method == name for cell in row.cells}
            runtime = cells["runtime"]
            assert (point.cost, point.low, point.high) == (runtime.mean, runtime.low, runtime.high)
            assert point.low < point.cost < point.high
            assert math.isclose(
                front.mean(name), cells[front.metric.name].mean, abs_tol=0.51 * 10**-front.metric.decimals
            )


def test_the_front_rests_on_the_tests_of_the_page(plain: Record) -> None:
    """At one runtime for all, a method is dropped if and only if a kept method is significantly better."""
    results = plain.results.copy()
    runtime = results["metric"].str.startswith("runtime") & (results["method"] != "cam")
    for part, value in (("runtime", 40.0), ("runtime.q1", 39.0), ("runtime.q3", 41.0)):
        results.loc[runtime & (results["metric"] == part), "value"] = value
    marked = marked_of(plain, results=results)
    dropped = 0
    for block in marked.board.blocks:
        for front in pareto.fronts(marked, block):
            pairs = marked.pairs_of[(block.model, block.dataset, block.layer, front.metric.name, front.metric.protocol)]
            won = {(r.method, r.other) for r in pairs.itertuples() if r.verdict == "better"}
            won |= {(r.other, r.method) for r in pairs.itertuples() if r.verdict == "worse"}
            for name in set(front.points) - set(front.methods):
                assert any((kept, name) in won for kept in front.methods)
                dropped += 1
            assert not any((method, other) in won for method in front.methods for other in front.methods)
    assert dropped > 3


def test_the_page_lists_them_in_words(plain: Record) -> None:
    marked = Marked.of(plain)
    text = words(read(document.render(marked)).text)
    for block in marked.board.blocks:
        for front in pareto.fronts(marked, block):
            name = front.methods[-1]
            cost, mean = front.points[name].cost, front.mean(name)
            trade_off = f"{name} ({fixed(cost, front.cost.decimals)} ms, {fixed(mean, front.metric.decimals)})"
            assert trade_off in front.text
            assert front.text in text


def test_without_a_cost_there_is_no_front(single: Record) -> None:
    marked = marked_of(single, results=single.results[single.results["sample"].notna()])
    assert pareto.fronts(marked, marked.board.blocks[0]) == ()


def test_what_is_equal_as_shown_is_not_worth_more(single: Record) -> None:
    """Two methods that are one by definition differ by rounding: the dearer of them is no trade-off."""
    results = single.results.copy()
    quality = results["metric"] == "deletion"
    same = results.loc[quality & (results["method"] == "gradcam"), "value"].to_numpy()
    results.loc[quality & (results["method"] == "layercam"), "value"] = same - 1e-9
    for part in ("runtime", "runtime.q1", "runtime.q3"):
        results.loc[(results["metric"] == part) & (results["method"] == "layercam"), "value"] = 900.0
    marked = marked_of(single, results=results)
    (front,) = [f for f in pareto.fronts(marked, marked.board.blocks[0]) if f.metric.name == "deletion"]
    assert front.points["layercam"].quality == front.points["gradcam"].quality
    assert "layercam" not in front.methods
