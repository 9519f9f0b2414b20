"""A study with several scores: shared passes, the same maps as alone, the folder's growth, and its tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import benchbench as bb
from benchbench.errors import BenchError
from benchbench.study.extension import extended

from ..networks import Pooled, seeded

SCORES = ["logit", "probability", "contrast"]


def study(images: Tensor, **keys: Any) -> bb.Study:
    defaults: dict[str, Any] = {
        "models": {"net": seeded(Pooled)},
        "datasets": {"data": images[:, :, ::2, ::2].contiguous()},
        "layers": ["relu"],
        "methods": ["cam", "gradcam", "layercam", "saliency", "random"],
        "metrics": ["deletion", "average_drop", "random_logit", "study_passes"],
        "score": SCORES,
    }
    return bb.Study(**{**defaults, **keys})


@pytest.fixture(scope="module")
def run(images: Tensor, tmp_path_factory: pytest.TempPathFactory) -> bb.Run:
    return study(images).run(tmp_path_factory.mktemp("scores"), report=False)


def mean(run: bb.Run, method: str, metric: str) -> float:
    rows = run.table[(run.table["method"] == method) & (run.table["metric"] == metric)]
    return float(rows["value"].mean())


def test_maps_are_those_of_studies_with_one_score(run: bb.Run, images: Tensor, tmp_path: Path) -> None:
    for score in SCORES:
        name = "gradcam" if score == "logit" else f"gradcam(score={score})"
        alone = study(images, methods=["gradcam"], metrics=["random_logit"], score=score).run(
            tmp_path / score, report=False
        )
        for mine, single in zip(run.maps(method=name), alone.maps(method=name), strict=True):
            assert np.array_equal(mine, single), score
        values = [
            r.table[(r.table["method"] == name) & (r.table["metric"] == "random_logit")]["value"].tolist()
            for r in (run, alone)
        ]
        assert values[0] == pytest.approx(values[1], abs=1e-12), "maps for another class explain the same score"
    layers = {score: run.maps(method=f"layercam(score={score})")[0] for score in SCORES[1:]}
    assert not np.allclose(layers["probability"], layers["contrast"])


def test_maps_are_what_explain_gives(run: bb.Run, images: Tensor) -> None:
    network, pictures = seeded(Pooled), images[:, :, ::2, ::2].contiguous()
    for method in ("gradcam", "layercam"):
        maps = bb.explain(network, pictures, method=method, layer="relu", score="contrast")
        kept = run.maps(method=f"{method}(score=contrast)")
        for sample, stored in zip(kept.keys["sample"], kept, strict=True):
            low = torch.nn.functional.interpolate(torch.from_numpy(stored)[None, None], size=32, mode="bilinear")
            low = (low - low.min()) / (low.max() - low.min())
            torch.testing.assert_close(low[0], maps[int(sample)], atol=1e-4, rtol=0)


def test_scores_share_the_forward_and_pay_for_their_own_backward(run: bb.Run) -> None:
    """11 cells share a forward; the three methods that read a score's gradient share its backward."""
    for name in ("gradcam", "gradcam(score=probability)", "layercam(score=contrast)", "saliency(score=contrast)"):
        assert mean(run, name, "study_passes") == pytest.approx(1 / 11 + 1 / 3)
    assert mean(run, "cam", "study_passes") == pytest.approx(1 / 11)
    assert run.record.info["work"]["backwards"] == 6 * 3 * 2, "of the images, and of the view for another class"


def test_a_dataset_s_mean_is_of_the_first_score(images: Tensor, tmp_path: Path) -> None:
    keys: dict[str, Any] = {"methods": ["gradcam", "dataset-mean"], "metrics": ["average_drop"]}
    done = study(images, score=["contrast", "logit"], **keys).run(tmp_path, report=False)
    stack = done.maps(method="gradcam(score=contrast)").stack()
    low, high = stack.min((1, 2), keepdims=True), stack.max((1, 2), keepdims=True)
    expected = ((stack - low) / (high - low)).mean(0)
    assert np.allclose(done.maps(method="dataset-mean(score=contrast)")[0], expected, atol=1e-6)


def test_a_folder_takes_more_scores_and_computes_only_these(images: Tensor, tmp_path: Path) -> None:
    keys: dict[str, Any] = {"methods": ["gradcam", "random"], "metrics": ["average_drop"]}
    study(images, score="logit", **keys).run(tmp_path, report=False)
    done = study(images, score=["logit", "rest"], **keys).run(tmp_path, report=False)
    work = done.record.info["work"]
    assert (work["cells_computed"], work["cells_reused"]) == (2, 4)
    again = study(images, score="logit", **keys).run(tmp_path, report=False)
    assert set(again.table["method"]) == {"gradcam", "gradcam(score=rest)", "random"}, "the folder's methods are kept"


def test_a_folder_of_an_older_version_says_score_for_probability(images: Tensor, tmp_path: Path) -> None:
    now = study(images, score="logit")
    info = {"study": json.loads(json.dumps(now.plain(), default=str)), "methods": [], "metrics": []}
    del info["study"]["probability"]
    info["study"]["score"] = "softmax"
    assert extended(now, info, tmp_path)[1] == []
    info["study"]["score"] = "sigmoid"
    with pytest.raises(BenchError, match="probability is sigmoid in the folder's study, and softmax in this study"):
        extended(now, info, tmp_path)


def test_a_scored_network_has_no_other_score(images: Tensor, tmp_path: Path) -> None:
    network = bb.scored(seeded(Pooled), lambda z: z[:, 2])
    done = study(images, models={"net": network}, methods=["gradcam", "random"], metrics=["deletion"]).run(
        tmp_path, report=False
    )
    rows = done.table[done.table["method"] == "gradcam(score=contrast)"]
    assert set(rows["status"]) == {"not_applicable"}
    assert "its score is what is explained, and has no contrast" in rows["reason"].iloc[0]
    assert set(done.table[done.table["method"] == "gradcam"]["status"]) == {"ok"}


def test_the_order_under_each_score(run: bb.Run) -> None:
    taus, places = run.score_agreement(), run.score_places()
    assert set(taus["score"]) == set(SCORES[1:])
    assert set(taus["reference"]) == {"logit"}
    assert set(places["method"]) == {"gradcam", "layercam", "saliency"}
    assert set(places["methods"]) == {3}
    here = places[(places["metric"] == "deletion") & (places["score"] == "contrast")].set_index("method")
    board = run.leaderboard("deletion").set_index("method")["mean"]
    for name in here.index:
        assert here.loc[name, "mean"] == pytest.approx(board[f"{name}(score=contrast)"])
        assert here.loc[name, "place"] == 1 + sum(here["mean"] < here.loc[name, "mean"])


def test_a_study_of_one_score_has_no_such_table(images: Tensor, tmp_path: Path) -> None:
    done = study(images, score="contrast", methods=["gradcam", "layercam"], metrics=["average_drop"]).run(
        tmp_path, report=False
    )
    assert done.score_agreement().empty
    assert done.score_places().empty
