"""Differences from the best curve: against SciPy's paired t, by hand, and where they have no band."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_rel

from benchbench.stats import curve_bands, curve_differences

PLACE = {"model": "net", "dataset": "data", "layer": "last", "metric": "deletion", "protocol": "rise"}
KEY = tuple(PLACE.values())
X = (0.0, 0.5, 1.0)


def curves(values: dict[str, np.ndarray], units: list[str] | None = None) -> pd.DataFrame:
    """``values``: by method, (images, x), NaN where the method has no curve."""
    rows = [
        {**PLACE, "sample": f"s{image:02d}", "method": method, "x": x, "y": matrix[image, at]}
        for method, matrix in values.items()
        for image in range(len(matrix))
        for at, x in enumerate(X)
        if not np.isnan(matrix[image, at])
    ]
    table = pd.DataFrame(rows)
    return table if units is None else table.assign(unit=[units[int(name[1:])] for name in table["sample"]])


@pytest.fixture
def values() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    hardness = rng.uniform(0.2, 0.7, (15, 1))
    return {name: np.clip(hardness + rng.normal(shift, 0.03, (15, 3)), 0, 1) for name, shift in (("a", 0), ("b", 0.05))}


def test_mean_and_band_are_those_of_the_paired_t_test(values: dict[str, np.ndarray]) -> None:
    table = curve_differences(curves(values), {KEY: "a"})
    assert set(table["other"]) == {"a"}
    rows = table[table["method"] == "b"]
    assert rows["x"].tolist() == list(X)
    assert rows["n"].tolist() == [15, 15, 15]
    for at, (mean, low, high) in enumerate(rows[["mean", "low", "high"]].to_numpy()):
        wanted = ttest_rel(values["b"][:, at], values["a"][:, at])
        interval = wanted.confidence_interval(0.95)
        assert mean == pytest.approx((values["b"] - values["a"])[:, at].mean())
        assert (low, high) == pytest.approx((interval.low, interval.high))


def test_differences_agree_with_the_mean_curves_and_are_much_narrower(values: dict[str, np.ndarray]) -> None:
    table = curves(values)
    bands = curve_bands(table).set_index(["method", "x"])
    rows = curve_differences(table, {KEY: "a"})
    for row in rows[rows["method"] == "b"].to_dict("records"):
        first, second = (bands.loc[(name, row["x"])] for name in ("b", "a"))
        assert row["mean"] == pytest.approx(first["mean"] - second["mean"])
        assert row["high"] - row["low"] < (first["high"] - first["low"]) / 2


def test_only_images_with_both_curves_count(values: dict[str, np.ndarray]) -> None:
    values["b"][:4] = np.nan
    rows = curve_differences(curves(values), {KEY: "a"})
    rows = rows[rows["method"] == "b"]
    assert set(rows["n"]) == {11}
    np.testing.assert_allclose(rows["mean"], (values["b"] - values["a"])[4:].mean(0))


def test_images_of_one_unit_count_once(values: dict[str, np.ndarray]) -> None:
    twice = {name: np.repeat(matrix, 2, axis=0) for name, matrix in values.items()}
    units = [f"u{image // 2}" for image in range(30)]
    once = curve_differences(curves(values), {KEY: "a"})
    pd.testing.assert_frame_equal(curve_differences(curves(twice, units), {KEY: "a"}), once)
    counted_twice = curve_differences(curves(twice), {KEY: "a"})
    assert (counted_twice["n"] == 30).all()


def test_equal_differences_have_no_band(values: dict[str, np.ndarray]) -> None:
    """Nothing is changed at x = 0, so all methods have one value there: no sample of images could show another."""
    values["b"][:, 0] = values["a"][:, 0]
    rows = curve_differences(curves(values), {KEY: "a"}).set_index(["method", "x"])
    assert rows.loc[("b", 0.0), "mean"] == 0
    assert rows.loc[("b", 0.0), ["low", "high"]].isna().all()
    assert rows.loc[("b", 0.5), ["low", "high"]].notna().all()
    assert (rows.loc["a", "mean"] == 0).all()
    assert rows.loc["a", ["low", "high"]].isna().all().all()


def test_comparisons_without_a_best_method_are_left_out(values: dict[str, np.ndarray]) -> None:
    assert curve_differences(curves(values), {}).empty
    assert curve_differences(curves(values), {KEY: "unknown"}).empty
    assert curve_differences(curves(values).head(0), {KEY: "a"}).empty
