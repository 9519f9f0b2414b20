"""The share of a ceiling: by hand, under either direction, over units, and its interval by another bootstrap."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchbench.stats import Scale, ScaleEnds, ceiling_shares

from .planted import FAILED, SCALES, results

ENDS = ScaleEnds("random", {("score", "plain"): ("top",), ("loss", "plain"): ("top",)})


def shares(values: dict[str, Any], metric: str = "score", ends: ScaleEnds = ENDS) -> pd.DataFrame:
    return ceiling_shares(results(values, metric), SCALES, ends).set_index("method")


@pytest.mark.parametrize(("metric", "sign"), [("score", 1), ("loss", -1)])
def test_by_hand(metric: str, sign: int) -> None:
    values = {"a": [0.5, 0.3], "worse": [0.0, 0.1], "random": [0.1, 0.3], "top": [0.9, 0.7]}
    table = shares({name: sign * np.array(row) for name, row in values.items()}, metric)
    assert table["share_of_ceiling"].to_dict() == pytest.approx(
        {"a": (0.4 - 0.2) / (0.8 - 0.2), "worse": (0.05 - 0.2) / 0.6, "random": 0.0, "top": 1.0}
    )
    assert set(table["ceiling"]) == {"top"}
    assert table["share_low"].isna().all(), "two images have no interval"


def test_only_images_on_which_all_three_have_a_value() -> None:
    values = {"a": [0.5, 0.3, FAILED], "random": [0.1, 0.3, 0.9], "top": [0.9, FAILED, 1.0]}
    table = shares(values)
    assert table.at["a", "share_of_ceiling"] == pytest.approx((0.5 - 0.1) / (0.9 - 0.1))


def test_of_two_ceilings_the_higher_one() -> None:
    ends = ScaleEnds("random", {("score", "plain"): ("low", "absent", "high")})
    table = shares({"a": [0.5], "random": [0.0], "low": [0.6], "high": [1.0]}, ends=ends)
    assert set(table["ceiling"]) == {"high"}
    assert table.at["low", "share_of_ceiling"] == pytest.approx(0.6)


@pytest.mark.parametrize("top", [0.2, 0.1, 0.2 + 1e-8])
def test_there_is_no_share_without_a_scale(top: float) -> None:
    assert shares({"a": [0.5], "random": [0.2], "top": [top]}).empty


@pytest.mark.parametrize(
    "ends", [ScaleEnds("", ENDS.ceilings), ScaleEnds("random", {}), ScaleEnds("other", ENDS.ceilings)]
)
def test_nor_without_either_control(ends: ScaleEnds) -> None:
    table = shares({"a": [0.5], "random": [0.2], "top": [0.9]}, ends=ends)
    assert table.empty
    assert {"share_of_ceiling", "share_low", "share_high", "ceiling"} <= set(table.columns)


def planted(count: int) -> dict[str, np.ndarray[Any, Any]]:
    """All three share each image's difficulty, so that they must be drawn together."""
    draw = np.random.default_rng(0)
    hard = draw.uniform(0, 0.3, count)
    levels = {"random": 0.2, "a": 0.4, "top": 0.6}
    return {name: np.clip(level + hard + draw.normal(0, 0.02, count), 0, 1) for name, level in levels.items()}


def test_the_interval_is_of_images_that_are_drawn_together() -> None:
    """By a bootstrap of its own, row by row with its own generator; and narrower than if they were drawn apart."""
    values, draw = planted(60), np.random.default_rng(7)
    table = shares(values)
    low, high = table[["share_low", "share_high"]].to_numpy(float)[list(table.index).index("a")]
    together, apart = [], []
    for _ in range(4000):
        rows, others, thirds = draw.integers(0, 60, (3, 60))
        a, r, t = (values[name][rows].mean() for name in ("a", "random", "top"))
        together.append((a - r) / (t - r))
        r, t = values["random"][others].mean(), values["top"][thirds].mean()
        apart.append((a - r) / (t - r))
    np.testing.assert_allclose([low, high], np.quantile(together, [0.025, 0.975]), atol=0.003)
    assert high - low < 0.5 * np.ptp(np.quantile(apart, [0.025, 0.975]))
    assert table[["share_low", "share_high"]].to_numpy(float)[-1].tolist() == [1.0, 1.0]


def test_copies_of_an_image_make_no_interval_narrower() -> None:
    values = planted(25)
    rows = results({name: np.tile(row, 4) for name, row in values.items()})
    rows["unit"] = [str(int(sample) % 25) for sample in rows["sample"]]
    once = ceiling_shares(results(values), SCALES, ENDS)
    tiled = ceiling_shares(rows, SCALES, ENDS)
    columns = ["share_of_ceiling", "share_low", "share_high"]
    np.testing.assert_allclose(tiled[columns].to_numpy(float), once[columns].to_numpy(float), atol=1e-9)


def test_no_interval_where_the_ends_may_change_places() -> None:
    values = planted(30)
    values["top"] = values["random"] + np.where(np.arange(30) % 2, 0.2, -0.19)
    table = shares(values)
    assert table["share_of_ceiling"].notna().all()
    assert table["share_low"].isna().all()


def test_the_ends_are_read_from_run_json() -> None:
    """A renamed random map; a ceiling that has another fill than one of the protocols."""

    def method(name: str, plugin: str, **more: Any) -> dict[str, Any]:
        return {"name": name, "plugin": plugin, "parameters": {}, **more}

    goal = {"optimises": ["insertion"], "parameters": {"fill": "blur", "segments": 50, "answer": "probability"}}
    metrics = [
        {"name": "insertion", "protocol": "rise", "parameters": {"fill": "blur", "steps": 28, "answer": "probability"}},
        {"name": "insertion", "protocol": "zero", "parameters": {"fill": "zero", "answer": "probability"}},
        {"name": "insertion", "protocol": "logit", "parameters": {"fill": "blur", "answer": "logit"}},
        {"name": "deletion", "protocol": "rise", "parameters": {"fill": "blur"}},
    ]
    info = {"methods": [method("a", "gradcam"), method("noise", "random"), method("top", "ceiling", **goal)]}
    assert ScaleEnds.of({**info, "metrics": metrics}) == ScaleEnds("noise", {("insertion", "rise"): ("top",)})
    assert ScaleEnds.of({"methods": info["methods"][:1], "metrics": metrics}) == ScaleEnds("", {})


def test_what_has_no_scale_has_no_share() -> None:
    """A metric that run.json does not describe."""
    rows = results({"a": [0.5], "random": [0.2], "top": [0.9]})
    assert ceiling_shares(rows, {("x", "y"): Scale(True)}, ENDS).empty
    assert not ceiling_shares(rows, {("score", "plain"): Scale(True)}, ENDS).empty
