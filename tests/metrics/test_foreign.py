"""Metrics of Quantus and captum through a study: which run, which are refused, and which equal ours."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from benchbench.errors import BenchError
from benchbench.metrics._quantus_support import FAMILY, REFUSED, RUNS
from benchbench.registry import METRICS
from benchbench.results.record import Record
from benchbench.study.spec import read_metric
from benchbench.types import Sample

from ..docs import quantus_page
from ..evaluation.test_held_out import record_of

quantus = pytest.importorskip("quantus")
SIDE = 48
FEW: dict[str, dict[str, Any]] = {
    "FaithfulnessCorrelation": {"nr_runs": 5},
    "FaithfulnessEstimate": {"features_in_step": SIDE**2 // 8},
    "Monotonicity": {"features_in_step": SIDE**2 // 8},
    "MonotonicityCorrelation": {"features_in_step": SIDE**2 // 8, "nr_samples": 2},
    "Continuity": {"nr_steps": 4},
    **{name: {"nr_samples": 3} for name in ("AvgSensitivity", "MaxSensitivity", "LocalLipschitzEstimate")},
    **{name: {"nr_samples": 3} for name in ("RelativeInputStability", "RelativeOutputStability")},
    "RelativeRepresentationStability": {"nr_samples": 3},
    "Infidelity": {"n_perturb_samples": 1},
}


@pytest.fixture(scope="module")
def masked(images: Tensor) -> list[Sample]:
    """Six images with masks at different places; the last has an empty one."""
    masks = torch.zeros(6, SIDE, SIDE, dtype=torch.bool)
    for i in range(5):
        masks[i, 6 * i : 6 * i + 24, 16 : 30 + 3 * i] = True
    return [Sample(f"image-{i}", images[i, :, :SIDE, :SIDE], i, masks[i]) for i in range(6)]


def test_every_metric_of_quantus_has_a_verdict() -> None:
    from quantus.metrics.base import Metric

    def below(kind: Any) -> set[str]:
        return {kind.__name__ for kind in kind.__subclasses__()}.union(*map(below, kind.__subclasses__()))

    assert below(Metric) == set(RUNS) | set(REFUSED)
    assert not set(RUNS) & set(REFUSED)


@pytest.fixture(scope="module")
def record(masked: list[Sample], tmp_path_factory: pytest.TempPathFactory) -> Record:
    quantus_metrics = [{"name": f"quantus:{name}", **FEW.get(name, {})} for name in RUNS]
    ours = ["attribution_auc", "energy_pointing_game", "relevance_rank_accuracy", "topk_intersection"]
    ours += ["entropy", "effective_complexity@quantus-1e-5", "sparseness"]
    captums = [{"name": "captum:infidelity", "samples": 4}, {"name": "captum:sensitivity_max", "samples": 3}]
    methods = ["gradcam", "random", "saliency"]
    return record_of(
        masked, tmp_path_factory.mktemp("run"), methods=methods, metrics=[*quantus_metrics, *ours, *captums]
    )


@pytest.mark.parametrize("name", [*(f"quantus:{name}" for name in RUNS), "captum:infidelity", "captum:sensitivity_max"])
def test_each_runs_or_says_why_not(name: str, record: Record) -> None:
    rows = record.results[record.results["metric"] == name]
    assert len(rows) == 18
    assert not (rows["status"] == "failed").any(), rows["reason"][rows["status"] == "failed"].iloc[0]
    lost = rows[rows["status"] == "not_applicable"]
    masked_out = FAMILY.get(name.partition(":")[2]) == "localisation"
    assert set(lost["sample"]) == ({"image-5"} if masked_out else set()), "the image with an empty mask"


EQUAL = {
    "AUC": "attribution_auc",
    "AttributionLocalisation": "energy_pointing_game",
    "RelevanceMassAccuracy": "energy_pointing_game",
    "RelevanceRankAccuracy": "relevance_rank_accuracy",
    "TopKIntersection": "topk_intersection",
    "Complexity": "entropy",
    "Sparseness": "sparseness",
}


@pytest.mark.parametrize("name", EQUAL)
def test_what_is_said_to_be_equal_is(name: str, record: Record) -> None:
    def values(metric: str) -> pd.Series[float]:
        rows = record.results[(record.results["metric"] == metric) & (record.results["method"] != "saliency")]
        return rows.set_index(["method", "sample"])["value"].dropna()

    peer_values, our_values = values(f"quantus:{name}"), values(EQUAL[name])
    assert np.ptp(our_values.to_numpy()) > 0.01
    # ties of clamped borders go in another order there
    np.testing.assert_allclose(
        peer_values[our_values.index], our_values, atol=0.03 if "Rank" in name or "TopK" in name else 1e-4
    )


def test_effective_complexity_is_their_count(record: Record) -> None:
    rows = record.results.pivot_table(index=["method", "sample"], columns="metric", values="value")
    np.testing.assert_allclose(rows["quantus:EffectiveComplexity"] / SIDE**2, rows["effective_complexity"], atol=1e-9)


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_crash_or_mislead_is_refused_before_anything_runs(name: str) -> None:
    with pytest.raises(BenchError, match=f"quantus:{name} is refused"):
        read_metric(f"quantus:{name}")


def test_names_and_parameters_are_checked() -> None:
    with pytest.raises(BenchError, match=r"unknown metric 'quantus:Sparsness'.*'quantus:Sparseness'"):
        read_metric("quantus:Sparsness")
    with pytest.raises(BenchError, match=r"unknown metric 'captum:infidelty'\. Did you mean 'captum:infidelity'"):
        read_metric("captum:infidelty")
    with pytest.raises(BenchError, match="has no parameter 'runs'"):
        read_metric({"name": "quantus:FaithfulnessCorrelation", "runs": 3})
    with pytest.raises(BenchError, match="nr_runs"):
        read_metric({"name": "quantus:FaithfulnessCorrelation", "nr_runs": "many"})
    choice = read_metric({"name": "quantus:FaithfulnessCorrelation", "nr_runs": 5})
    assert choice.params["nr_runs"] == 5
    assert "quantus:Sparseness" not in METRICS.names(), "they are made when they are asked for"


def test_seeds_hold_and_global_states_are_left_alone(masked: list[Sample], tmp_path: Path) -> None:
    metrics: list[Any] = [{"name": "quantus:FaithfulnessCorrelation", "nr_runs": 5}, "captum:infidelity"]
    before = (np.random.get_state()[1].tolist(), random.getstate(), torch.get_rng_state().tolist())  # type: ignore[index]
    first = record_of(masked, tmp_path / "a", methods=["gradcam"], metrics=metrics)
    second = record_of(masked, tmp_path / "b", methods=["gradcam"], metrics=metrics, batch=2)
    after = (np.random.get_state()[1].tolist(), random.getstate(), torch.get_rng_state().tolist())  # type: ignore[index]
    assert before == after
    np.testing.assert_allclose(first.results["value"], second.results["value"], rtol=1e-3, atol=1e-5)


def test_captum_s_infidelity_by_hand(images: Tensor) -> None:
    """The formula of captum's page, with the same draws."""
    from benchbench import plugin_guard
    from benchbench.types import Explainer, Pixels, Seen

    from ..networks import Pooled, seeded

    network, saliency = seeded(Pooled), torch.rand(2, 64, 64, generator=torch.Generator().manual_seed(0))
    pixels = Pixels(images[:2], (5, 6), torch.zeros(3), torch.ones(3))
    blank, ones = torch.zeros(2, 0), torch.ones(2)
    explainer = Explainer(network, torch.tensor([1, 2]), ("a", "b"), lambda *_: saliency)
    seen = Seen(blank, blank, blank, ones, ones, saliency, None, saliency, pixels, explainer=explainer)
    plugin = METRICS["captum:infidelity"]
    for normalize in (True, False):
        infidelities = plugin.function(seen, sigma=0.3, samples=4, normalize=normalize).value
        for i in range(2):
            with plugin_guard.seeded(pixels.seeds[i]), torch.no_grad():
                noise = 0.3 * torch.randn(4, 3, 64, 64)
                z = network(images[i : i + 1])[0, explainer.targets[i]]
                falls = z - network(images[i : i + 1] - noise)[:, explainer.targets[i]]
            predicted = (noise * saliency[i]).sum((1, 2, 3))
            factor = (predicted * falls).sum() / predicted.square().sum() if normalize else 1.0
            assert float(infidelities[i]) == pytest.approx(
                float((factor * predicted - falls).square().mean()), rel=1e-3
            )


def test_the_page_is_up_to_date() -> None:
    """Else: python -m tests.docs.quantus_page."""
    assert quantus_page.FILE.read_text(encoding="utf-8") == quantus_page.text()
