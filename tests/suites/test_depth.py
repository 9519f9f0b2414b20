"""``--suite depth``: layers chosen on one half and judged on the other, with a method whose best layer is planted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import benchbench as bb
from benchbench.errors import BenchError
from benchbench.evaluation.held_out import fold_of
from benchbench.registry import METHODS, method
from benchbench.results.suite_answer import SuiteAnswer
from benchbench.stats.resampling import Array
from benchbench.study.spec import read_method
from benchbench.suites.depth.comparisons import CHANCE, compare
from benchbench.suites.depth.layer_choice import HeldOut, LayerScores, best_layer, held_out

from ..networks import Pooled, seeded

NAMES = [f"image {k}" for k in range(20)]
FOLDS = np.array([fold_of(name) for name in NAMES])
CONTROLS = ["random", "center", "uniform", "sobel"]


def scores(values: Array, names: list[str] = NAMES) -> LayerScores:
    layers = ("early", "middle", "late")
    return LayerScores("net", "val", "m", layers, tuple(names), np.array(values, dtype=np.float64))


def test_the_halves_choose_for_each_other() -> None:
    """Early is best on half 0 and late on half 1: each half is judged at the layer that the other half prefers."""
    assert 0 < FOLDS.sum() < len(FOLDS)
    best_on_0 = np.where(FOLDS == 0, 0.9, 0.1)
    every = scores(np.stack([best_on_0, np.full(20, 0.3), 1 - best_on_0]))
    held = held_out(every)
    assert held is not None
    assert held.layers == ("late", "early")
    np.testing.assert_allclose(held.values, 0.1)  # in hindsight the halves would have had 0.9
    assert every.values.max(0).min() == pytest.approx(0.9)


def test_halves_that_agree_lose_nothing() -> None:
    every = scores(np.stack([np.full(20, 0.2), np.linspace(0.5, 0.7, 20), np.full(20, 0.4)]))
    held = held_out(every)
    assert held is not None
    assert held.layers == ("middle", "middle")
    np.testing.assert_array_equal(held.values, every.values[1])


@given(st.lists(st.floats(0, 1), min_size=60, max_size=60))
def test_a_half_never_gains_by_the_choice_of_the_other(numbers: list[float]) -> None:
    every = scores(np.array(numbers).reshape(3, 20))
    held = held_out(every)
    assert held is not None
    for half in (0, 1):
        chosen_half = every.values[:, half == FOLDS]
        place = every.layers.index(held.layers[half])
        np.testing.assert_array_equal(held.values[half == FOLDS], chosen_half[place])
        assert held.values[half == FOLDS].mean() <= chosen_half.mean(1).max() + 1e-12
        other = every.values[:, half != FOLDS].mean(1)
        assert other[place] == other.max()


def test_of_equal_layers_the_last_one_counts() -> None:
    every = scores(np.full((3, 20), 0.5))
    assert best_layer(every) == 2
    assert isinstance(held := held_out(every), HeldOut)
    assert held.layers == ("late", "late")


def test_an_empty_half_chooses_nothing() -> None:
    names = [name for name, fold in zip(NAMES, FOLDS, strict=True) if fold == 1]
    assert held_out(scores(np.ones((3, len(names))), names)) is None


COUNT, SIDE, EARLY, LAST = 16, 32, "stage1", "relu"
SHARPNESS = {EARLY: 4.0, LAST: 0.05}  # how clearly the object stands out of the noise


@pytest.fixture(scope="module")
def data() -> tuple[Tensor, list[int], Tensor]:
    """Images of noise with a bright square of 8 pixels each, anywhere on the grid of the network's last map."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(COUNT, 3, SIDE, SIDE, generator=generator)
    masks = torch.zeros(COUNT, SIDE, SIDE, dtype=torch.bool)
    for mask, place in zip(masks, torch.randint(0, 4, (COUNT, 2), generator=generator), strict=True):
        top, left = (8 * place).tolist()
        mask[top : top + 8, left : left + 8] = True
    images += 10 * masks[:, None]
    return images, [0] * COUNT, masks


@pytest.fixture(scope="module")
def finder() -> Iterator[None]:
    @method("finder", needs="activation")
    def finder(layer: bb.Layer) -> Tensor:
        """The bright square, clear at the early layer and drowned in noise at the last one."""
        size = (layer.activation.shape[2], layer.activation.shape[3])
        object_map = torch.nn.functional.adaptive_avg_pool2d((layer.images[:, :1] > 5).float(), size)[:, 0]
        return SHARPNESS[layer.name] * object_map + layer.uniform(*size)

    yield
    METHODS.remove("finder")


FUSED = [{"name": "fusion", "of": "finder"}, {"name": "fusion", "of": "gradcam"}, "refinecam"]


@pytest.fixture(scope="module")
def run(finder: None, data: Any, tmp_path_factory: pytest.TempPathFactory) -> bb.Run:
    methods = ["finder", *FUSED, *CONTROLS, "oracle"]
    return study(data, methods).run(tmp_path_factory.mktemp("depth") / "run", report=False)


def study(data: Any, methods: list[Any], **keys: Any) -> bb.Study:
    return bb.Study(
        **{"suite": "depth", "models": {"net": seeded(Pooled)}, "datasets": {"val": data}, "methods": methods, **keys}
    )


@pytest.fixture(scope="module")
def answer(run: bb.Run) -> SuiteAnswer:
    suite_answer = run.answer()
    assert suite_answer is not None
    return suite_answer


def row(answer: SuiteAnswer, question: str, method_name: str) -> Any:
    v = answer.verdicts
    return v[(v["question"] == question) & (v["method"] == method_name)].iloc[0]


def values(run: bb.Run, name: str, layer: str) -> Any:
    table = run.table
    return table[(table["method"] == name) & (table["layer"] == layer)].set_index("sample")["value"]


def test_the_planted_layer_is_chosen_and_beats_the_last_one(run: bb.Run, answer: SuiteAnswer) -> None:
    early, last = (values(run, "finder", layer) for layer in (EARLY, LAST))
    finding = row(answer, "another layer", "finder")
    assert finding["score"] == pytest.approx(float((early - last).mean()), abs=1e-9)
    assert finding["score"] > 0.4
    assert bool(finding["passes"])
    assert finding["n"] == COUNT
    chosen = answer.tables[0].rows.set_index("method").loc["finder"]
    assert (chosen["layers"], chosen["hindsight"]) == (EARLY, EARLY)
    assert chosen["chosen"] == pytest.approx(float(early.mean()), abs=1e-9)
    assert chosen["last"] == pytest.approx(float(last.mean()), abs=1e-9)


def test_a_fusion_is_compared_with_the_best_single_layer(run: bb.Run, answer: SuiteAnswer) -> None:
    finding = row(answer, "fusing", "fusion(of=finder)")
    fused, single = values(run, "fusion(of=finder)", LAST), values(run, "finder", EARLY)
    assert finding["score"] == pytest.approx(float((fused - single).mean()), abs=1e-9)
    assert not finding["passes"]  # the noise of the last layer is in it
    assert row(answer, "another layer", "fusion(of=finder)")["status"] == "not_applicable"
    assert "add it to the methods" in row(answer, "fusing", "fusion(of=gradcam)")["reason"]
    assert "Grad-CAM++ at single layers" in row(answer, "fusing", "refinecam")["reason"]
    table = next(table for table in answer.tables if table.name == "fusions").rows
    assert table[["method", "of", "layers"]].to_numpy().tolist() == [["fusion(of=finder)", "finder", EARLY]]


def test_controls_fail_and_the_oracle_passes(run: bb.Run, answer: SuiteAnswer) -> None:
    rows = {name: row(answer, "above chance", name) for name in [*CONTROLS, "oracle", "finder"]}
    assert [name for name, each in rows.items() if each["passes"] is not pd.NA and each["passes"]] == [
        "oracle",
        "finder",
    ]
    level = max(values(run, name, layer).mean() for name in CONTROLS[:3] for layer in (EARLY, LAST))
    level = max(level, values(run, "sobel", "input image").mean())
    assert rows["oracle"]["score"] == pytest.approx(1 - level, abs=1e-9)
    best = [name for name in CONTROLS if rows[name]["score"] == 0]
    assert len(best) == 1
    assert rows[best[0]]["passes"] == np.False_  # the level itself fails, and is not left open
    assert rows[best[0]]["reason"].startswith("equal on every image")
    for name in CONTROLS:
        assert row(answer, "another layer", name)["passes"] is not True


def test_the_sentence_and_the_chart(answer: SuiteAnswer) -> None:
    assert answer.sentence.startswith(
        "On 16 images of val, with net, another layer localises better than the last one in 1 of 1 pair of method and "
        "network, most for finder on net: PxAP per image is "
    )
    assert answer.sentence.endswith("Fusing all stages beats the best single layer in 0 of 1 pair and is worse in 1.")
    assert answer.findings[0].startswith(f"finder localises best at {EARLY} of net (+")
    table = next(table for table in answer.tables if table.name == answer.charts[0].table).rows
    line = table[table["method"] == "finder"]
    assert line["layer"].tolist() == [EARLY, LAST]
    assert line["depth"].tolist() == [1, 2]
    assert (line["low"] < line["score"]).all()
    assert (line["score"] <= line["high"]).all()
    assert "oracle" not in set(table["method"])  # it has no layer


def test_the_level_itself_fails_whatever_layers_its_halves_choose(finder: None) -> None:
    """A centred blob is nearly the same at every resolution, so that its halves may choose different layers."""
    apart = np.where(FOLDS == 0, 0.51, 0.49)
    center = scores(np.stack([apart, np.full(20, 0.4), 1 - apart]))
    every = [replace(center, method="center"), replace(center, method="finder", values=center.values + 0.3)]
    choices = [read_method(name) for name in ("finder", "center")]
    by_method = {each.method: each for each in compare(every, choices, {}) if each.question == CHANCE}
    assert not by_method["center"].differences.any()
    level = max(apart.mean(), 1 - apart.mean())
    assert by_method["finder"].differences.mean() == pytest.approx(0.49 + 0.3 - level)  # at the other half's layer


def test_what_the_study_lacks_is_said(data: Any, tmp_path: Path) -> None:
    alone = study(data, ["mean-activation", "oracle"], layers="last", samples=4).run(tmp_path / "a", report=False)
    suite_answer = alone.answer()
    assert suite_answer is not None
    assert row(suite_answer, "another layer", "mean-activation")["reason"] == f"it has one layer: {LAST}"
    assert (
        row(suite_answer, "above chance", "mean-activation")["score"] == 0
    )  # it is the only control, and its own level
    bare = study(data, ["oracle"], samples=4).run(tmp_path / "b", report=False).answer()
    assert bare is not None
    assert "add random and center" in row(bare, "above chance", "oracle")["reason"]


def test_a_method_without_any_value_says_why(data: Any, tmp_path: Path) -> None:
    suite_answer = (
        study(data, ["cam", "center"], layers=[EARLY], samples=4).run(tmp_path / "run", report=False).answer()
    )
    assert suite_answer is not None
    for question in ("above chance", "another layer"):
        assert row(suite_answer, question, "cam")["status"] == "not_applicable"
        assert row(suite_answer, question, "cam")["reason"].startswith("CAM needs global average pooling")


def test_without_a_metric_of_localisation_or_masks_there_is_one_error(data: Any, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="no metric of localisation"):
        study(data, ["center"], metrics=["sparseness"], samples=2).run(tmp_path / "a", report=False)
    with pytest.raises(BenchError, match=r"needs masks|no map has a value"):
        study(data[:2], ["center"], samples=2).run(tmp_path / "b", report=False)


def test_a_run_of_two_images_says_that_nothing_could_be_compared(tmp_path: Path) -> None:
    keys = {"models": ["zoo_residual"], "datasets": ["shapes"], "methods": ["cam", "center", "oracle"], "samples": 1}
    answer = bb.Study(suite="depth", **keys).run(tmp_path / "run", report=False).answer()
    assert answer is not None
    assert answer.sentence.startswith("No method has scores of two layers")
