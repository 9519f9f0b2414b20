"""Changes planted one at a time in a real run's baseline: each is found, called by its name, and nothing else is."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchbench.errors import BenchError
from benchbench.regression import Baseline, Checked, Sketch, Tolerances, check
from benchbench.regression.records import CostRecord, ScoreRecord

Edit = Callable[[Baseline], Baseline]


@pytest.fixture(scope="module")
def then(then: Baseline) -> Baseline:
    """With times whose quartiles are close: how busy the machine was is not the tests' matter."""
    close = (replace(c, low=0.99 * c.value, high=1.01 * c.value) if c.unit == "ms" else c for c in then.costs)
    return replace(then, costs=tuple(close))


def scores(edit: Callable[[ScoreRecord], ScoreRecord], method: str, metric: str = "") -> Edit:
    def edited(base: Baseline) -> Baseline:
        chosen = tuple(edit(c) if c.method == method and metric in ("", c.metric) else c for c in base.scores)
        return replace(base, scores=chosen)

    return edited


def values(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[ScoreRecord], ScoreRecord]:
    return lambda cell: replace(cell, values=tuple(change(np.array(cell.values, float)).tolist()))


def maps(change: Callable[[np.ndarray], np.ndarray], method: str, count: int = 8) -> Edit:
    def edited(base: Baseline) -> Baseline:
        def edited_sketch(i: int, sketch: Sketch) -> Sketch:
            return Sketch.of(change(sketch.grid).astype(np.float32)) if i < count else sketch

        return replace(
            base,
            maps=tuple(
                replace(m, sketches={n: edited_sketch(i, s) for i, (n, s) in enumerate(m.sketches.items())})
                if m.method == method
                else m
                for m in base.maps
            ),
        )

    return edited


def costs(metric: str, method: str = "layercam", **keys: float) -> Edit:
    def scaled(cost: CostRecord) -> CostRecord:
        return replace(cost, **{k: getattr(cost, k) * v for k, v in keys.items()})

    return lambda base: replace(
        base, costs=tuple(scaled(c) if (c.method, c.metric) == (method, metric) else c for c in base.costs)
    )


def both(*edits: Edit) -> Edit:
    def edited(base: Baseline) -> Baseline:
        for edit in edits:
            base = edit(base)
        return base

    return edited


def kinds(checked: Checked, failing: bool = True) -> set[str]:
    return {change.kind for change in checked.changes if change.fails or not failing}


def turned(grid: np.ndarray) -> np.ndarray:
    return grid[::-1]


def nudged(grid: np.ndarray, by: float = 0.02) -> np.ndarray:
    moved: np.ndarray = grid + by * (grid > 0.5)
    return moved


def with_scores(nudge: float, by: float) -> Edit:
    """Grad-CAM's maps, and its scores under deletion."""
    return both(
        maps(lambda grid: nudged(grid, nudge), "gradcam"), scores(values(lambda v: v + by), "gradcam", "deletion")
    )


def listed(kind: str, name: str, **keys: Any) -> Edit:
    def edited(base: Baseline) -> Baseline:
        changed: dict[str, Any] = {
            kind: tuple(replace(item, **keys) if item.name == name else item for item in getattr(base, kind))
        }
        return replace(base, **changed)

    return edited


def without(base: Baseline, method: str) -> Baseline:
    return base.narrowed([name for name in base.method_names if name != method])


def lost(cell: ScoreRecord) -> ScoreRecord:
    return replace(cell, values=(None, *cell.values[1:]), reasons={"0": ("failed", "RuntimeError: no")})


def dead_first(base: Baseline) -> Baseline:
    return maps(lambda grid: grid * 0, "gradcam", 3)(base)


def other_image(base: Baseline) -> Baseline:
    dataset = base.datasets[0]
    return replace(base, datasets=(replace(dataset, samples={**dataset.samples, _first(base): "another"}),))


def other_class(base: Baseline) -> Baseline:
    images = base.images[0]
    return replace(base, images=(replace(images, targets=(99, *images.targets[1:])),))


def _first(base: Baseline) -> str:
    return base.images[0].samples[0]


WORSE = both(maps(turned, "gradcam"), scores(values(lambda v: np.clip(v + 0.1, 0, 1)), "gradcam", "deletion"))
SLOWER = costs("runtime", value=1.3, low=1.3, high=1.3)
FAILING: dict[str, tuple[Edit, set[str], str]] = {
    "maps turned over": (maps(turned, "gradcam"), {"map"}, "gradcam: 8 maps changed"),
    "one map moved": (maps(nudged, "layercam", 1), {"map"}, "1 map changed"),
    "three maps dead": (dead_first, {"dead"}, "gradcam: 3 maps became constant"),
    "worse": (WORSE, {"map", "quality"}, "worse on 1 metric"),
    "other scores of the same maps": (
        scores(values(lambda v: v + 0.01), "layercam", "insertion"),
        {"score"}, "changed scores on 1 metric for unchanged maps"
    ),
    "half of the answers flipped": (scores(values(lambda v: 1 - v), "layercam", "increase"), {"score"}, "increase"),
    "scores of maps that moved by rounding": (
        with_scores(2e-5, 5e-3), {"score"}, "gradcam: changed scores on 1 metric"
    ),
    "scores that moved further than maps that did": (with_scores(3e-3, 2e-2), {"score"}, "changed scores on 1 metric"),
    "an unbounded metric": (scores(values(lambda v: v * 1.02), "gradcam", "max_sensitivity"), {"score"}, "gradcam"),
    "a value lost": (scores(lost, "gradcam", "deletion"), {"failure"}, "no value for 1 image"),
    "slower": (SLOWER, {"cost"}, "layercam: slower by 30 %"),
    "more passes": (costs("passes", value=1.5), {"cost"}, "layercam: 50 % more passes"),
    "more memory": (costs("peak_memory", value=1.2), {"cost"}, "layercam: 20 % more peak memory"),
    "another seed": (lambda base: replace(base, seed=1), {"not comparable"}, "the seed changed from 0 to 1"),
    "other weights": (listed("models", "small", state="x"), {"not comparable"}, "weights"),
    "another image": (other_image, {"not comparable"}, "the content of 1 of 8 images changed"),
    "another class": (other_class, {"not comparable"}, "the explained class changed"),
    "another parameter": (
        listed("methods", "smoothgradcam++", parameters={"samples": 9, "sigma": 0.3}),
        {"not comparable"}, "samples 8 -> 9",
    ),
    "a new parameter, and other maps": (
        both(listed("methods", "gradcam", parameters={"a": 1}), maps(turned, "gradcam")), {"map"}, "8 maps changed"
    ),
    "another protocol": (
        listed("metrics", "deletion", parameters={"steps": 9, "fill": "zero"}), {"not comparable"}, "steps 28 -> 9"
    ),
    "another direction": (listed("metrics", "deletion", higher_is_better=True), {"not comparable"}, "direction"),
    "a metric of other code": (
        both(listed("metrics", "deletion", code="x"), scores(values(lambda v: v + 0.01), "gradcam", "deletion")),
        {"not comparable"}, "the metric's code changed",
    ),
    "a method gone": (lambda base: without(base, "gradcam"), {"missing"}, "the method is not in the run"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAILING)
def test_each_planted_change_is_found_and_named(name: str, then: Baseline) -> None:
    edit, expected, message = FAILING[name]
    checked = check(edit(then), then)
    assert not checked.ok
    assert kinds(checked) == expected
    whole = checked.summary + " ".join(f"{c.metric} {c.sentence}" for c in checked.failing)
    assert message in whole


COSTS: dict[str, tuple[Edit, str]] = {
    "a method gone": (lambda base: without(base, "gradcam"), "gradcam: the method is not in the run"),
    "its maps gone": (
        lambda base: replace(base, maps=tuple(m for m in base.maps if m.method != "gradcam")), "8 of 8 maps are missing"
    ),
    "a layer gone": (
        lambda base: replace(
            base,
            scores=tuple(replace(record, layer="other") for record in base.scores),
            maps=tuple(replace(record, layer="other") for record in base.maps),
            costs=tuple(replace(record, layer="other") for record in base.costs),
        ),
        "the layer is not in the run",
    ),
    "costs gone": (lambda base: replace(base, costs=()), "the run has no costs, so costs are not compared"),
}  # fmt: skip


@pytest.mark.parametrize(("by", "fails"), [(4e-6, False), (9e-4, False), (2e-3, True)])
def test_a_fall_in_logits_moves_as_far_as_logits_are_rounded(by: float, fails: bool, then: Baseline) -> None:
    """A fall near 0 is a difference of numbers near 10: a share of the fall would be less than their rounding."""
    in_logits = both(
        listed("metrics", "average_drop", unit="logit", range=(0.0, math.inf)),
        scores(values(lambda v: 1e-3 * v), "gradcam", "average_drop"),
    )(then)
    checked = check(scores(values(lambda v: v + by), "gradcam", "average_drop")(in_logits), in_logits)
    assert kinds(checked) == ({"score"} if fails else set())


@pytest.mark.parametrize("name", COSTS)
def test_what_is_gone_is_seen_where_costs_are_all_that_is_compared(name: str, then: Baseline) -> None:
    edit, message = COSTS[name]
    checked = check(edit(then), then, metrics=["passes"])
    assert not checked.ok
    assert message in checked.summary + " ".join(change.sentence for change in checked.failing)
    assert check(then, then, metrics=["passes"]).ok


def test_a_run_of_costs_alone_lacks_the_metrics_and_nothing_else(then: Baseline) -> None:
    checked = check(then.narrowed(metrics=["passes"]), then)
    sentences = {change.sentence for change in checked.failing}
    assert sentences <= {"the metric is not in the run", "its cost is not in the run"}
    back = check(then, then.narrowed(metrics=["passes"]))
    assert back.ok
    assert {change.sentence for change in back.changes} == {"the metric is not in the baseline"}


def test_scores_that_move_with_their_maps_are_told_and_strictly_fail(then: Baseline) -> None:
    edited = with_scores(3e-3, 5e-3)(then)
    (change,) = check(edited, then).changes
    assert (change.kind, change.fails) == ("score", False)
    assert "their maps moved slightly" in change.sentence
    assert not check(edited, then, Tolerances(strict=True)).ok
    other = check(listed("metrics", "deletion", code="x")(edited), then)
    assert kinds(other) == {"not comparable"}, "the metric's own code changed: no map excuses that"


def test_the_same_run_changes_nothing(then: Baseline) -> None:
    checked = check(then, then)
    assert checked.ok
    assert not checked.changes
    assert checked.summary == "Nothing changed: 160 scores, 32 maps and 12 costs compared."


PASSING: dict[str, tuple[Edit, set[str]]] = {
    "rounding": (scores(values(lambda v: v + 1e-5), "gradcam", "deletion"), set()),
    "scores of maps that moved a little": (with_scores(3e-3, 5e-3), {"score"}),
    "a method of other code with the same numbers": (listed("methods", "gradcam", code="x"), set()),
    "a metric of other code with the same numbers": (listed("metrics", "deletion", code="x"), set()),
    "a new parameter that does nothing": (listed("methods", "gradcam", parameters={"a": 1}), {"note"}),
    "a metric's parameter that is gone": (listed("metrics", "increase", parameters={}), {"note"}),
    "faster": (costs("runtime", value=0.5, low=0.5, high=0.5), {"cost"}),
    "slower within the ratio": (costs("runtime", value=1.2, low=1.2, high=1.2), set()),
    "slower with a machine that is slower": (costs("runtime", value=3, low=3, high=3, reference=3), set()),
    "longer, with quartiles that meet": (costs("runtime", value=1.5, low=0.9, high=2), set()),
    "other versions": (lambda base: replace(base, versions={**base.versions, "torch": "9.9"}), {"note"}),
    "other threads": (both(SLOWER, lambda b: replace(b, device={**b.device, "threads": 99})), {"note"}),
}  # fmt: skip


@pytest.mark.parametrize("name", PASSING)
def test_what_is_no_regression_passes(name: str, then: Baseline) -> None:
    edit, expected = PASSING[name]
    checked = check(edit(then), then)
    assert checked.ok, checked.summary
    assert kinds(checked, failing=False) == expected


def test_another_machine_may_differ_by_twice_as_much(then: Baseline) -> None:
    elsewhere = replace(then, device={**then.device, "name": "another"})
    assert check(SLOWER(elsewhere), then).ok
    assert not check(costs("runtime", value=1.6, low=1.6, high=1.6)(elsewhere), then).ok


def test_maps_that_are_meant_to_be_others(then: Baseline) -> None:
    """Their quality is judged all the same."""
    accepting = Tolerances(accept=frozenset({"gradcam"}))
    better = both(maps(turned, "gradcam"), scores(values(lambda v: np.clip(v - 0.1, 0, 1)), "gradcam", "deletion"))
    assert check(better(then), then, accepting).ok
    assert any(change.better for change in check(better(then), then, accepting).changes)
    assert kinds(check(WORSE(then), then, accepting)) == {"quality"}
    assert kinds(check(dead_first(then), then, accepting)) == {"dead"}
    within = both(maps(turned, "gradcam"), scores(values(lambda v: v + 0.005), "gradcam", "deletion"))
    assert check(within(then), then, accepting).ok, "half a hundredth of the range matters to nobody"


def test_few_images_are_judged_by_their_mean(then: Baseline) -> None:
    def first(base: Baseline, n: int) -> Baseline:
        images = replace(base.images[0], samples=base.images[0].samples[:n], targets=base.images[0].targets[:n])
        cells = tuple(replace(c, values=c.values[:n]) for c in base.scores)
        return replace(base, images=(images,), scores=cells)

    accepting = Tolerances(accept=frozenset({"gradcam"}))
    for n in (1, 5):
        checked = check(WORSE(first(then, n)), first(then, n), accepting)
        assert kinds(checked) == {"quality"}
        assert "too few to test" in checked.failing[0].sentence
    noisy = both(
        maps(turned, "gradcam"), scores(values(lambda v: v + np.resize([0.2, -0.15], len(v))), "gradcam", "deletion")
    )
    assert check(noisy(then), then, accepting).ok, "eight images that go both ways decide nothing"


def test_a_flip_at_a_limit_is_told_and_does_not_fail(then: Baseline) -> None:
    many = replace(
        then,
        images=(replace(then.images[0], samples=tuple(map(str, range(80))), targets=then.images[0].targets * 10),),
        datasets=(replace(then.datasets[0], samples={str(i): "x" for i in range(80)}),),
        scores=tuple(replace(c, values=c.values * 10) for c in then.scores),
        maps=tuple(
            replace(m, sketches={str(i): next(iter(m.sketches.values())) for i in range(80)}) for m in then.maps
        ),
    )
    flipped = scores(lambda c: replace(c, values=(1 - (c.values[0] or 0), *c.values[1:])), "gradcam", "increase")(many)
    checked = check(flipped, many)
    assert checked.ok
    assert kinds(checked, failing=False) == {"score"}
    assert not check(flipped, many, Tolerances(strict=True)).ok


def test_strict_fails_on_what_is_better_too(then: Baseline) -> None:
    faster = costs("runtime", value=0.5, low=0.5, high=0.5)(then)
    assert kinds(check(faster, then, Tolerances(strict=True))) == {"cost"}


def test_narrowed(then: Baseline) -> None:
    checked = check(WORSE(then), then, methods=["layercam"])
    assert checked.ok
    assert checked.counts == {"scores": 40, "maps": 8, "cost": 3}
    assert check(WORSE(then), then, Tolerances(accept=frozenset({"gradcam"})), metrics=["insertion@rise-28"]).ok
    with pytest.raises(BenchError, match=r"no method 'gradcm'.*gradcam"):
        check(then, then, methods=["gradcm"])
    with pytest.raises(BenchError, match="no metric 'deletion@rise-29'"):
        check(then, then, metrics=["deletion@rise-29"])


def test_new_methods_are_told_and_do_not_fail(then: Baseline) -> None:
    checked = check(then, without(then, "gradcam"))
    assert checked.ok
    assert kinds(checked, failing=False) == {"new"}


def test_a_metric_s_few_jumps_are_told_and_a_mean_that_moves_fails(then: Baseline) -> None:
    """One image of ten, by less than the margin lets the mean move: two equal values that a machine ranks otherwise."""
    ten = _repeated(then, 10)

    def jump(size: float) -> Edit:
        def jumped(cell: ScoreRecord) -> ScoreRecord:
            return replace(cell, values=((cell.values[0] or 0) + size, *cell.values[1:]))

        return scores(jumped, "gradcam", "deletion")

    assert check(jump(0.05)(ten), ten).ok
    assert kinds(check(jump(0.05)(ten), ten), failing=False) == {"score"}
    assert kinds(check(jump(0.2)(ten), ten)) == {"score"}
    assert kinds(check(jump(0.05)(then), then)) == {"score"}, "one of eight is more than a tenth"


def _repeated(base: Baseline, count: int) -> Baseline:
    """The first image, so many times."""
    names = tuple(map(str, range(count)))
    return replace(
        base,
        images=(replace(base.images[0], samples=names, targets=base.images[0].targets[:1] * count),),
        datasets=(replace(base.datasets[0], samples=dict.fromkeys(names, "x")),),
        scores=tuple(replace(c, values=c.values[:1] * count) for c in base.scores),
        maps=tuple(
            replace(m, sketches=dict.fromkeys(names, next(iter(m.sketches.values())))) for m in base.maps
        ),
    )  # fmt: skip


def test_holm_s_correction_is_over_all_that_moved(then: Baseline) -> None:
    """Of eight images that all got worse p is 1/128: six comparisons are significant at 5 %, and of eight none is."""
    accepting = Tolerances(accept=frozenset({"gradcam", "layercam", "smoothgradcam++", "random"}))
    measures = ["deletion", "average_drop"]
    shift = np.linspace(0.1, 0.2, 8)
    for count, worse in ((1, 1), (6, 6), (8, 0)):
        chosen = [(method, metric) for metric in measures for method in sorted(accepting.accept)][:count]
        edits = [maps(turned, method) for method in sorted(accepting.accept)]
        edits += [scores(values(lambda v: v + shift), *pair) for pair in chosen]
        checked = check(both(*edits)(then), then, accepting)
        assert len([change for change in checked.failing if change.kind == "quality"]) == worse


def test_costs_that_one_side_lacks_are_told_and_fail_when_asked(then: Baseline) -> None:
    none = replace(then, costs=())
    checked = check(none, then)
    assert checked.ok
    assert kinds(checked, failing=False) == {"missing"}
    assert not check(none, then, Tolerances(strict=True)).ok
    assert kinds(check(then, none), failing=False) == {"new"}
    part = replace(then, costs=tuple(c for c in then.costs if c.method != "gradcam"))
    assert kinds(check(part, then)) == {"missing"}


def test_more_images_are_told_and_the_common_ones_are_compared(then: Baseline) -> None:
    few = replace(
        then,
        images=(replace(then.images[0], samples=then.images[0].samples[:3], targets=then.images[0].targets[:3]),),
        scores=tuple(replace(c, values=c.values[:3]) for c in then.scores),
        maps=tuple(replace(m, sketches=dict(list(m.sketches.items())[:3])) for m in then.maps),
    )
    checked = check(then, few)
    assert checked.ok
    assert checked.counts["scores"] == 3 * len(then.scores)
    assert [change.sentence for change in checked.changes] == ["5 images are not in the baseline"]
    assert kinds(check(few, then)) == {"missing"}


def test_a_name_that_is_accepted_must_be_there(then: Baseline) -> None:
    with pytest.raises(BenchError, match=r"no method 'gradcm'.*gradcam"):
        check(then, then, Tolerances(accept=frozenset({"gradcm"})))


def test_by_how_much(then: Baseline) -> None:
    changes = {change.kind: change for change in check(WORSE(then), then).changes}
    then_mean = np.mean([cell.values for cell in then.scores if (cell.method, cell.metric) == ("gradcam", "deletion")])
    quality = changes["quality"]
    assert quality.was == pytest.approx(then_mean)
    assert quality.by == pytest.approx(quality.now - quality.was)
    assert 0.05 < changes["map"].by <= 1
    (slower,) = check(SLOWER(then), then).changes
    assert slower.by == pytest.approx(1.3)


def test_nothing_compared_is_no_pass(then: Baseline) -> None:
    empty = replace(then, scores=(), maps=(), costs=())
    assert not check(then, empty).ok


def test_a_value_that_came_back(then: Baseline) -> None:
    checked = check(then, scores(lost, "gradcam", "deletion")(then))
    assert checked.ok
    assert kinds(checked, failing=False) == {"mended"}


@pytest.mark.parametrize("keys", [{"margin": -1.0}, {"map": 2.0}, {"cost": 0.5}, {"memory": float("inf")}])
def test_tolerances_that_are_none(keys: dict[str, float]) -> None:
    with pytest.raises(BenchError, match="tolerances"):
        Tolerances(**keys)  # type: ignore[arg-type]
