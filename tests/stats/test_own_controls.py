"""Gaps to a method's own controls: planted differences, in both directions of a metric, and which control is whose."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchbench.stats import Scale, pairs, twin_gaps
from benchbench.stats.own_controls import twins_of

from .planted import Values, results

SCALES = {("score", "plain"): Scale(True, 0, 1, "faithfulness"), ("loss", "plain"): Scale(False, 0, 1, "faithfulness")}
STEP = np.linspace(0, 0.2, 12)
VALUES: Values = {"a": 0.5 + STEP, "b": 0.3 + STEP, "upside down a": 0.3 + STEP, "blurred(of=b)": 0.3 + STEP}


def entry(name: str, plugin: str, **parameters: Any) -> dict[str, Any]:
    return {"name": name, "plugin": plugin, "control": bool(parameters.get("of")), "parameters": parameters}


INFO = {
    "methods": [
        entry("a", "gradcam") | {"spelling": "gradcam(relu=False)"},
        entry("b", "layercam") | {"id": "layercam"},
        entry("upside down a", "inverted", of="gradcam(relu=False)"),
        entry("blurred(of=b)", "blurred", of="layercam"),
        entry("inverted(of=cam)", "inverted", of="cam"),
    ]
}
CONTROLS = ("upside down a", "blurred(of=b)")


def test_a_control_belongs_to_the_method_that_its_parameter_spells() -> None:
    """Under the user's names and under display names; a control of a method that the run does not have is nobody's."""
    assert twins_of(INFO) == {("a", "upside down a"): "inverted", ("b", "blurred(of=b)"): "blurred"}


def test_a_control_belongs_to_the_method_under_the_same_score() -> None:
    listed = [
        entry("gradcam", "gradcam"),
        entry("gradcam(score=contrast)", "gradcam", score="contrast"),
        entry("inverted", "inverted", of="gradcam"),
        entry("inverted(score=contrast)", "inverted", of="gradcam", score="contrast"),
    ]
    info = {**INFO, "methods": listed}
    assert set(twins_of(info)) == {("gradcam", "inverted"), ("gradcam(score=contrast)", "inverted(score=contrast)")}


@pytest.mark.parametrize(("metric", "sign"), [("score", 1), ("loss", -1)])
def test_the_gap_is_the_paired_difference_in_the_direction_of_the_metric(metric: str, sign: int) -> None:
    values = VALUES if sign == 1 else {name: 1 - np.asarray(row, dtype=float) for name, row in VALUES.items()}
    tested = pairs(results(values, metric), SCALES, CONTROLS)
    gaps = twin_gaps(tested, INFO, SCALES).set_index("method")
    assert list(gaps.index) == ["a", "b"]
    assert gaps["kind"].tolist() == ["inverted", "blurred"]
    assert gaps["gap"].tolist() == pytest.approx([0.2, 0])
    assert gaps["verdict"].tolist()[0] == "better"
    assert gaps["verdict"].tolist()[1] != "better"
    assert gaps["n"].tolist() == [12, 12]
    assert (gaps["low"] <= gaps["gap"]).all()
    assert (gaps["gap"] <= gaps["high"]).all()
    mirrored = tested[(tested["method"] == "a") & (tested["other"] == "upside down a")].iloc[0]
    ends = (mirrored["low"], mirrored["high"]) if sign == 1 else (-mirrored["high"], -mirrored["low"])
    assert (gaps.loc["a", "low"], gaps.loc["a", "high"]) == pytest.approx(ends)


def test_a_run_without_such_controls_has_no_gaps() -> None:
    tested = pairs(results(VALUES), SCALES, CONTROLS)
    assert twin_gaps(tested, {"methods": INFO["methods"][:2]}, SCALES).empty
    assert isinstance(twin_gaps(tested.head(0), INFO, SCALES), pd.DataFrame)
