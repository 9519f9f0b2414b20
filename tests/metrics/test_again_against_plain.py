"""Every metric that needs the method again, by a run from end to end, against plain loops; and what changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from captum.metrics import sensitivity_max
from torch import Tensor

from benchbench.engine.runner import run
from benchbench.results.record import Record
from benchbench.results.schema import KEYS
from benchbench.study.spec import StudySpec

from ..networks import Pooled, seeded
from .again_plain import MEAN, METRICS, STD, Plain

METHODS = ["gradcam", "layercam", "saliency"]
ASKED: list[Any] = [
    *(name for name in METRICS if "mprt" not in name),
    {"name": "mprt", "stages": 4},
    {"name": "mprt", "stages": 4, "kind": "independent", "similarity": "ssim"},
    {"name": "smooth_mprt", "stages": 4, "samples": 3},
    "efficient_mprt",
]


@pytest.fixture(scope="module")
def network() -> Pooled:
    """Its predictions hang on a thread, so that some views change them."""
    built = seeded(Pooled, seed=4)
    built.fc.weight.data *= 30
    with torch.no_grad():
        built.fc.bias.sub_(built(photographs()).mean(0))
    return built


def photographs() -> Tensor:
    """(5, 3, 32, 40), not square, smooth, in [0, 1] before they were normalised."""
    coarse = torch.rand(5, 3, 8, 10, generator=torch.Generator().manual_seed(7))
    smooth = torch.nn.functional.interpolate(coarse, size=(32, 40), mode="bilinear")
    return (smooth - torch.from_numpy(MEAN).float()) / torch.from_numpy(STD).float()


def done(network: Pooled, folder: Path, **keys: Any) -> Record:
    defaults: dict[str, Any] = {
        "models": {"net": network},
        "datasets": {"data": photographs()},
        "layers": ["relu"],
        "methods": METHODS,
        "metrics": ASKED,
        "target": "top-2",
    }
    run(StudySpec(**{**defaults, **keys}), folder)
    return Record.load(folder)


def values(record: Record) -> pd.Series[float]:
    return record.results.set_index(KEYS)["value"].sort_index()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("again")


@pytest.fixture(scope="module")
def record(network: Pooled, folder: Path) -> Record:
    return done(network, folder)


def rows_of(name: str, results: pd.DataFrame) -> pd.DataFrame:
    kind, _, detail = name.replace("(", "@").partition("@")
    rows = results[results["metric"] == kind]
    if kind == "mprt":
        return rows[rows["protocol"].str.contains("independent") == (detail == "independent)")]
    return rows


@pytest.mark.parametrize("name", METRICS)
def test_equals_plain_loops(name: str, record: Record, network: Pooled) -> None:
    rows = rows_of(name, record.results)
    assert len(rows) == 15
    pictures = photographs().double().numpy()
    with torch.no_grad():
        targets = network(photographs()).argsort(1)[:, -2].tolist()
    measured, expected = [], []
    for row in rows.itertuples():
        i = int(str(row.sample))
        wanted = METRICS[name](Plain(network, pictures[i], str(row.sample), targets[i], str(row.method)))
        if wanted is None:
            assert row.status == "not_applicable"
            assert "prediction changes" in str(row.reason)
            continue
        assert row.status == "ok", row.reason
        measured.append(float(str(row.value)))
        expected.append(wanted)
    assert np.ptp(expected) > 0.01, "values that are all alike test nothing"
    np.testing.assert_allclose(measured, expected, atol=5e-4 if "efficient" in name else 1e-4)


def test_max_sensitivity_is_captum_s(network: Pooled, tmp_path: Path) -> None:
    """Of the same noise, one sample at a time, where no view is left out."""
    table = done(network, tmp_path, methods=["saliency"], metrics=["max_sensitivity@radius-0.02-n10"]).results
    results = {(row.metric, row.sample): row.value for row in table.itertuples()}
    pictures = photographs().double().numpy()
    checked = 0
    for i in range(5):
        name = f"{i:04}"
        if results["max_sensitivity.left_out", name]:
            continue
        with torch.no_grad():
            target = int(network(photographs())[i].argsort()[-2])
        x = Plain(network, pictures[i], name, target, "saliency")
        noisy = iter([torch.from_numpy(x.noisy(j, 0.02, "uniform").image)[None] for j in range(10)])

        def explained(images: Any, x: Plain = x) -> tuple[Tensor]:
            batch = images if isinstance(images, Tensor) else images[0]
            with torch.enable_grad():
                return (torch.stack([torch.from_numpy(replace(x, image=image.numpy()).map()) for image in batch]),)

        def next_one(_images: Tensor, _radius: float, noisy: Iterator[Tensor] = noisy) -> Tensor:
            return next(noisy)

        picture = torch.from_numpy(pictures[i])[None]
        expected = sensitivity_max(explained, picture, next_one, n_perturb_samples=10, max_examples_per_batch=1)
        assert results["max_sensitivity", name] == pytest.approx(float(expected), rel=1e-4)
        checked += 1
    assert checked


def test_views_that_change_the_prediction_are_counted(record: Record, network: Pooled) -> None:
    rows = record.results[record.results["metric"] == "noise_stability.left_out"]
    pictures = photographs().double().numpy()
    for row in rows.itertuples():
        x = Plain(network, pictures[int(str(row.sample))], str(row.sample), 0, "gradcam")
        views = [x.noisy(i, 0.1, "normal").logits().argmax() for i in range(5)]
        assert row.value == sum(view != x.logits().argmax() for view in views)
    assert 0 < rows["value"].sum() < 5 * len(rows), "some are left out, and some are not"


@pytest.mark.parametrize("batch", [1, 2])
def test_the_batch_size_changes_nothing(batch: int, record: Record, network: Pooled, tmp_path: Path) -> None:
    other = values(done(network, tmp_path, datasets={"data": photographs()[:3]}, batch=batch))
    expected = values(record)
    expected = expected[expected.index.get_level_values("sample") < "0003"]
    assert other.index.equals(expected.index)
    entropy = other.index.get_level_values("metric").str.startswith("efficient")
    np.testing.assert_allclose(other[~entropy], expected[~entropy], atol=1e-5)
    np.testing.assert_allclose(other[entropy], expected[entropy], atol=1e-3)


def test_the_order_changes_nothing(record: Record, network: Pooled, tmp_path: Path) -> None:
    other = done(network, tmp_path, methods=METHODS[::-1], metrics=ASKED[::-1])
    pd.testing.assert_series_equal(values(other), values(record), atol=1e-6)


@pytest.mark.parametrize("name", ["noise_stability", "adcc", "random_logit", {"name": "mprt", "stages": 4}])
def test_a_metric_alone_equals_the_same_metric_among_others(
    name: Any, record: Record, network: Pooled, tmp_path: Path
) -> None:
    metric = [f"{name}@normal-0.1-n5" if name == "noise_stability" else name]
    alone = values(done(network, tmp_path, methods=["layercam"], metrics=metric))
    expected = values(record)
    pd.testing.assert_series_equal(expected[expected.index.isin(alone.index)], alone, atol=1e-6)
    assert len(alone) >= 5


def test_a_later_metric_takes_the_stored_maps(record: Record, network: Pooled, tmp_path: Path) -> None:
    done(network, tmp_path, metrics=["average_drop"])
    later = done(network, tmp_path, metrics=["average_drop", "noise_stability@normal-0.1-n5"])
    assert later.info["work"]["cells_computed"] == 3, "of three methods the new metric"
    assert later.info["work"]["backwards"] == 5 * 5, "the views alone"
    later_values, expected = values(later), values(record)
    shared = later_values[later_values.index.isin(expected.index)]
    pd.testing.assert_series_equal(shared, expected[expected.index.isin(later_values.index)], atol=1e-6)
    reexplained = done(network, tmp_path, metrics=["average_drop", "noise_stability@normal-0.1-n5"])
    assert reexplained.info["work"]["cells_computed"] == 0


def test_another_seed_is_other_noise_and_other_weights(record: Record, network: Pooled, tmp_path: Path) -> None:
    metrics = ["noise_stability@normal-0.1-n5", "coherency", "random_logit", {"name": "mprt", "stages": 4}]
    other = done(network, tmp_path, methods=["gradcam"], metrics=metrics, seed=1).results
    first = record.results[record.results["method"] == "gradcam"]
    for name, same in (("noise_stability", False), ("coherency", True), ("random_logit", False), ("mprt", False)):
        original, reseeded = (rows_of(name, results).sort_values("sample")["value"] for results in (first, other))
        assert np.allclose(original, reseeded, equal_nan=True, atol=1e-6) == same
