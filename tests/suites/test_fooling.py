"""``--suite fooling``: on the bundled pair, and on a user's own pair of networks and tensors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import benchbench as bb
from benchbench.datasets.builtin.shapes import shapes
from benchbench.errors import BenchError
from benchbench.models.zoo import zoo_network
from benchbench.results.suite_answer import SuiteAnswer
from benchbench.suites.manipulation.counterfactuals import Counterfactual, answers
from benchbench.suites.manipulation.fooling_answer import KEEPS
from benchbench.suites.manipulation.masked_truth import CHANCE, Reference, reference
from benchbench.suites.manipulation.retained import NOTHING, UNSURE, retained_row
from benchbench.suites.manipulation.usage import ObjectUse, warnings_of
from benchbench.suites.mask_precision import average_precision

from ..metrics.plain_maps import pxap
from ..networks import Pooled, seeded

METHODS = ["gradcam", "eigencam", "chefer", "random", "center", "sobel", "mean-activation", "oracle"]
CONTROLS = {"random", "center", "sobel"}


def answer_of(folder: Path, **keys: Any) -> SuiteAnswer:
    answer = bb.Study(**{"suite": "fooling", **keys}).run(folder, report=False).answer()
    assert answer is not None
    return answer


@pytest.fixture(scope="module")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> SuiteAnswer:
    keys = {"suite": {"name": "fooling", "pictures": 2}, "metrics": ["sparseness"], "methods": METHODS, "samples": 24}
    return answer_of(tmp_path_factory.mktemp("fooling"), **keys)


def passes(answer: SuiteAnswer) -> dict[str, Any]:
    rows = answer.verdicts
    return {m: None if pd.isna(p) else bool(p) for m, p in zip(rows["method"], rows["passes"], strict=True)}


def test_grad_cam_is_fooled_controls_fail_and_the_oracle_passes(bundled: SuiteAnswer) -> None:
    judged = passes(bundled)
    assert {label: judged[label] for label in ("gradcam", "eigencam", "oracle")} == {
        "gradcam": False,
        "eigencam": True,
        "oracle": True,
    }
    assert all(judged[label] is False for label in CONTROLS)
    rows = bundled.verdicts.set_index("method")
    assert rows.loc["oracle", "score"] == 1
    assert rows.loc["gradcam", "score"] == 0
    assert (rows.loc["chefer", "status"], rows.loc["mean-activation", "status"]) == ("not_applicable",) * 2
    assert "attention" in str(rows.loc["chefer", "reason"])
    assert set(rows["model"]) == {"zoo_fooled"}


def test_the_lie_and_the_facts_of_both_networks_are_in_the_tables(bundled: SuiteAnswer) -> None:
    networks, accuracy = (table.rows for table in bundled.tables)
    shares = accuracy[accuracy["method"] == "gradcam"].set_index("model")["region_share"]
    assert shares["zoo_residual"] < 0.1
    assert shares["zoo_fooled"] > 0.7
    assert networks["model"].tolist() == ["zoo_residual", "zoo_fooled"]
    assert (networks["drop"] > 0.6).all()
    assert networks["agreement"].iloc[1] > 0.9
    assert bundled.pictures[0].png.startswith(b"\x89PNG")
    assert bundled.sentence.startswith("Fooled Zoo ResNet answers the same class as Zoo ResNet on ")
    assert "1 still shows the object (Eigen-CAM) and 1 does not (Grad-CAM)." in bundled.sentence
    assert "Without the object, the probability of the class falls by" in bundled.findings[0]
    assert "Sobel edges 0." in str(bundled.verdicts.set_index("method").loc["gradcam", "reason"])
    assert not any("significantly less accurate" in note for note in bundled.notes)


def tensors(count: int = 12) -> tuple[torch.Tensor, list[int], torch.Tensor]:
    images = torch.randn(count, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    return images, [0, 1] * (count // 2), torch.ones(count, 32, 32, dtype=torch.bool).triu()


def test_a_user_s_own_pair_without_twins(tmp_path: Path) -> None:
    """The region is the user's; what the mask shows is interpolated away; a network and itself keep everything."""
    keys: dict[str, Any] = {"methods": ["saliency", "oracle", "random"], "metrics": ["sparseness"], "samples": 12}
    keys |= {"models": {"a": seeded(Pooled), "b": seeded(Pooled)}, "datasets": {"mine": tensors()}}
    suite = {"name": "fooling", "region": [0.5, 0.0, 1.0, 0.5], "pictures": 0}
    answer = answer_of(tmp_path / "with", suite=suite, **keys)
    networks, accuracy = (table.rows for table in answer.tables)
    assert networks["change"].iloc[1] == 0
    assert networks["agreement"].iloc[1] == 1
    oracle = accuracy[accuracy["method"] == "oracle"]["region_share"]
    inside = float(tensors()[2][0, :16, 16:].sum() / tensors()[2][0].sum())
    assert oracle.tolist() == pytest.approx([inside] * 2, abs=1e-6)
    assert passes(answer)["oracle"] is True
    assert answer.pictures == ()
    unknown = answer_of(tmp_path / "without", suite="fooling", **keys)
    assert unknown.tables[1].rows["region_share"].isna().all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"models": {"a": seeded(Pooled)}}, "compares two networks, and the study has 1"),
        ({"datasets": {"mine": tensors()[:2]}}, "no image has a mask"),
    ],
)
def test_what_it_cannot_judge_is_refused(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    keys: dict[str, Any] = {"models": {"a": seeded(Pooled), "b": seeded(Pooled)}, "datasets": {"mine": tensors()}}
    with pytest.raises(BenchError, match=message):
        answer_of(tmp_path, **{**keys, "methods": ["random"], "metrics": ["sparseness"], "samples": 4, **change})


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.05, 0.95))
def test_the_retained_share_is_a_ratio_of_sums(seed: int, level: float) -> None:
    draw = np.random.default_rng(seed)
    names = [str(k) for k in range(30)]
    base = dict(zip(names, 0.2 + 0.01 * draw.random(30), strict=True))
    honest = {name: base[name] + 0.5 + 0.02 * draw.random() for name in names}
    fooled = {name: base[name] + level * (honest[name] - base[name]) for name in names}
    row = retained_row(KEEPS, "m", honest, fooled, Reference("center", base), 0, model="n")
    assert row["score"] == pytest.approx(level)
    assert row["low"] == pytest.approx(level)
    assert row["high"] == pytest.approx(level)
    assert row["n"] == 30
    assert "center 0.2" in row["reason"]


def test_a_method_that_was_never_better_than_a_control_has_nothing_to_keep() -> None:
    names = [str(k) for k in range(30)]
    level = dict.fromkeys(names, 0.3)
    row = retained_row(KEEPS, "m", level, dict.fromkeys(names, 0.9), Reference("sobel", level), 0)
    assert (row["score"], row["passes"]) == (0.0, False)
    assert row["reason"] == f"{NOTHING} sobel"


def test_a_method_that_was_not_clearly_better_is_not_clear() -> None:
    """Six images cannot say that the truth itself is better than chance, nor that it is not."""
    names = [str(k) for k in range(6)]
    level, truth = dict.fromkeys(names, 0.3), dict.fromkeys(names, 1.0)
    row = retained_row(KEEPS, "m", truth, truth, Reference("Sobel edges", level), 0)
    assert (row["score"], row["low"], row["high"], row["passes"]) == (1.0, 0.0, 1.0, None)
    assert row["reason"] == f"{UNSURE} Sobel edges"


@pytest.mark.parametrize("count", [1, 2])
def test_too_few_images_leave_open_whether_there_was_something_to_keep(count: int) -> None:
    names = [str(k) for k in range(count)]
    truth, level = dict.fromkeys(names, 1.0), dict.fromkeys(names, 0.1)
    row = retained_row(KEEPS, "oracle", truth, truth, Reference("center", level), 0)
    assert (row["score"], row["low"], row["high"], row["passes"]) == (1.0, 0.0, 1.0, None)
    assert row["reason"] == f"{UNSURE} center"
    assert retained_row(KEEPS, "m", truth, {}, Reference("center", level), 0)["status"] == "not_applicable"


def test_the_precision_of_a_map_is_that_of_all_its_values() -> None:
    draw = torch.Generator().manual_seed(1)
    height, mask = torch.rand(8, 8, generator=draw), torch.rand(8, 8, generator=draw) > 0.7
    levels = np.unique(np.append(height.numpy(), 0.0))
    wanted = pxap(height.numpy().astype(float), mask.numpy(), levels)
    assert average_precision(height, mask) == pytest.approx(wanted, abs=1e-6)
    assert average_precision(torch.zeros(8, 8), mask) == pytest.approx(float(mask.float().mean()))


def pair(name: str, mask: torch.Tensor) -> Counterfactual:
    return Counterfactual(name, torch.zeros(3, 4, 4), torch.zeros(3, 4, 4), mask, 0, None)


def test_a_constant_map_is_always_a_reference() -> None:
    mask = torch.zeros(4, 4, dtype=torch.bool)
    mask[0] = True
    pairs = [pair("a", mask), pair("b", mask)]
    assert reference({}, pairs).scores == {"a": 0.25, "b": 0.25}
    assert reference({"low": {"a": 0.1, "b": 0.2}}, pairs).name == CHANCE
    assert reference({"high": {"a": 0.1, "b": 0.7}}, pairs).name == "high"
    assert reference({"part": {"a": 0.9}}, pairs).name == CHANCE, "it has no map of b"


def test_answers_are_in_the_order_of_the_images_whatever_their_sizes() -> None:
    network = seeded(Pooled)
    images = [torch.randn(3, side, side) for side in (32, 32, 48, 32)]
    together = answers(network, images, torch.device("cpu"))
    with torch.no_grad():
        alone = torch.cat([network(image[None]) for image in images])
    assert torch.allclose(together, alone, atol=1e-6)


def test_a_network_that_is_another_one_is_a_warning() -> None:
    good = ObjectUse((0,) * 40, (1.0,) * 40, (0.9,) * 40, (0.95,) * 40)
    bad = ObjectUse((1,) * 40, (0.0,) * 40, (0.1,) * 40, (0.2,) * 40)
    assert warnings_of(good, good, 0, "shapes") == []
    first, second = warnings_of(good, bad, 0, "shapes")
    assert "significantly less accurate" in first
    assert "does not use the object" in second


def test_the_twin_of_shapes_is_what_the_network_is_shown(tmp_path: Path) -> None:
    from benchbench.engine.setup import load
    from benchbench.models.preprocess import prepare
    from benchbench.study.spec import StudySpec
    from benchbench.suites.manipulation.counterfactuals import counterfactuals

    study = StudySpec(
        models=["zoo_residual"], datasets=["shapes"], methods=["random"], metrics=["sparseness"], samples=2
    )
    loaded = load(study.models[0], study, torch.device("cpu"))
    first = counterfactuals(loaded.plan, "shapes")[0]
    data = shapes()
    twin = data.twin(list(data.ids).index(first.sample)).image
    wanted = prepare(twin, None, zoo_network("residual").preprocess)[0]  # type: ignore[arg-type]
    assert torch.equal(first.without, wanted)
    assert torch.equal(first.image[:, ~first.mask], first.without[:, ~first.mask])
    assert not torch.equal(first.image, first.without)
