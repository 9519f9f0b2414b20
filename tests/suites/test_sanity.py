"""``--suite sanity``: controls fail, a map that is certain to depend on the weights passes; scores made again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn
from torch.nn import functional as F

import benchbench as bb
from benchbench.errors import BenchError
from benchbench.network.randomise import layers_with_weights, randomised
from benchbench.registry import METHODS
from benchbench.results.suite_answer import SuiteAnswer
from benchbench.suites.sanity import label_similarities as sanity_labels
from benchbench.suites.sanity.map_similarities import image_scores
from benchbench.suites.sanity.verdicts import TEST_QUESTIONS, overall_row
from benchbench.suites.verdict_rows import absent_row, interval_row

from ..networks import Pooled, seeded

COUNT, SIDE = 12, 32
CONTROLS = ("sobel", "random", "center", "uniform", "oracle")
TESTS = ("cascade", "independent", "labels", "classes")
NETWORKS = """
from tests.networks import Pooled, seeded

def random_labels():
    return seeded(Pooled, seed=1)
"""


def weight_noise(layer: bb.Layer) -> Tensor:
    """Noise from a digest of the weights and the class: certain to depend on both, and an explanation of nothing."""
    state = hashlib.sha256()
    for tensor in layer.network.state_dict().values():
        state.update(tensor.detach().double().numpy().tobytes())
    seeds = [int.from_bytes(state.digest()[:4], "little") + int(target) for target in layer.targets]
    draws = [torch.randn(16, 16, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    return torch.stack(draws)


@pytest.fixture(scope="module")
def images() -> Tensor:
    coarse = torch.randn(COUNT, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    return F.interpolate(coarse, size=SIDE, mode="bicubic")


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("networks") / "random_networks.py"
    file.write_text(NETWORKS)
    return file


def keys(images: Tensor, networks: Path, **changes: Any) -> dict[str, Any]:
    masks = torch.zeros(COUNT, SIDE, SIDE, dtype=torch.bool)
    masks[:, 8:20, 8:20] = True
    suite = {"name": "sanity", "random_labels": f"{networks}:random_labels", "stages": 2}
    data = (images, [i % 7 for i in range(COUNT)], masks)
    return {"suite": suite, "models": {"net": seeded(Pooled)}, "datasets": {"val": data}, **changes}


@pytest.fixture(scope="module")
def run(images: Tensor, networks: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[bb.Run]:
    bb.method("weight-noise", needs=("activation", "modules"))(weight_noise)
    methods = ["gradcam", "mean-activation", "guidedbackprop", "weight-noise", "layercam", *CONTROLS]
    study = bb.Study(**keys(images, networks, methods=methods))
    yield study.run(tmp_path_factory.mktemp("run") / "run", report=False)
    METHODS.remove("weight-noise")


@pytest.fixture(scope="module")
def answer(run: bb.Run) -> SuiteAnswer:
    suite_answer = run.answer()
    assert suite_answer is not None
    return suite_answer


def verdict(answer: SuiteAnswer, method: str, question: str) -> Mapping[str, Any]:
    rows = answer.verdicts[(answer.verdicts["method"] == method) & (answer.verdicts["question"] == question)]
    assert len(rows) == 1
    return {str(key): value for key, value in rows.iloc[0].to_dict().items()}


@pytest.mark.parametrize("method", CONTROLS)
def test_a_control_fails_every_test(method: str, answer: SuiteAnswer) -> None:
    for question in ("overall", *TESTS):
        row = verdict(answer, method, question)
        assert row["passes"] is False
        assert row["score"] == pytest.approx(0, abs=1e-9)
        assert row["n"] == COUNT


def test_a_map_that_depends_on_nothing_but_the_weights_and_the_class_passes(answer: SuiteAnswer) -> None:
    for question in ("overall", *TESTS):
        row = verdict(answer, "weight-noise", question)
        assert row["passes"] is True, row
    assert "weight-noise" in answer.sentence.split("pass every sanity check that applies")[0]
    assert answer.sentence.startswith("On net with 12 images of val, ")
    assert answer.sentence.endswith("; the highest score of a control is 0.00.")


def test_a_map_without_a_class_fails_that_test_and_all_together(answer: SuiteAnswer) -> None:
    row = verdict(answer, "mean-activation", "classes")
    assert (row["score"], row["passes"]) == (pytest.approx(0, abs=1e-9), False)
    overall = verdict(answer, "mean-activation", "overall")
    assert overall["passes"] is False
    assert overall["reason"] == "lowest in another class: mean similarity 1.00"


def raw_maps(network: nn.Module, images: Tensor, targets: Tensor) -> Tensor:
    """(N, h, w): Grad-CAM in plain torch, at the last convolution's ReLU."""
    pooled = network
    assert isinstance(pooled, Pooled)
    maps = []
    for image, target in zip(images, targets, strict=True):
        activation = pooled.relu(pooled.conv(pooled.stage1(image[None]))).detach().requires_grad_(True)
        logit = pooled.fc(pooled.pool(activation).flatten(1))[0, int(target)]
        (gradient,) = torch.autograd.grad(logit, activation)
        maps.append((gradient.mean((2, 3), keepdim=True) * activation).sum(1).relu()[0].detach())
    return torch.stack(maps)


def score_of(first: Tensor, second: Tensor) -> float:
    def alike(a: Tensor, b: Tensor) -> float:
        return float(spearmanr(a.flatten(), b.flatten()).statistic) if b.std() > 0 else 0.0

    return sum(1 - max(0.0, alike(a, b)) for a, b in zip(first, second, strict=True)) / len(first)


def test_scores_are_those_of_maps_made_again(images: Tensor, answer: SuiteAnswer) -> None:
    """Grad-CAM, the weights drawn again and scipy's rank correlation."""
    network, targets = seeded(Pooled), torch.tensor([i % 7 for i in range(COUNT)])
    layers = layers_with_weights(network, images)
    first = raw_maps(network, images, targets)
    alone = [randomised(network, part, 0) for part in (layers[: len(layers) // 2], layers[len(layers) // 2 :])]
    redrawn: dict[str, list[nn.Module]] = {
        "cascade": [randomised(network, layers, 0)],
        "independent": alone,
        "labels": [seeded(Pooled, seed=1)],
    }
    for test, others in redrawn.items():
        scores = [score_of(first, raw_maps(other, images, targets)) for other in others]
        row = verdict(answer, "gradcam", test)
        assert row["score"] == pytest.approx(sum(scores) / len(scores), abs=1e-4), test
        assert row["low"] <= row["score"] <= row["high"]
    tests = [verdict(answer, "gradcam", test) for test in TESTS]
    assert verdict(answer, "gradcam", "overall")["score"] == min(row["score"] for row in tests)
    assert verdict(answer, "gradcam", "overall")["low"] == min(row["low"] for row in tests)


def test_the_chart_has_every_stage_of_methods_and_controls(answer: SuiteAnswer) -> None:
    (chart,) = answer.charts
    (stages,) = (table.rows for table in answer.tables if table.name == chart.table)
    assert set(stages["panel"]) == {"Cascade", "One block"}
    assert set(stages["x"]) == {0.5, 1.0}
    for method in ("gradcam", *CONTROLS):
        assert len(stages[stages["method"] == method]) == 4
    assert stages[stages["method"] == "sobel"]["y"].to_numpy() == pytest.approx(1)
    (tests,) = (table.rows for table in answer.tables if table.name == "similarity")
    center = tests[tests["method"] == "center"].iloc[0]
    assert center["other_image"] == pytest.approx(1)  # a map that is the same for all images
    assert not any("Sobel" in finding for finding in answer.findings)  # controls are in the verdicts alone
    assert any("SSIM in place of Spearman" in finding for finding in answer.findings)
    keys = {"gradcam", "guidedbackprop", "layercam", "cascade", "independent"}
    assert not any(keys & set(finding.replace(",", " ").split()) for finding in answer.findings)


def test_without_its_own_network_the_label_test_has_a_reason(images: Tensor, networks: Path, tmp_path: Path) -> None:
    changes = {"suite": {"name": "sanity", "stages": 2}, "methods": ["gradcam"]}
    done = bb.Study(**keys(images, networks, **changes)).run(tmp_path / "a", report=False).answer()
    assert done is not None
    row = verdict(done, "gradcam", "labels")
    assert row["status"] == "not_applicable"
    assert "random_labels: ..." in row["reason"]
    assert "another architecture" in row["reason"]
    assert verdict(done, "gradcam", "overall")["status"] == "ok"  # of the other tests


def test_the_label_test_compares_maps_of_one_class(images: Tensor, networks: Path, tmp_path: Path) -> None:
    """And a metric that the study does not name has a reason."""
    changes = {"methods": ["gradcam"], "target": "predicted", "metrics": ["random_logit@random-spearman"]}
    data = (images[:2], [0, 1])
    study = bb.Study(**keys(images, networks, **changes, datasets={"val": data}))
    done = study.run(tmp_path / "a", report=False).answer()
    assert done is not None
    assert verdict(done, "gradcam", "labels")["reason"] == sanity_labels.OTHER_TARGETS
    assert verdict(done, "gradcam", "cascade")["reason"] == "no metric of the study measures it with Spearman"


def test_an_unknown_network_is_refused_before_the_run(images: Tensor, networks: Path) -> None:
    with pytest.raises(BenchError, match="zoo_random_label"):
        bb.Study(**keys(images, networks, suite={"name": "sanity", "random_labels": "zoo_random_labelz"}))


def test_the_bundled_network_learned_these_scenes_and_no_others() -> None:
    def reason(**changes: Any) -> str:
        data = {"name": "shapes", "split": "train", **changes}
        study = bb.Study(models=["zoo_residual"], datasets=[data], methods=["random"], metrics=["sparseness"])
        return sanity_labels._strange(study.datasets[0])

    assert reason() == ""
    assert reason(count=1200) == ""
    for change in ({"split": "test"}, {"seed": 1}, {"count": 1201}, {"distractors": 0}):
        assert "learned the first 1,200 scenes" in reason(**change)


def test_all_tests_together_are_the_lowest() -> None:
    first, second, third, _ = TEST_QUESTIONS
    rows = [
        interval_row(first, "a", 0.9, (0.8, 1.0), 9, reason="x"),
        interval_row(second, "a", 0.6, (0.4, 0.7), 8, reason="y"),
        absent_row(third, "a", "none"),
    ]
    row = overall_row(rows, "a", {"model": "net"})
    assert (row["score"], row["low"], row["high"], row["n"]) == (0.6, 0.4, 0.7, 8)
    assert (row["passes"], row["reason"], row["model"]) == (None, "lowest in one block random: y", "net")
    assert overall_row(rows[2:], "a", {})["reason"] == "none"
    assert pd.isna(overall_row(rows[2:], "a", {})["score"])


def test_an_image_s_score_is_of_the_last_stage_or_of_all_and_of_its_unit() -> None:
    place = {"model": "net", "dataset": "val", "layer": "layer", "method": "a", "constant": False}

    def row(sample: str, unit: str, test: str, x: float, y: float, similarity: str = "spearman") -> dict[str, Any]:
        return {**place, "sample": sample, "unit": unit, "test": test, "similarity": similarity, "x": x, "y": y}

    rows = pd.DataFrame(
        [
            *(row("s", "s", "cascade", 0.5, 1.0), row("s", "s", "cascade", 1.0, 0.25)),
            *(row("s", "s", "independent", 0.5, 0.5), row("s", "s", "independent", 1.0, -0.5)),
            *(row("t", "s", "cascade", 1.0, 0.75), row("u", "u", "cascade", 1.0, -1.0)),
            row("u", "u", "cascade", 1.0, 1.0, "ssim"),
        ]
    )
    cascade = image_scores(rows, "cascade", "spearman").set_index("sample")
    assert cascade["score"].to_dict() == {"s": 0.5, "u": 1.0}  # t is a copy of s; an inverted map is another map
    assert cascade["y"].to_dict() == {"s": 0.5, "u": -1.0}
    assert image_scores(rows, "independent", "spearman")["score"].tolist() == [0.75]
    assert image_scores(rows, "cascade", "ssim")["score"].tolist() == [0.0]
    assert image_scores(rows, "labels", "spearman").empty
