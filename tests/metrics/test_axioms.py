"""Completeness, input invariance and symmetry, by their closed forms on a network that is linear in the pixels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from torch import Tensor, nn

import benchbench as bb
from benchbench.errors import BenchError
from benchbench.evaluation.declared_needs import NotLent
from benchbench.registry import METHODS, method
from benchbench.types import Layer

from ..networks import Pooled, seeded

CLASS, STD = 1, torch.tensor([0.5, 0.25, 0.2])
AXIOMS = ["completeness", "input_invariance", "symmetry"]


class Linear(nn.Module):
    """Logits that are linear in the pixels, with a bias."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3 * 6 * 8, 3)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.fc(images.flatten(1))
        return logits


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.randn(3, 3, 6, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module", autouse=True)
def gradient() -> Iterator[None]:
    """The gradient itself, as an attribution: not complete, and the same at every image."""

    @method("plain-gradient", needs=("input", "gradient"))
    def plain_gradient(layer: Layer, *, sign: str = "positive") -> Tensor:
        """The sum over channels of the gradient."""
        total = layer.gradient.sum(1)
        return total if sign == "signed" else total.relu()

    yield
    METHODS.remove("plain-gradient")


METHODS_OF_STUDY: list[dict[str, Any]] = [
    {"name": name, "sign": "signed"} for name in ("inputxgradient", "plain-gradient")
]
METHODS_OF_STUDY += [{"name": "integratedgradients", "steps": 4, "sign": "signed"}]
NAMES = {"inputxgradient(sign=signed)": "ixg", "plain-gradient(sign=signed)": "gradient"}
NAMES |= {"integratedgradients(sign=signed, steps=4)": "ig", "integratedgradients(steps=4, sign=signed)": "ig"}


def scored(network: nn.Module, images: Tensor, folder: Path, **keys: Any) -> pd.DataFrame:
    """Values by method (columns) and metric."""
    model = bb.ModelSpec("net", network, preprocess=bb.Preprocess(mean=(0.5, 0.4, 0.3), std=tuple(STD.tolist())))
    study = {"methods": METHODS_OF_STUDY, "metrics": AXIOMS, "target": CLASS, "layers": "last"} | keys
    run = bb.Study(models={"net": model}, datasets={"data": images}, **study).run(folder, report=False)
    return run.table.assign(method=run.table["method"].replace(NAMES))


def values(table: pd.DataFrame, metric: str, name: str) -> list[float]:
    rows = table[(table["metric"] == metric) & (table["method"] == name)].sort_values("sample")
    assert (rows["status"] == "ok").all(), rows["reason"].tolist()
    return [float(value) for value in rows["value"]]


@pytest.fixture(scope="module")
def linear() -> Linear:
    return seeded(Linear)


@pytest.fixture(scope="module")
def table(linear: Linear, images: Tensor, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return scored(linear, images, tmp_path_factory.mktemp("linear"))


def test_integrated_gradients_are_complete_and_the_gradient_is_not(
    table: pd.DataFrame, linear: Linear, images: Tensor
) -> None:
    """f(x) - f(0) = w x, which is the sum of w times x; the gradient sums to the sum of w."""
    weight = linear.fc.weight[CLASS].detach().double()
    change, total = images.double().flatten(1) @ weight, weight.sum()
    for name in ("ixg", "ig"):
        assert values(table, "completeness", name) == pytest.approx([0] * 3, abs=1e-5)
        assert values(table, "completeness.gap", name) == pytest.approx([0] * 3, abs=1e-5)
    assert values(table, "completeness.gap", "gradient") == pytest.approx((total - change).tolist(), abs=1e-5)
    expected = (total - change).abs() / (total.abs() + change.abs())
    assert values(table, "completeness", "gradient") == pytest.approx(expected.tolist(), rel=1e-4)


def test_the_gradient_is_invariant_to_a_constant_and_what_multiplies_the_image_is_not(
    table: pd.DataFrame, linear: Linear, images: Tensor
) -> None:
    """Input times gradient of x + c is (x + c) w, with c = 1 / std in each channel."""
    assert values(table, "input_invariance", "gradient") == [0] * 3
    weight = linear.fc.weight[CLASS].detach().double().view(3, 6, 8)
    constant = (1 / STD.double())[:, None, None]
    first, second = (images * weight).sum(1), ((images + constant) * weight).sum(1)
    expected = (first - second).abs().sum((1, 2)) / (first.abs() + second.abs()).sum((1, 2))
    for name in ("ixg", "ig"):
        assert values(table, "input_invariance", name) == pytest.approx(expected.tolist(), rel=1e-4)


def test_gradients_are_symmetric_and_a_map_that_leans_to_one_side_is_not(
    table: pd.DataFrame, linear: Linear, images: Tensor, tmp_path: Path
) -> None:
    for name in ("ixg", "ig", "gradient"):
        assert values(table, "symmetry", name) == pytest.approx([0] * 3, abs=1e-5)

    @method("leaning", needs="input")
    def leaning(layer: Layer, *, sign: str = "signed") -> Tensor:
        """0, 1, 2, ... from left to right."""
        return torch.arange(layer.images.shape[3]).float().expand_as(layer.images[:, 0])

    try:
        leant = scored(linear, images, tmp_path, methods=["leaning"], metrics=["symmetry"])
    finally:
        METHODS.remove("leaning")
    # |k - (7 - k)| sums to 7 + 5 + 3 + 1 twice, and k + (7 - k) to eight times 7
    assert values(leant, "symmetry", "leaning") == pytest.approx([32 / 56] * 3)


def test_maps_without_a_sign_are_not_judged_and_say_why(images: Tensor, tmp_path: Path) -> None:
    photographs = torch.nn.functional.interpolate(images, size=(24, 24))
    table = scored(seeded(Pooled), photographs, tmp_path, methods=["gradcam", "inputxgradient", "random"])
    for metric in ("completeness", "symmetry"):
        reasons = table[table["metric"] == metric].groupby("method")["reason"].unique().map(list).to_dict()
        assert set(table.loc[table["metric"] == metric, "status"]) == {"not_applicable"}
        assert "the method has no parameter sign" in reasons["gradcam"][0]
        assert "say sign: signed" in reasons["inputxgradient"][0]
    invariant = values(table, "input_invariance", "gradcam")
    assert invariant == pytest.approx([0] * 3, abs=1e-4), "it multiplies activations, which do not see the constant"
    assert min(values(table, "input_invariance", "inputxgradient")) > 0.05


PARTS = {
    "kernelshap": "superpixels",
    "lime": "superpixels",
    "occlusion": "squares of pixels",
    "captum:Occlusion": "squares of pixels",
    "captum:FeatureAblation": "the squares of a grid",
    "captum:KernelShap": "the squares of a grid",
    "captum:Lime": "the squares of a grid",
    "captum:ShapleyValueSampling": "the squares of a grid",
    "captum:LayerGradCam": "the cells of a layer",
    "captum:LayerGradientXActivation": "the cells of a layer",
    "captum:LayerActivation": "the cells of a layer",
}
PIXEL_METHODS = (
    *("inputxgradient", "integratedgradients", "gradientshap", "expectedgradients", "idg", "guidedig", "blurig"),
    *("deeplift", "lrp", "attnlrp", "libragrad", "captum:IntegratedGradients", "captum:GuidedGradCam"),
    "zennit:EpsilonPlus",
)


@pytest.mark.parametrize("metric", ["completeness", "symmetry"])
@pytest.mark.parametrize("name", [*PARTS, *PIXEL_METHODS])
def test_only_attributions_to_single_pixels_are_added_up(name: str, metric: str) -> None:
    """A value of a part is painted onto all of its pixels, so that a sum over pixels counts it once for each."""
    model = bb.ModelSpec("net", seeded(Pooled))
    study = bb.Study(
        models={"net": model}, datasets={"data": torch.zeros(1, 3, 24, 24)}, methods=[name], metrics=[metric],
        signed=True,
    )  # fmt: skip
    (choice,) = study.methods
    expected = f"needs attributions to pixels, and the method's values belong to {PARTS[name]}" if name in PARTS else ""
    assert choice.unsigned == expected


def test_every_method_with_a_sign_is_known_to_attribute_to_pixels_or_to_parts() -> None:
    """Else a method with the parameter ``sign`` is new: does a value of its map belong to a pixel?"""
    signed = {name for name, plugin in METHODS.load().items() if "sign" in plugin.parameters}
    assert signed - {"plain-gradient"} == {name for name in (*PARTS, *PIXEL_METHODS) if ":" not in name}
    captum = METHODS.open_families()["captum"]
    assert captum.names is not None
    kinds = {name: METHODS[f"captum:{name}"] for name in captum.names()}
    gridded = {name for name, plugin in kinds.items() if {"grid", "window"} & set(plugin.parameters)}
    assert gridded == {name.partition(":")[2] for name, parts in PARTS.items() if ":" in name and "squares" in parts}
    assert all(plugin.parts for name, plugin in kinds.items() if name in gridded)


def test_values_of_parts_are_not_judged_in_a_run(images: Tensor, tmp_path: Path) -> None:
    """KernelSHAP's values add up to the difference exactly; painted onto superpixels they add up to far more."""
    photographs = torch.nn.functional.interpolate(images, size=(24, 24))
    methods: list[Any] = [{"name": "kernelshap", "segments": 4, "samples": 14}, "captum:LayerGradCam"]
    study = {"methods": [*methods, "inputxgradient"], "metrics": ["completeness", "symmetry"], "signed": True}
    table = scored(seeded(Pooled), photographs, tmp_path, **study)
    for metric in ("completeness", "symmetry"):
        rows = table[table["metric"] == metric].groupby("method")[["status", "reason"]].first()
        assert rows.loc["ixg", "status"] == "ok"
        others = rows.drop(index="ixg")
        assert set(others["status"]) == {"not_applicable"}
        assert sorted(reason.rpartition(" to ")[2] for reason in others["reason"]) == [
            "superpixels",
            "the cells of a layer",
        ]


def test_completeness_is_not_asked_of_maps_that_explain_another_score(
    linear: Linear, images: Tensor, tmp_path: Path
) -> None:
    """Their sum is that score's difference, and not the logit's; the other axioms hold for any score."""
    study = {"score": ["logit", "probability"], "signed": True}
    methods = ["inputxgradient", {"name": "integratedgradients", "steps": 2, "score": "probability"}]
    table = scored(linear, images, tmp_path, methods=methods, metrics=["completeness", "symmetry"], **study)
    known = table[table["metric"] == "completeness"].groupby("method")[["status", "reason"]].first()
    assert known.loc["ixg", "status"] == "ok"
    others = known.drop(index="ixg")
    assert len(others) == 2
    assert set(others["status"]) == {"not_applicable"}
    assert set(others["reason"]) == {"it compares with the target's logit, and the method explains its probability"}
    assert set(table.loc[table["metric"] == "symmetry", "status"]) == {"ok"}


def test_the_key_signed_gives_the_sign_to_every_method_that_has_one(linear: Linear, images: Tensor) -> None:
    listed = ["inputxgradient", {"name": "occlusion", "sign": "absolute"}, "random"]
    keys: dict[str, Any] = {"models": {"net": linear}, "datasets": {"data": images}, "metrics": ["completeness"]}
    study = bb.Study(**keys, methods=listed, signed=True)
    assert [choice.label for choice in study.methods] == [
        "inputxgradient(sign=signed)",
        "occlusion(sign=absolute)",
        "random",
    ]
    assert study.plain()["signed"] is True
    assert "signed" not in bb.Study(**keys, methods=listed).plain()


def test_the_baseline_whose_score_is_that_of_the_image_leaves_nothing_to_attribute(
    linear: Linear, tmp_path: Path
) -> None:
    table = scored(linear, torch.zeros(1, 3, 6, 8), tmp_path, methods=METHODS_OF_STUDY[:1], metrics=["completeness"])
    assert table["reason"].str.contains("nothing to attribute").all()


def test_a_metric_that_does_not_ask_for_the_sign_is_not_lent_it(linear: Linear, images: Tensor, tmp_path: Path) -> None:
    assert issubclass(NotLent, BenchError)

    @bb.metric("sneaky", higher_is_better=True, needs="map", protocols={"only": {}})
    def sneaky(seen: bb.Seen) -> bb.Scored:
        """It reads what it did not declare."""
        assert seen.signed_map is not None
        return bb.Scored(seen.signed_map.sum((1, 2)))

    try:
        table = scored(linear, images, tmp_path, metrics=["sneaky"])
    finally:
        bb.registry.METRICS.remove("sneaky")
    assert table["reason"].str.contains('Add "signed-map" to its needs').all()
