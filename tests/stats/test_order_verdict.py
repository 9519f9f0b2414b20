"""Whether a best method is clear of its rivals: counted verdicts, and false claims that stay rare."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchbench.stats import (
    Rival,
    Scale,
    WinShares,
    against_best,
    fewest_for_pairs,
    fewest_images,
    in_order,
    overall,
    pairs,
    scores,
)
from benchbench.stats.paired_tests import signed_rank

from .planted import SCALES, Values, results


def rivals(table: pd.DataFrame, scales: dict[tuple[str, str], Scale], best: str = "") -> dict[str, Rival]:
    best = best or str(overall(table, scales, resamples=2)["method"].iloc[0])
    shares = WinShares.of(in_order(list(scores(table, scales))))
    return {rival.method: rival for rival in against_best(shares, pairs(table, scales), best)}


def shifted(images: int = 30, **shifts: float) -> Values:
    draw = np.random.default_rng(3)
    return {name: shift + draw.normal(0, 0.02, images) for name, shift in shifts.items()}


def test_a_single_comparison_has_the_verdict_of_its_test() -> None:
    table = results(shifted(a=0.5, b=0.4, c=0.499))
    here = rivals(table, SCALES)
    tested = pairs(table, SCALES).set_index(["method", "other"])["verdict"]
    assert tested["a", "b"] == "better"
    assert (here["b"].better, here["b"].worse, here["b"].lead, here["b"].beaten) == (1, 0, 1.0, True)
    assert here["c"].beaten == (tested["a", "c"] == "better")
    assert here["c"].level == (tested["a", "c"] in ("inconclusive", "equivalent"))


def test_the_weights_of_the_order_decide_and_not_the_number_of_comparisons() -> None:
    """a is better under five metrics of one family and level under the only metric of another: half of the weight."""
    names = [f"deletion-{number}" for number in range(5)]
    scales = {(name, "plain"): Scale(True, 0, 1, "faithfulness") for name in names}
    scales["pointing", "plain"] = Scale(True, 0, 1, "localisation")
    parts = [results(shifted(a=0.6, b=0.4), name) for name in names]
    level = results({"a": [0.5] * 30, "b": [0.5] * 30}, "pointing")
    here = rivals(pd.concat([*parts, level]), scales, "a")["b"]
    assert (here.better, here.worse, here.comparisons) == (5, 0, 6)
    assert here.lead == pytest.approx(0.5)
    assert not here.beaten
    ahead = rivals(pd.concat([*parts, results(shifted(a=0.6, b=0.4), "pointing")]), scales, "a")["b"]
    assert ahead.beaten
    behind = rivals(pd.concat([*parts, results(shifted(a=0.4, b=0.6), "pointing")]), scales, "a")["b"]
    assert (behind.better, behind.worse, behind.beaten) == (5, 1, False)
    assert behind.lead == pytest.approx(0)


@pytest.mark.parametrize("methods", [2, 5])
def test_too_few_images_are_those_of_which_no_values_could_be_significant(methods: int) -> None:
    least = fewest_images(methods)
    assert fewest_for_pairs(methods * (methods - 1) // 2) == least
    for images in (least - 1, least):
        values: Values = {f"m{place}": [1 - place / 10] * images for place in range(methods)}
        here = rivals(results(values), SCALES, "m0")
        enough = images == least
        for rival in here.values():
            assert (rival.images, rival.needed) == ((0, 0) if enough else (images, least))
            assert rival.beaten == (enough and pairs(results(values), SCALES)["p_holm"].max() < 0.05)
    assert any(rival.better for rival in here.values())


def test_two_equal_methods_are_seldom_called_clear() -> None:
    """Five correlated metrics without any difference: at most one study in twenty names a clear winner."""
    draw = np.random.default_rng(0)
    metrics, studies, images = [f"metric-{number}" for number in range(5)], 200, 20
    scales = {(name, "plain"): Scale(True, family="faithfulness") for name in metrics}
    start: Values = {name: draw.normal(size=images) for name in "ab"}
    joined = pd.concat([results(start, metric) for metric in metrics])
    shares, tested = WinShares.of(in_order(list(scores(joined, scales)))), pairs(joined, scales)
    common, noise = draw.normal(size=(images, studies, 1)), 0.7 * draw.normal(size=(images, studies, len(metrics)))
    p, effect = signed_rank((common + noise).reshape(images, -1))
    outcomes = np.where(p < 0.05, np.where(effect > 0, "better", "worse"), "inconclusive").reshape(studies, -1)
    claims = sum(
        against_best(shares, tested.assign(verdict=study), best)[0].beaten for study in outcomes for best in "ab"
    )
    assert (outcomes != "inconclusive").mean() == pytest.approx(0.05, abs=0.015), "the tests are not asleep"
    assert 0 < claims <= studies * 0.05 + 3 * np.sqrt(studies * 0.05 * 0.95)
