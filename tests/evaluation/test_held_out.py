"""A study with masks: thresholds are chosen on the other half of the images; empty masks do not count."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from benchbench.engine.runner import run
from benchbench.evaluation import held_out
from benchbench.registry import METRICS
from benchbench.results.record import Record
from benchbench.study.spec import StudySpec
from benchbench.types import Sample

from ..networks import Pooled, seeded

LOCALISATION = [name for name in METRICS.names() if METRICS[name].family == "localisation"]


@pytest.fixture(scope="module")
def masked(images: Tensor) -> list[Sample]:
    """Six images with masks at different places; the last has an empty one."""
    samples = []
    for i, image in enumerate(images):
        mask = torch.zeros(64, 64, dtype=torch.bool)
        if i < 5:
            mask[6 * i : 6 * i + 24, 20 : 40 + 4 * i] = True
        samples.append(Sample(f"image-{i}", image, i, mask))
    return samples


class Data:
    """Samples in memory, with masks."""

    name = "masked"
    about: dict[str, str] = {}  # noqa: RUF012 - read only

    def __init__(self, samples: list[Sample]) -> None:
        self.samples = samples

    @property
    def ids(self) -> list[str]:
        return [sample.id for sample in self.samples]

    def __getitem__(self, index: int) -> Sample:
        return self.samples[index]

    def fingerprint(self, index: int) -> str:
        return self.samples[index].id


def record_of(samples: list[Sample], folder: Path, **keys: Any) -> Record:
    defaults: dict[str, Any] = {
        "models": {"net": seeded(Pooled)},
        "datasets": {"data": Data(samples)},
        "layers": ["relu"],
        "methods": ["gradcam", "random", "oracle", "uniform"],
        "metrics": LOCALISATION,
    }
    run(StudySpec(**{**defaults, **keys}), folder)
    return Record.load(folder)


@pytest.fixture(scope="module")
def record(masked: list[Sample], tmp_path_factory: pytest.TempPathFactory) -> Record:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("benchbench.study.plan.SHARD", 4)  # two shards: the halves do not follow them
        return record_of(masked, tmp_path_factory.mktemp("record"))


def test_a_study_judges_each_half_by_the_other(
    record: Record, masked: list[Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = record.results[record.results["metric"] == "iou"].set_index(["method", "sample"])
    assert rows.loc[("oracle", "image-0"), "value"] == pytest.approx(1)
    assert set(rows.xs("image-5", level="sample")["status"]) == {"not_applicable"}
    values = rows.xs("gradcam", level="method")["value"].dropna()
    maps = record.maps[record.maps["method"] == "gradcam"]
    curves, folds = {}, {}
    for sample in masked[:5]:
        (place,) = maps[maps["sample"] == sample.id][["file", "row"]].to_dict("records")
        stored = torch.from_numpy(record.map(str(place["file"]), int(place["row"])).copy()).double()
        grown = torch.nn.functional.interpolate(stored[None, None], (64, 64), mode="bilinear")[0, 0]
        scaled = ((grown - grown.min()) / (grown.max() - grown.min())).float().numpy()
        assert sample.mask is not None
        truth = sample.mask.numpy()
        level = np.floor(255 * scaled.astype(float))
        curves[sample.id] = [((level > c) & truth).sum() / ((level > c) | truth).sum() for c in range(255)]
        folds[sample.id] = held_out.fold_of(sample.id)
    assert set(folds.values()) == {0, 1}
    for name, y in curves.items():
        others = [curves[other] for other in curves if folds[other] != folds[name]]
        assert values[name] == pytest.approx(y[int(np.argmax(np.mean(others, axis=0)))], abs=1e-6)
    monkeypatch.setattr("benchbench.study.plan.SHARD", 4)
    again = record_of(masked, record.folder)
    assert again.info["work"]["cells_computed"] == 0
    assert again.results.equals(record.results)


def test_the_oracle_wins_and_a_constant_map_does_not(record: Record) -> None:
    means = record.results[record.results["metric"].isin(LOCALISATION)].groupby(["metric", "method"])["value"].mean()
    for name in LOCALISATION:
        if "label" in METRICS[name].needs:
            continue  # the network must name the class too
        expected = 1 if name != "topk_intersection" else means[name, "oracle"]
        assert means[name, "oracle"] == pytest.approx(expected)
        assert means[name, "uniform"] < means[name, "oracle"]
        assert means[name, "random"] <= means[name, "oracle"]
    assert "iou" not in set(record.curves["metric"]), "levels are no curve of the report"


def test_with_one_image_no_threshold_can_be_chosen(masked: list[Sample], tmp_path: Path) -> None:
    record = record_of(masked[:1], tmp_path, metrics=["iou", "pxap"])
    rows = record.results[record.results["metric"] == "iou"]
    assert set(rows["status"]) == {"not_applicable"}
    assert rows["reason"].str.contains("the threshold is chosen on the other half of the images").all()
    assert (record.results[record.results["metric"] == "pxap"]["status"] == "ok").all()
