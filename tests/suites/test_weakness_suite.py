"""``--suite weaknesses`` on scenes and on anybody's images: verdicts against plain figures, controls, the oracle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from torch import Tensor, nn

import benchbench as bb
from benchbench.datasets.builtin.shapes import shapes
from benchbench.results.suite_answer import SuiteAnswer
from benchbench.study.choices import MethodChoice
from benchbench.suites.weaknesses import WEAKNESSES
from benchbench.suites.weaknesses.questions import (
    DEPTH,
    DISTRACTORS,
    INSTANCES,
    PLANTED,
    SATURATION,
    TRAINED,
    planted_rows,
)
from benchbench.suites.weaknesses.scenes import NO_INSTANCES, NO_MASKS

from ..networks import Pooled, seeded

pytestmark = pytest.mark.usefixtures("planted")
LAYERS, SAMPLES = ["layer2", "layer3"], 26
CONTROLS = ["random", "center"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> bb.Run:
    study = bb.Study(
        suite={"name": "weaknesses", "saturated": 14},
        models=["zoo_residual"],
        layers=LAYERS,
        methods=["gradcam", "layercam", *CONTROLS, "oracle"],
        metrics=["pxap@exact"],
        samples=SAMPLES,
    )
    return study.run(tmp_path_factory.mktemp("weaknesses") / "run", report=False)


@pytest.fixture(scope="module")
def answer(run: bb.Run) -> SuiteAnswer:
    known = run.answer()
    assert known is not None
    return known


def verdict(answer: SuiteAnswer, question: str, method: str, layer: str = "") -> pd.Series[Any]:
    rows = answer.verdicts
    chosen = rows[(rows["question"] == question) & (rows["method"] == method) & (rows["layer"] == layer)]
    assert len(chosen) == 1
    return chosen.iloc[0]


def records(answer: SuiteAnswer, table: str) -> list[dict[Any, Any]]:
    return next(each for each in answer.tables if each.name == table).rows.to_dict("records")


def test_every_question_has_a_row_for_every_method(answer: SuiteAnswer) -> None:
    rows = answer.verdicts
    for method in ["gradcam", "layercam", *CONTROLS, "oracle"]:
        asked = set(rows[rows["method"] == method]["question"])
        assert asked == {*PLANTED, *(question.name for question in TRAINED)}


def test_the_oracle_passes_every_question_and_controls_none(answer: SuiteAnswer) -> None:
    rows = answer.verdicts[answer.verdicts["status"] == "ok"]
    assert rows[rows["method"] == "oracle"]["passes"].eq(True).all()
    assert not rows[rows["method"].isin(CONTROLS)]["passes"].eq(True).any()
    trained = rows[rows["method"].isin(CONTROLS) & (rows["model"] != "")]
    assert trained[trained["question"] != INSTANCES.name]["passes"].eq(False).all()


def test_planted_rows_are_the_cases_own_scores(answer: SuiteAnswer) -> None:
    for name, case in WEAKNESSES.items():
        row = verdict(answer, name, "gradcam")
        assert row["score"] == pytest.approx(case.score("gradcam"), abs=1e-6)
        assert row["n"] == (50 if case.drawn else 1)
        assert pd.isna(row["low"]) != case.drawn


def enlarged(raw: Any) -> Any:
    """64 x 64, linear between the middles of cells along each side, in [0, 1]."""
    for axis in (0, 1):
        cells = raw.shape[axis]
        middles = (np.arange(64) + 0.5) * cells / 64 - 0.5
        raw = np.apply_along_axis(lambda line, at=middles: np.interp(at, np.arange(len(line)), line), axis, raw)
    return (raw - raw.min()) / (raw.max() - raw.min())


def plain_maps(run: bb.Run, layer: str) -> dict[str, Any]:
    """Grad-CAM's stored maps, enlarged here."""
    rows = run.record.maps
    chosen = rows[(rows["layer"] == layer) & (rows["method"] == "gradcam")]
    places = zip(chosen["sample"], chosen["file"], chosen["row"], strict=True)
    return {sample: enlarged(run.record.map(file, int(row)).astype(np.float64)) for sample, file, row in places}


@pytest.mark.parametrize("layer", LAYERS)
def test_instances_and_distractors_are_what_the_stored_maps_show(run: bb.Run, answer: SuiteAnswer, layer: str) -> None:
    data, ratios, shares = shapes(), [], []
    for sample, heights in plain_maps(run, layer).items():
        known = data.instances(int(sample.split("-")[0]))
        warm = [each.mask.numpy() for each in known if each.decides]
        cold = [each.mask.numpy() for each in known if not each.decides]
        outside = heights[~np.any(warm, 0)].mean()
        if len(warm) > 1:
            above = np.maximum([heights[mask].mean() - outside for mask in warm], 0)
            ratios.append(above.min() / above.max() if above.max() else 0)
        if cold:
            pair = heights[np.any(warm, 0)].mean(), heights[np.any(cold, 0)].mean()
            shares.append(pair[0] / sum(pair))
    for question, values in ((INSTANCES, ratios), (DISTRACTORS, shares)):
        row = verdict(answer, question.name, "gradcam", layer)
        assert row["n"] == len(values)
        assert row["score"] == pytest.approx(np.mean(values), abs=1e-4)
        assert row["low"] <= row["score"] <= row["high"]


def test_depth_is_the_mean_of_the_metrics_own_values(run: bb.Run, answer: SuiteAnswer) -> None:
    data, rows = shapes(), run.table
    precise = rows[(rows["metric"] == "pxap") & (rows["method"] == "layercam")]
    gains = []
    for sample, layer, value in zip(precise["sample"], precise["layer"], precise["value"], strict=True):
        mask = data[int(sample.split("-")[0])].mask
        assert mask is not None
        area = float(mask.double().mean())
        gains.append({"layer": layer, "gain": max((value - area) / (1 - area), 0)})
    by_layer = pd.DataFrame(gains).groupby("layer")["gain"].mean()
    assert verdict(answer, DEPTH.name, "layercam")["score"] == pytest.approx(by_layer.mean(), abs=1e-4)
    stages = {row["layer"]: row for row in records(answer, "stages") if row["method"] == "layercam"}
    for layer in LAYERS:
        assert stages[layer]["score"] == pytest.approx(by_layer[layer], abs=1e-4)
    fused = stages["fused"]
    assert fused["score"] - fused["gain"] == pytest.approx(by_layer.max(), abs=1e-4)
    assert fused["gain_low"] <= fused["gain"] <= fused["gain_high"]


def test_gradients_vanish_behind_the_head_and_the_truth_stays(answer: SuiteAnswer) -> None:
    for method in ("gradcam", "layercam"):
        row = verdict(answer, SATURATION.name, method, "layer3")
        assert (row["score"], row["n"], row["passes"]) == (0, 14, False)
    heads = {row["method"]: row for row in records(answer, "saturating-head")}
    assert heads["gradcam"]["without"] > 0.3
    assert heads["random"]["without"] == pytest.approx(heads["random"]["saturated"], abs=1e-6)


def test_the_answer_says_who_repairs_what(answer: SuiteAnswer) -> None:
    start = "Grad-CAM fails 8 of 10 planted tests of known weaknesses; of these 8, Layer-CAM passes the most (4), and "
    assert answer.sentence.startswith(start)
    assert "In trained networks (Zoo ResNet, last layer, " in answer.sentence
    assert "“Cancellation”: Grad-CAM fails with 0.00 (threshold 0.25). Layer-CAM passes." in answer.findings
    assert any(line.startswith("“Saturation”:") and "No other method" in line for line in answer.findings)
    assert "The control Object mask, which is given the truth, passes every question." in answer.findings
    repairs = {row["case"]: row for row in records(answer, "repairs")}
    assert repairs["Several instances"]["passes"] == "Layer-CAM"
    assert repairs["Saturation"]["fails"] == "Layer-CAM"


def test_the_last_layer_comes_first_beside_its_chance(answer: SuiteAnswer) -> None:
    rows = records(answer, "trained")
    assert [row["layer"] for row in rows] == ["layer3"] * 4 + ["input image"] + ["layer2"] * 4
    first = next(row for row in rows if row["method"] == "gradcam")
    assert first["distractors"] == verdict(answer, DISTRACTORS.name, "gradcam", "layer3")["score"]
    assert 0.4 < first["distractors_chance"] < 0.6
    (center,) = (row for row in rows if (row["method"], row["layer"]) == ("center", "layer3"))
    assert center["instances_chance"] == pytest.approx(center["instances"], abs=0.15)  # it knows no image


def test_images_without_instances_or_masks_are_told(images: Tensor, tmp_path: Path) -> None:
    network: nn.Module = seeded(Pooled)
    study = bb.Study(
        suite="weaknesses",
        models={"net": network},
        datasets={"val": (images[:3, :, :32, :32], [0, 1, 0])},
        methods=["hirescam"],
        metrics=["sparseness"],
        layers="last",
    )
    known = study.run(tmp_path / "run", report=False).answer()
    assert known is not None
    rows = known.verdicts[known.verdicts["model"] == "net"]
    assert set(rows["status"]) == {"not_applicable"}
    reasons = dict(zip(rows["question"], rows["reason"], strict=True))
    assert reasons[INSTANCES.name] == reasons[DISTRACTORS.name] == NO_INSTANCES
    assert reasons[DEPTH.name] == reasons[SATURATION.name] == NO_MASKS
    assert known.verdicts["status"].eq("ok").sum() == len(WEAKNESSES)
    start = "Grad-CAM fails 8 of 10 planted tests of known weaknesses; of these 8, HiResCAM passes the most (4), and "
    assert known.sentence.startswith(start)


def choice(name: str) -> MethodChoice:
    plugin = bb.registry.METHODS[name]
    bound = plugin.bind({})
    return MethodChoice(plugin.label(bound), bound, plugin)


def test_methods_that_do_not_apply_or_fail_have_the_reason() -> None:
    @bb.registry.method("broken-here", needs="activation")
    def broken(layer: Any) -> Tensor:
        """It raises."""
        raise ValueError("no map today")

    rows = planted_rows(choice("broken-here"), 0)
    assert {row["status"] for row in rows} == {"failed"}
    assert all("no map today" in row["reason"] for row in rows)
    for name, reason in (("dataset-mean", "whole dataset"), ("cam", "pool"), ("attention-rollout", "attention")):
        rows = [row for row in planted_rows(choice(name), 0) if row["status"] != "ok"]
        assert rows
        assert {row["status"] for row in rows} == {"not_applicable"}
        assert any(reason in row["reason"] for row in rows), rows[0]["reason"]
