"""The keys ``twins`` and ``signed``: which methods they add or change, and what a run then says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import benchbench as bb
from benchbench.errors import BenchError
from benchbench.registry.method_parameter import read_method
from benchbench.reports.html import document
from benchbench.study.spec import StudySpec

from ..networks import Pooled, seeded

KEYS: dict[str, Any] = {"models": {"net": seeded(Pooled)}, "metrics": ["insertion", "map_mean"], "layers": "last"}


def images(count: int = 8) -> torch.Tensor:
    return torch.randn(count, 3, 24, 24, generator=torch.Generator().manual_seed(0))


def labels(**keys: Any) -> list[str]:
    return [choice.label for choice in StudySpec(**KEYS, datasets={"data": images(1)}, **keys).methods]


def test_each_method_gets_the_controls_made_of_its_map_once() -> None:
    listed = ["gradcam", {"name": "hirescam", "rectified": False, "as": "mine"}, "inverted", "random"]
    assert labels(methods=listed, twins=["inverted", "blurred"]) == [
        "gradcam",
        "mine",
        "inverted",
        "random",
        "blurred",
        "inverted(of=hirescam(rectified=False))",
        "blurred(of=hirescam(rectified=False))",
    ]


def test_a_study_that_is_read_again_is_the_same() -> None:
    study = StudySpec(**KEYS, datasets={"data": images(1)}, methods=["layercam"], twins=["inverted"])
    plain = study.plain()
    assert plain["twins"] == ["inverted"]
    assert labels(methods=study.methods, twins=plain["twins"]) == ["layercam", "inverted(of=layercam)"]
    assert "twins" not in StudySpec(**KEYS, datasets={"data": images(1)}, methods=["layercam"]).plain()


@pytest.mark.parametrize("name", ["random", "gradcam", "dataset-mean", "smoothed", "nothing"])
def test_what_is_no_control_of_a_map_is_refused(name: str) -> None:
    with pytest.raises(BenchError, match=r"twins: .* is no control that is made of a method's map"):
        labels(methods=["gradcam"], twins=[name])


def test_the_run_says_which_metrics_see_that_a_map_was_turned(tmp_path: Path) -> None:
    study = bb.Study(
        **KEYS, datasets={"data": images()}, methods=["gradcam", "hirescam"], twins=["inverted", "blurred"]
    )
    run = study.run(tmp_path, report=False)
    gaps = run.gaps()
    assert sorted(set(gaps["kind"])) == ["blurred", "inverted"]
    assert len(gaps) == 8
    means = run.leaderboard().set_index(["metric", "method"])["mean"]
    for row in gaps.to_dict("records"):
        sign = 1 if row["metric"] == "insertion" else -1
        expected = sign * (means[row["metric"], row["method"]] - means[row["metric"], row["twin"]])
        assert row["gap"] == pytest.approx(expected, abs=1e-6)
    page = document.render(run._marked)
    assert 'id="gaps"' in page
    assert "its inverted map" in page
    assert 'data-table="gaps"' in page
    assert 'id="method-agreement"' in page
    agreement = run.method_agreement().set_index(["method", "other"])
    assert agreement.loc[("gradcam", "inverted"), "spearman"] == pytest.approx(-1)
    with pytest.raises(BenchError, match="top is 0"):
        run.method_agreement(top=0)


def test_a_run_with_controls_of_methods_with_parameters_can_be_extended(tmp_path: Path) -> None:
    """run.json has a nested method by its label, also one that nests another."""
    nested = {"name": "smoothed", "of": {"name": "hirescam", "rectified": False}, "samples": 2}
    keys = {**KEYS, "metrics": ["map_mean"], "datasets": {"data": images(2)}}
    bb.Study(**keys, methods=[{**nested, "as": "mine"}], twins=["inverted"]).run(tmp_path, report=False)
    run = bb.Study(**keys, methods=["gradcam"]).run(tmp_path, report=False)
    assert set(run.gaps()["method"]) == {"mine"}
    label = "smoothed(of=hirescam(rectified=False), samples=2)"
    assert str(read_method(label)) == str(read_method(nested)) == label
