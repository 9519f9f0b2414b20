"""``--suite trojan``: on the bundled network, and on a user's own pictures with masks of the trigger."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

import benchbench as bb
from benchbench.datasets.builtin.trojaned import trojaned
from benchbench.errors import BenchError
from benchbench.models.manipulated import zoo_trojaned
from benchbench.results.suite_answer import SuiteAnswer
from benchbench.suites.manipulation.counterfactuals import Counterfactual
from benchbench.suites.manipulation.trojan import restored
from benchbench.suites.manipulation.trojan_place import Attack

from ..models.test_manipulated import inputs

METHODS = ["gradcam", "chefer", "dataset-mean", "random", "center", "sobel", "mean-activation", "oracle"]
QUESTIONS = ("finds-the-trigger", "undoes-the-attack", "quiet-without-it")


def answer_of(folder: Path, **keys: Any) -> SuiteAnswer:
    base: dict[str, Any] = {"suite": "trojan", "methods": ["gradcam", "oracle"], "metrics": ["sparseness"]}
    answer = bb.Study(**{**base, **keys}).run(folder, report=False).answer()
    assert answer is not None
    return answer


@pytest.fixture(scope="module")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> SuiteAnswer:
    suite = {"name": "trojan", "pictures": 2, "sizes": [1, 4]}
    return answer_of(tmp_path_factory.mktemp("trojan"), suite=suite, methods=METHODS, samples=40)


def passes(answer: SuiteAnswer, label: str) -> list[bool | None]:
    rows = answer.verdicts[answer.verdicts["method"] == label].set_index("question")["passes"]
    return [None if pd.isna(rows[name]) else bool(rows[name]) for name in QUESTIONS]


def test_controls_fail_every_question_and_the_oracle_passes_all(bundled: SuiteAnswer) -> None:
    for label in ("random", "center", "sobel"):
        assert passes(bundled, label) == [False, False, False], label
    assert passes(bundled, "oracle") == [True, True, True]
    assert passes(bundled, "gradcam") == [True, True, True]


def test_what_is_not_judged_says_why(bundled: SuiteAnswer) -> None:
    rows = bundled.verdicts.set_index(["method", "question"])
    assert rows.loc[("chefer", QUESTIONS[0]), "status"] == "not_applicable"
    for label in ("mean-activation", "dataset-mean"):
        assert rows.loc[(label, QUESTIONS[0]), "status"] == "not_applicable"
        assert "this control reads the network" in str(rows.loc[(label, QUESTIONS[0]), "reason"])


def test_the_attack_and_the_recovery_are_in_the_tables(bundled: SuiteAnswer) -> None:
    attack, numbers, curve = (table.rows for table in bundled.tables)
    assert attack["n"].tolist() == [40]
    assert attack["success"][0] > 0.9
    assert attack["gone"][0] > 0.9
    assert attack["right"][0] > 0.9
    assert attack["without"][0] == "the data set's own"
    oracle = numbers.set_index("method").loc["oracle"]
    assert (oracle["pxap"], oracle["mass"]) == pytest.approx((1.0, 1.0))
    assert oracle["pxap_without"] == pytest.approx(oracle["area"])
    assert curve["size"].unique().tolist() == [1.0, 4.0]
    assert curve[curve["method"] == "oracle"]["undone"].tolist() == [1.0, 1.0]
    assert bundled.pictures[0].png.startswith(b"\x89PNG")
    assert bundled.sentence.startswith("On Trojaned Zoo ResNet, the trigger decides the answer on ")
    assert bundled.sentence.endswith("all three hold for all.")


@pytest.fixture(scope="module")
def pictures() -> tuple[torch.Tensor, list[int], torch.Tensor]:
    data = trojaned(count=16, seed=3)
    samples = [data[k] for k in range(16)]
    return inputs(samples), [0] * 16, torch.stack([sample.mask for sample in samples])  # type: ignore[misc]


def test_pictures_without_twins_have_the_trigger_interpolated(
    pictures: tuple[torch.Tensor, list[int], torch.Tensor], tmp_path: Path
) -> None:
    answer = answer_of(tmp_path, models={"net": zoo_trojaned()}, datasets={"mine": pictures}, samples=16)
    attack = answer.tables[0].rows
    assert attack["without"][0] == "the mask's pixels interpolated"
    assert attack["units"][0] >= 14
    assert attack["right"].isna().all()
    assert passes(answer, "gradcam")[0] is True


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"models": ["zoo_residual"]}, "on 0 of 4 images the trigger makes the network answer the label"),
        ({"target": "predicted"}, "the study's target is 'predicted'"),
    ],
)
def test_what_it_cannot_judge_is_refused(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=message):
        answer_of(tmp_path, **{"samples": 4, "methods": ["random"], **change})


def case(label: int | None = 0) -> Counterfactual:
    mask = torch.zeros(2, 4, dtype=torch.bool)
    mask[0, :2] = True
    return Counterfactual("a", torch.ones(1, 2, 4), torch.zeros(1, 2, 4), mask, label, None)


def test_the_highest_pixels_are_restored_and_ties_in_row_major_order() -> None:
    height = torch.tensor([[0.1, 0.9, 0.5, 0.5], [0.0, 0.5, 0.2, 0.8]])
    for size, zeros in ((1.0, {1, 7}), (1.5, {1, 2, 7}), (2.0, {1, 2, 3, 7}), (100.0, set(range(8)))):
        picture = restored(case(), height, size)
        assert set((picture.flatten() == 0).nonzero()[:, 0].tolist()) == zeros


def test_only_images_on_which_the_trigger_decides_are_judged() -> None:
    attack = Attack((case(), case(), case(), case()), triggered=(0, 0, 1, 1), clean=(1, 0, 1, 0), twins=True)
    assert attack.units == attack.pairs[:1]


@pytest.mark.parametrize("kind", ["raises", "nan"])
def test_a_method_that_fails_without_the_trigger_keeps_its_other_verdicts(
    kind: str, planted: None, tmp_path: Path
) -> None:
    scene = trojaned(count=1, seed=3)
    clean = inputs([scene.twin(0)])[0]

    @bb.method("frail", needs="activation")
    def frail(layer: bb.Layer) -> torch.Tensor:
        """Fails on a picture without the trigger."""
        heights = layer.activation.sum(1)
        if not any(torch.equal(image, clean) for image in layer.images):
            return heights
        if kind == "raises":
            raise ValueError("odd")
        return heights * float("nan")

    keys = {"models": ["zoo_trojaned"], "datasets": [{"name": "trojaned", "count": 2, "seed": 3}]}
    answer = answer_of(tmp_path, methods=["gradcam", "frail"], samples=2, **keys)
    rows = answer.verdicts.set_index(["method", "question"])
    assert rows.loc[("frail", QUESTIONS[0]), "status"] == "ok"
    assert rows.loc[("frail", QUESTIONS[2]), "status"] == "not_applicable"
    assert ("odd" if kind == "raises" else "not finite") in str(rows.loc[("frail", QUESTIONS[2]), "reason"])
    assert set(answer.verdicts[answer.verdicts["method"] == "gradcam"]["status"]) == {"ok"}
