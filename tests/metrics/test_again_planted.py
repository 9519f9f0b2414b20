"""Sensitivity, stability and randomisation on planted networks and methods whose answers are known."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import benchbench as bb
from benchbench.attribution.apply_view import other_classes
from benchbench.engine.runner import run
from benchbench.maps.normalise import saliency
from benchbench.registry import METHODS, METRICS, method
from benchbench.results.record import Record
from benchbench.study.spec import StudySpec
from benchbench.types import Layer, Reexplained, Scored, Seen
from benchbench.types.views import Masked, OtherTarget, RandomWeights, View, singles

from ..helpers import pixels
from ..networks import Identity, Pooled, seeded
from .again_plain import MEAN, STD

AGAIN = [name for name, plugin in METRICS.load().items() if "reexplain" in plugin.needs]
PROTOCOLS = [f"{name}@{protocol}" for name in AGAIN for protocol in METRICS[name].protocols]


def photographs(count: int = 3) -> Tensor:
    coarse = torch.rand(count, 3, 6, 6, generator=torch.Generator().manual_seed(3))
    smooth = torch.nn.functional.interpolate(coarse, size=(24, 24), mode="bilinear")
    return (smooth - torch.from_numpy(MEAN).float()) / torch.from_numpy(STD).float()


def results(folder: Path, network: nn.Module, methods: list[Any], metrics: list[Any], **keys: Any) -> pd.DataFrame:
    defaults: dict[str, Any] = {"models": {"net": network}, "datasets": {"data": photographs()}, "layers": "last"}
    run(StudySpec(**{**defaults, "methods": methods, "metrics": metrics, **keys}), folder)
    return Record.load(folder).results


def of(table: pd.DataFrame, metric: str, method: str) -> list[float]:
    rows = table[(table["metric"] == metric) & (table["method"] == method)]
    assert (rows["status"] == "ok").all(), rows["reason"].tolist()
    return [float(value) for value in rows["value"]]


def test_a_method_that_ignores_the_network_is_found_out(tmp_path: Path) -> None:
    metrics = ["mprt", "mprt@independent-8-ssim", "efficient_mprt", "random_logit", "class_contrast", "smooth_mprt"]
    network = seeded(Pooled)
    table = results(tmp_path, network, ["center", "random", "sobel"], metrics)
    for name in ("center", "random", "sobel"):
        assert of(table, "mprt", name) == pytest.approx([1] * 6)
        assert of(table, "random_logit", name) == pytest.approx([1] * 3)
        assert of(table, "smooth_mprt", name) == pytest.approx([1] * 3), "the same noise before every network"
        assert of(table, "efficient_mprt", name) == pytest.approx([0] * 3)
        assert of(table, "class_contrast", name) == pytest.approx([0] * 3)


def test_a_method_that_ignores_the_image_is_stable(tmp_path: Path) -> None:
    """And one that is random: its seeds are the image's own, on every view."""
    still = ["max_sensitivity", "avg_sensitivity", "local_lipschitz"]
    metrics = [*still, "noise_stability", "jpeg_stability", "coherency"]
    table = results(tmp_path, seeded(Pooled), ["center", "random"], metrics)
    for name in ("center", "random"):
        for metric in metrics:
            assert of(table, metric, name) == pytest.approx([0 if metric in still else 1] * 3)


class Linear(nn.Module):
    """Logits that are linear in the pixels: their gradient is the same everywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Conv2d(3, 2, 1)
        self.fc = nn.Linear(2 * 24 * 24, 3)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.features(images).flatten(1))
        return logits


def test_the_gradient_of_a_linear_network_is_not_sensitive(tmp_path: Path) -> None:
    table = results(tmp_path, seeded(Linear), ["saliency", "inputxgradient"], ["max_sensitivity", "noise_stability"])
    assert of(table, "max_sensitivity", "saliency") == pytest.approx([0] * 3, abs=1e-6)
    assert of(table, "noise_stability", "saliency") == pytest.approx([1] * 3, abs=1e-6)
    assert min(of(table, "max_sensitivity", "inputxgradient")) > 0.01


@pytest.fixture
def planted() -> Iterator[None]:
    @method("brightness", needs="activation")
    def brightness(layer: Layer) -> Tensor:
        """Pixels in [0, 1], summed over channels."""
        plain = layer.images.double() * torch.from_numpy(STD) + torch.from_numpy(MEAN)
        return plain.sum(1)

    yield
    METHODS.remove("brightness")


@pytest.mark.usefixtures("planted")
def test_a_map_of_known_slope(tmp_path: Path) -> None:
    """The sum of three channels moves by at most sqrt(3) of what the image moves, and with independent noise by 1."""
    metrics = ["local_lipschitz@raw-radius-0.02-n10", "shift_stability", "shift_stability@shift-16"]
    table = results(tmp_path, seeded(Pooled), ["brightness"], metrics)
    slope = of(table, "local_lipschitz", "brightness")
    assert max(slope) <= math.sqrt(3)
    assert slope == pytest.approx([1] * 3, abs=0.1)
    assert of(table, "shift_stability", "brightness") == pytest.approx([1] * 6), "a map that moves with its image"


def test_classes_of_disjoint_evidence(tmp_path: Path) -> None:
    """Red on the left speaks for one class, green on the right for another: their maps share nothing."""
    images = torch.zeros(1, 3, 16, 16)
    images[:, 0, :, :4], images[:, 1, :, 12:] = 2, 1
    network = Identity(lambda x: x.mean((2, 3)))
    metrics = ["class_contrast", "random_logit@runner-up-ssim", "random_logit@random-spearman"]
    table = results(
        tmp_path, network, ["gradcam", "mean-activation"], metrics, datasets={"data": images}, layers=["features"]
    )
    assert of(table, "class_contrast", "gradcam") == pytest.approx([1])
    assert of(table, "class_contrast", "mean-activation") == pytest.approx([0])
    assert max(of(table, "random_logit", "gradcam")) < 0.6
    assert of(table, "random_logit", "mean-activation") == pytest.approx([1, 1])


def test_the_other_class() -> None:
    logits = torch.tensor([[1.0, 3, 2, 0]] * 3)
    targets = torch.tensor([1, 2, 0])
    assert other_classes(logits, targets, (0, 0, 0), OtherTarget("runner-up")).tolist() == [2, 1, 1]
    drawn = [other_classes(logits, targets, (s, s, s), OtherTarget("random")).tolist() for s in range(200)]
    for i, target in enumerate(targets.tolist()):
        counts = np.bincount([row[i] for row in drawn], minlength=4)
        assert counts[target] == 0
        assert np.delete(counts, target).min() > 40, "each of the others about as often"


def test_what_has_one_target_has_no_other(tmp_path: Path) -> None:
    network = bb.scored(seeded(Pooled), lambda logits: logits[:, 0])
    table = results(tmp_path, network, ["gradcam"], ["random_logit", "class_contrast", "max_sensitivity"])
    apart = table[table["metric"].isin(["random_logit", "class_contrast"])]
    assert (apart["status"] == "not_applicable").all()
    assert set(apart["reason"]) == {"the network's score is its only target"}
    assert len(apart) == 6
    assert (table[table["metric"] == "max_sensitivity"]["status"] == "ok").all()


def test_a_constant_map_is_not_applicable_or_zero(tmp_path: Path) -> None:
    table = results(tmp_path, seeded(Pooled), ["uniform"], AGAIN)
    statuses = table.groupby("metric")["status"].first()
    for name in AGAIN:
        zero = name in ("coherency", "adcc")
        applies = zero or name in ("max_sensitivity", "avg_sensitivity", "local_lipschitz")
        assert statuses[name] == ("ok" if applies else "not_applicable"), name
        if zero:
            assert of(table, name, "uniform") == [0] * 3
    missing = table[(table["status"] == "not_applicable") & (table["metric"] != "symmetry")]
    assert missing["reason"].str.contains("constant").all()
    assert table[table["metric"] == "symmetry"]["reason"].str.contains("no parameter sign").all()


def test_a_map_of_zeros_has_no_scale(tmp_path: Path) -> None:
    network = seeded(Pooled)
    with torch.no_grad():
        network.fc.weight.zero_()
    table = results(tmp_path, network, ["gradcam"], ["max_sensitivity", "avg_sensitivity", "local_lipschitz"])
    assert (table["status"] == "not_applicable").all()
    assert table["reason"].str.contains("zero everywhere").all()
    raw = results(tmp_path / "raw", network, ["gradcam"], ["local_lipschitz@raw-radius-0.02-n10"])
    assert of(raw, "local_lipschitz", "gradcam") == [0] * 3


def test_a_prediction_that_always_changes(tmp_path: Path) -> None:
    """The class is decided by whether the image is one of the three as they are."""
    sums = photographs().flatten(1).sum(1)

    class Brittle(Pooled):
        def forward(self, images: Tensor) -> Tensor:
            same = (images.flatten(1).sum(1)[:, None] - sums).abs().amin(1) < 1e-3
            bonus = torch.where(same[:, None], 50.0, -50.0) * torch.eye(7)[0]
            return super().forward(images) + bonus

    metrics = [name for name in AGAIN if METRICS[name].family == "robustness" and name != "coherency"]
    table = results(tmp_path, seeded(Brittle), ["gradcam"], metrics)
    assert len(table) == 3 * len(metrics)
    assert (table["status"] == "not_applicable").all()
    assert set(table["reason"]) == {"the network's prediction changes on every view"}


def test_a_small_image_is_not_moved_far(tmp_path: Path) -> None:
    small = photographs()[:, :, :16, :]
    table = results(tmp_path, seeded(Pooled), ["gradcam"], ["shift_stability@shift-16"], datasets={"data": small})
    assert set(table["status"]) == {"not_applicable"}
    assert table["reason"].str.contains("too small to be moved by 16").all()


def test_tensors_that_are_no_photographs_have_no_jpeg(tmp_path: Path) -> None:
    bright = photographs()
    bright[1] *= 10
    table = results(tmp_path, seeded(Pooled), ["gradcam"], ["jpeg_stability"], datasets={"data": bright})
    rows = table[table["metric"] == "jpeg_stability"].sort_values("sample")
    assert rows["status"].tolist() == ["ok", "not_applicable", "ok"]
    assert "leave [0, 1]" in rows["reason"].iloc[1]


def test_adcc_by_hand() -> None:
    """A map that stays and drops nothing, of mean a quarter: 3 / (1 + 4 / 3 + 1)."""
    corner = torch.zeros(1, 2, 2)
    corner[0, 0, 0] = 1
    q, zero = torch.tensor([[0.5]]), torch.zeros(1)
    reexplained = Reexplained(corner, zero, zero, zero > 0, zero, ("",), ("ok",))
    seen = Seen(q, q, q > 0, q[0], zero, corner, raw=corner, reexplained={Masked(): reexplained})
    scored: Scored = METRICS["adcc"].function(seen)
    assert float(scored.value) == pytest.approx(3 / (1 + 4 / 3 + 1))
    assert {key: float(part) for key, part in scored.parts.items()} == pytest.approx(
        {"coherency": 1, "complexity": 0.25, "average_drop": 0}
    )


def made_up(metric: str, seed: int, flat: bool) -> tuple[Seen, dict[str, Any]]:
    """Three images with random maps, on each of the metric's views; their second map constant where ``flat``."""
    name, _, protocol = metric.partition("@")
    params = METRICS[name].bind(METRICS[name].protocols[protocol])
    generator = torch.Generator().manual_seed(seed)

    def maps() -> Tensor:
        cells = torch.relu(torch.randn(3, 4, 5, generator=generator))
        cells[1] = 0.5 if flat else cells[1]
        return cells

    def shown() -> Reexplained:
        kept = torch.rand(3, generator=generator) < 0.7
        moved = 0.1 + torch.rand(3, generator=generator)
        return Reexplained(maps(), torch.rand(3), torch.rand(3), kept, moved, ("",) * 3, ("ok",) * 3)

    raw = maps()
    views: list[View] = list(METRICS[name].views(**params))  # type: ignore[misc]
    q, p = torch.rand(3, 1, generator=generator), torch.rand(3, generator=generator)
    height = saliency(raw, (20, 25))
    images = pixels(torch.rand(3, 3, 20, 25, generator=generator))
    return Seen(
        q, q.log(), q > 1, p, p.log(), height, None, raw, images, {v: shown() for v in views}, signed_map=raw
    ), params


@pytest.mark.parametrize("metric", [name for name in PROTOCOLS if "n50" not in name])
@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_values_stay_in_their_range(metric: str, seed: int, flat: bool) -> None:
    seen, params = made_up(metric, seed, flat)
    plugin = METRICS[metric.partition("@")[0]]
    scored = plugin.function(seen, **params)
    low, high = plugin.range
    for i, value in enumerate(scored.value.tolist()):
        if not (scored.inapplicable and scored.inapplicable[i]):
            assert low - 1e-9 <= value <= high + 1e-9
            assert all(math.isfinite(float(part[i])) for part in scored.parts.values())
    if flat and plugin.name not in ("coherency", "adcc", "max_sensitivity", "avg_sensitivity", "local_lipschitz"):
        assert scored.inapplicable[1]


@pytest.mark.parametrize("metric", PROTOCOLS)
def test_every_protocol_has_views(metric: str) -> None:
    name, _, protocol = metric.partition("@")
    plugin = METRICS[name]
    views = plugin.views(**plugin.bind(plugin.protocols[protocol]))  # type: ignore[misc]
    assert len(set(views)) == len(views) > 0
    assert plugin.family in ("robustness", "randomisation", "faithfulness", "axioms")
    assert plugin.equation
    shown = [single for view in views for single in singles(view)]
    assert all(1 <= v.index <= v.of for v in shown if isinstance(v, RandomWeights))
