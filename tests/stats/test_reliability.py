"""Planted scores: what a metric that can be trusted gets, one that never changes, and one that is drawn by lot."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import pytest
from scipy.stats import wilcoxon

from benchbench.stats import Scale, consistency, decay, overview
from benchbench.stats.metric_reliability import FEWEST
from benchbench.stats.resampling import Array
from benchbench.stats.score_matrix import Flags

from .planted import of_models, results

UP, DOWN = {("score", "plain"): Scale(True)}, {("score", "plain"): Scale(False)}
METHODS = ("a", "b", "c", "d")
LEVELS = {f"{of}{share}": (of, share) for of in METHODS for share in (0.0, 0.5, 1.0)}
KEY = ("net", "photos", "last", "score", "plain")


def trials(
    scorer: Callable[[str, int], Array], draws: int = 3, kept: Callable[[str], Flags] | None = None
) -> pd.DataFrame:
    """``scorer``: by strength and draw the scores (images, methods); ``kept``: by strength which predictions stayed."""
    return trials_of({"net": scorer}, draws, kept)


def trials_of(
    scorers: Mapping[str, Callable[[str, int], Array]], draws: int, kept: Callable[[str], Flags] | None = None
) -> pd.DataFrame:
    """Of several models, by name."""
    tables = []
    for strength, draw in itertools.product(("minor", "disruptive"), range(draws)):
        scores = {model: scorer(strength, draw) for model, scorer in scorers.items()}
        rows = of_models({model: dict(zip(METHODS, each.T, strict=False)) for model, each in scores.items()})
        images = len(next(iter(scores.values())))
        stay = np.full(images, strength == "minor") if kept is None else kept(strength)
        flags = pd.array([bool(stay[int(sample)]) for sample in rows["sample"]], dtype="boolean")
        tables.append(rows.assign(on="input", strength=strength, size=1.0, draw=draw, kept=flags))
    return pd.concat(tables, ignore_index=True)


def base(images: int = 20, methods: int = 4, seed: int = 0) -> Array:
    return np.asarray(np.random.default_rng(seed).random((images, methods)))


def only(frame: pd.DataFrame) -> pd.Series:
    assert len(frame) == 1
    return frame.iloc[0]


def judged(scores: Array, scorer: Callable[[str, int], Array], scales: object = UP, **keys: object) -> pd.Series:
    table = results(dict(zip(METHODS, scores.T, strict=False)))
    return only(consistency(table, trials(scorer, **keys), scales))  # type: ignore[arg-type]


@pytest.mark.parametrize(("scales", "worse"), [(UP, -1), (DOWN, 1)])
def test_a_reliable_metric_has_one(scales: dict[tuple[str, str], Scale], worse: int) -> None:
    """Unmoved by what is minor; worse for every image and method after what is disruptive."""
    scores = base()
    row = judged(scores, lambda s, _: scores if s == "minor" else scores + worse * (1 + scores), scales)
    assert row["iac_nr"] == row["iec_nr"] == row["iec_ar"] == 1
    assert row["iac_ar"] == pytest.approx(1 - 2 ** (1 - 20)), "the smallest p of twenty images is 2 / 2 ** 20"
    assert row["mc"] == pytest.approx(1, abs=1e-6)
    assert (row["methods"], row["draws"], row["images_nr"], row["images_ar"]) == (4, 3, 20, 20)
    assert row["reason"] == ""


def test_one_that_never_changes_has_half() -> None:
    scores = base()
    for same in (scores, np.full((20, 4), 0.25)):
        row = judged(same, lambda *_, same=same: same)
        assert [row[k] for k in ("iac_nr", "iac_ar", "iec_nr", "iec_ar")] == [1, 0, 1, 0]
        share = 1 - 0.025 ** (1 / 3)  # three draws that agree
        assert (row["mc"], row["low"], row["high"]) == pytest.approx((0.5, 0.5 - share / 2, 0.5 + share / 2))


def test_one_that_gets_better_under_disruption_is_blamed() -> None:
    scores = base()
    row = judged(scores, lambda s, _: scores if s == "minor" else 2 * scores + 1)
    assert row["iec_ar"] == 0
    assert row["mc"] == pytest.approx(0.75, abs=1e-6)


def test_one_drawn_by_lot_is_near_its_expectation() -> None:
    """p is uniform, one rank in four stays, half of the scores fall: (1/2 + 1/2 + 1/4 + 1/2) / 4."""
    draw, nets = np.random.default_rng(1), [f"net {study}" for study in range(30)]
    before = of_models({net: dict(zip(METHODS, draw.random((24, 4)).T, strict=True)) for net in nets})
    after = trials_of({net: lambda *_: draw.random((24, 4)) for net in nets}, draws=2)
    studies = consistency(before, after, UP)
    assert len(studies) == 30
    means = studies[["iac_nr", "iac_ar", "iec_nr", "iec_ar", "mc"]].astype(float).mean()
    assert means.tolist() == pytest.approx([0.5, 0.5, 0.25, 0.5, 1.75 / 4], abs=0.05)
    assert (studies["low"] <= studies["mc"]).all()
    assert (studies["mc"] <= studies["high"]).all()


def test_each_part_by_hand() -> None:
    """Only the images whose prediction stayed count for resilience, and only the others for reactivity."""
    scores, draw = base(24), np.random.default_rng(2)
    after = {(s, d): scores + 0.3 * draw.normal(size=scores.shape) for s in ("minor", "disruptive") for d in range(2)}
    stay = np.arange(24) < 14
    row = judged(scores, lambda s, d: after[s, d], draws=2, kept=lambda _: stay)

    def values(s: str, rows: Flags) -> list[float]:
        changes = [after[s, d][rows, m] - scores[rows, m] for d in range(2) for m in range(4)]
        return [float(wilcoxon(change, zero_method="zsplit").pvalue) for change in changes]

    p = {s: values(s, r) for s, r in (("minor", stay), ("disruptive", ~stay))}
    assert row["iac_nr"] == pytest.approx(np.mean(p["minor"]), abs=1e-9)
    assert row["iac_ar"] == pytest.approx(1 - np.mean(p["disruptive"]), abs=1e-9)
    order = [[int(x.argsort().argsort()[m]) for m in range(4)] for x in scores[stay]]
    then = [[[int(x.argsort().argsort()[m]) for m in range(4)] for x in after["minor", d][stay]] for d in range(2)]
    assert row["iec_nr"] == pytest.approx(np.mean(np.array(order)[None] == np.array(then)))
    worse = np.mean([after["disruptive", d][~stay] < scores[~stay] for d in range(2)])
    assert row["iec_ar"] == pytest.approx(worse)
    assert row["mc"] == pytest.approx(np.mean([row[k] for k in ("iac_nr", "iac_ar", "iec_nr", "iec_ar")]))
    assert (row["images_nr"], row["images_ar"]) == (14, 10)


def test_what_the_arithmetic_moves_has_not_moved() -> None:
    scores = base()
    bounded = {("score", "plain"): Scale(True, 0, 1)}
    row = judged(scores, lambda s, _: scores + 1e-8 * np.sign(np.sin(1e6 * scores)), bounded)
    assert [row[k] for k in ("iac_nr", "iac_ar", "iec_nr", "iec_ar")] == [1, 0, 1, 0]


def test_too_few_images_are_said() -> None:
    scores = base()
    few = np.arange(20) < FEWEST - 1
    row = judged(scores, lambda *_: scores, kept=lambda _: few)
    assert math.isnan(row["mc"])
    assert math.isnan(row["iac_nr"])
    assert row["iac_ar"] == 0
    assert "the prediction is kept on 5 images at most under the minor disturbance" in row["reason"]
    assert "disruptive" not in row["reason"]


def test_one_method_has_no_rank() -> None:
    scores = base(methods=1)
    row = judged(scores, lambda *_: scores)
    assert math.isnan(row["mc"])
    assert row["reason"] == "a rank needs two methods: give two or more"
    assert row["iac_nr"] == 1


def test_a_network_that_failed_counts_for_neither() -> None:
    scores = base()
    table = trials(lambda *_: scores)
    table.loc[table["sample"] == "0003", "kept"] = pd.NA
    row = only(consistency(results(dict(zip(METHODS, scores.T, strict=True))), table, UP))
    assert (row["images_nr"], row["images_ar"]) == (19, 19)


def blends(scorer: Callable[[str, float], Array]) -> pd.DataFrame:
    return results({name: scorer(of, share) for name, (of, share) in LEVELS.items()})


def test_a_metric_that_falls_decays() -> None:
    height = {of: base(12, 1, seed=i)[:, 0] for i, of in enumerate(METHODS)}
    for sign, scales in ((1, UP), (-1, DOWN)):
        table = decay(blends(lambda of, share, sign=sign: sign * (height[of] - share)), LEVELS, scales)  # type: ignore[misc]
        assert table["of"].tolist() == [*METHODS, ""]
        assert (table[["tau", "high", "monotone"]] == 1).all(axis=None)
        assert table["low"].tolist() == pytest.approx([1 - 2 * (1 - 0.025 ** (1 / 12))] * 5)
        assert (table["images"] == 12).all()
        assert (table["levels"] == 3).all()


def test_one_that_never_changes_does_not_decay() -> None:
    table = decay(blends(lambda *_: np.full(12, 0.5)), LEVELS, UP)
    assert (table[["tau", "monotone"]] == 0).all(axis=None)
    assert table["high"].tolist() == pytest.approx([1 - 0.025 ** (1 / 12)] * 5)


def test_one_that_rises_is_the_opposite() -> None:
    table = decay(blends(lambda _, share: np.full(12, share)), LEVELS, UP)
    assert (table["tau"] == -1).all()
    assert (table["monotone"] == 0).all()


def test_one_drawn_by_lot_decays_for_one_image_in_six() -> None:
    draw = np.random.default_rng(3)
    table = decay(blends(lambda *_: draw.random(1000)), LEVELS, UP)
    assert abs(table["tau"]).max() < 0.06
    assert table["monotone"].between(1 / 6 - 0.03, 1 / 6 + 0.03).all()
    width = (table["high"] - table["low"]).to_numpy(dtype=np.float64)
    assert table["of"].iloc[-1] == ""
    assert width[-1] < width[:-1].min(), "four methods say more than one"


def test_ties_are_not_a_step_up() -> None:
    """Levels 0, 0.5, 1 with scores 1, 1, 0: tau-b of two ordered pairs of three, and monotone."""
    table = decay(blends(lambda _, share: np.full(6, 1.0 if share < 1 else 0.0)), LEVELS, UP)
    assert table["tau"].to_numpy() == pytest.approx(2 / math.sqrt(2 * 3))
    assert (table["monotone"] == 1).all()


def test_an_image_without_a_score_at_one_level_is_left_out() -> None:
    rows = blends(lambda _, share: 1 - share + np.zeros(6))
    gone = (rows["method"] == "a0.5") & (rows["sample"] == "0002")
    rows.loc[gone, ["value", "status", "reason"]] = [None, "failed", "planted"]
    table = decay(rows, LEVELS, UP)
    assert dict(zip(table["of"], table["images"], strict=True)) == {"a": 5, "b": 6, "c": 6, "d": 6, "": 6}


def test_the_overview_has_all_of_it() -> None:
    scores = base()
    consistencies = consistency(
        results(dict(zip(METHODS, scores.T, strict=True))),
        trials(lambda *_: scores, kept=lambda _: np.ones(20) > 0),
        UP,
    )
    row = only(
        overview(
            decay(blends(lambda _, s: 1 - s + np.zeros(6)), LEVELS, UP), consistencies, {KEY: ["random", "center"]}
        )
    )
    assert (row["tau"], row["monotone"], row["gamed_by"]) == (1, 1, "random, center")
    assert math.isnan(row["mc_input"])
    assert row["reason"].startswith("input: the prediction is changed on 0 images at most")
    assert math.isnan(row["mc_weights"])
