"""The prepared copy on request: bfloat16 and torch.compile, with their difference measured, or a plain error."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch._inductor import config as inductor

import benchbench as bb
from benchbench.errors import BenchError
from benchbench.network import fast_copy
from benchbench.network.fast_copy import TOLERANCE, Half, prepare
from benchbench.network.scorer import Scorer

from ..narrow import narrow
from ..networks import Flat, Pooled, calibrated, seeded

compiler = pytest.mark.skipif(shutil.which("g++") is None and shutil.which("clang++") is None, reason="no C++ compiler")


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "convnext_tiny"])
def test_bfloat16_is_near_and_its_difference_is_told(name: str, images: Tensor) -> None:
    network = calibrated(narrow(name, 9))
    prepared = prepare(network, images, precision="bf16")
    assert prepared.used
    assert isinstance(prepared.network, Half)
    assert prepared.precision == "bf16"
    with torch.no_grad():
        expected, logits = network(images), prepared.network(images)
    assert logits.dtype == torch.float32
    gap = float((logits - expected).abs().max() / expected.abs().max())
    assert TOLERANCE < gap < 0.1, "bfloat16 has 8 bits: it must show, and not by much"
    assert prepared.difference == pytest.approx(gap, rel=0.3)
    probability = float((logits.softmax(1) - expected.softmax(1)).abs().max())
    assert prepared.probability_difference == pytest.approx(probability, rel=0.3)
    assert "bfloat16" in prepared.reason
    assert all(p.dtype == torch.float32 for p in network.parameters())


def test_a_copy_that_is_asked_for_and_cannot_be_made_is_an_error(images: Tensor) -> None:
    network = seeded(Flat)
    network.__dict__["handle"] = (i for i in range(3))  # a generator cannot be copied
    with pytest.raises(BenchError, match="precision: bf16: the copy of the network that scores cannot be used"):
        prepare(network, images, precision="bf16")
    with pytest.raises(BenchError, match="compile: true"):
        prepare(network, images, compiled=True)


def test_a_half_copy_without_finite_answers_is_an_error(images: Tensor) -> None:
    class Sharp(Pooled):
        def forward(self, images: Tensor) -> Tensor:
            logits = super().forward(images)
            return logits if logits.dtype == torch.float32 else logits * torch.nan

    with pytest.raises(BenchError, match="its logits differ"):
        prepare(seeded(Sharp), images, precision="bf16")


@compiler
def test_a_compiled_copy_gives_the_same_logits_at_one_size(images: Tensor) -> None:
    network = seeded(Pooled)
    with inductor.patch(compile_threads=1):  # no processes that compile, each of which imports torch
        prepared = prepare(network, images, compiled=True, batch=4)
    assert prepared.used
    assert prepared.compiled
    assert prepared.difference is not None
    assert prepared.difference <= TOLERANCE
    sizes: list[int] = []
    prepared.network.register_forward_pre_hook(lambda _m, inputs: sizes.append(len(inputs[0])))
    scorer = Scorer(prepared.network, 4, prepared.used, padded=True)
    targets = torch.arange(6)
    torch.testing.assert_close(scorer.answer(images, targets).logit, Scorer(network, 4).answer(images, targets).logit)
    assert set(sizes) <= {4}


def study(images: Tensor, folder: Path, *, report: bool = False, **keys: Any) -> bb.Run:
    defaults: dict[str, Any] = {
        "models": {"net": seeded(Pooled)},
        "datasets": {"data": images},
        "layers": ["relu"],
        "methods": ["gradcam", "scorecam"],
        "metrics": ["deletion", "average_drop"],
    }
    return bb.Study(**{**defaults, **keys}).run(folder, overwrite=True, report=report)


def test_a_study_in_bfloat16_says_so(images: Tensor, tmp_path: Path) -> None:
    exact = study(images, tmp_path)
    half = study(images, tmp_path, precision="bf16", report=True)
    assert half.record.info["work"]["cells_reused"] == 0, "another precision is another number"
    scoring = half.record.info["models"][0]["scoring"]
    assert scoring["precision"] == "bf16"
    assert 0 < scoring["probability_difference"] < 0.02
    assert 0 < np.abs(half.table["value"] - exact.table["value"]).max() < 0.05
    assert any("bfloat16" in warning for warning in half.record.info["warnings"])
    assert not exact.record.info["warnings"]
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "bfloat16" in page
    gradcam = [run.record.maps.set_index("sample").sort_index() for run in (exact, half)]
    assert len(gradcam[0]) == len(gradcam[1])


@pytest.mark.parametrize("supported", [True, False])
def test_bfloat16_on_a_processor_without_it_is_said(
    images: Tensor, monkeypatch: pytest.MonkeyPatch, supported: bool
) -> None:
    monkeypatch.setattr(fast_copy, "has_bfloat16", lambda: supported)
    half = prepare(seeded(Pooled), images, precision="bf16")
    assert ("no instructions for it, so it is slower" in half.warning) is not supported
    assert prepare(seeded(Pooled), images).warning == ""


@compiler
def test_a_compiled_study_has_the_same_numbers(images: Tensor, tmp_path: Path) -> None:
    plain = study(images, tmp_path / "plain", metrics=["average_drop"])
    compiled = study(images, tmp_path / "compiled", compile=True, batch=4, metrics=["average_drop"])
    np.testing.assert_allclose(compiled.table["value"], plain.table["value"], atol=1e-4)
    assert compiled.record.info["models"][0]["scoring"]["compiled"]


def test_a_network_in_eval_mode_alone_is_not_enough() -> None:
    """The copy's parameters need no gradient, so that nothing is recorded behind a layer."""
    prepared = prepare(seeded(Pooled), torch.randn(2, 3, 64, 64))
    assert not any(p.requires_grad for p in prepared.network.parameters())
    assert isinstance(prepared.network, nn.Module)
