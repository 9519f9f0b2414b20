"""PxAP of all images together: against pixels that are concatenated, the authors' sums, and a bootstrap by hand."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import benchbench as bb
from benchbench.evaluation.pooled import NO_COUNTS, interval
from benchbench.maps.normalise import saliency
from benchbench.metrics.localisation import pooled_precision
from benchbench.registry import METRICS
from benchbench.reports.html import document
from benchbench.reports.leaderboard.marks import Marked
from benchbench.results.record import Record
from benchbench.types import Sample, Seen

from ..metrics import plain_maps
from ..reports.reading import read, words
from ..study_runs.test_run import done
from .test_held_out import masked as masked
from .test_held_out import record_of

Array = np.ndarray
METRIC = METRICS["pxap"]


def planted(count: int, seed: int = 0) -> tuple[Array, Array]:
    """Maps (n, 12, 16) in [0, 1] with an object that some of them see, and masks of sizes that differ a lot."""
    draw = np.random.default_rng(seed)
    masks = np.zeros((count, 12, 16), bool)
    for i, mask in enumerate(masks):
        mask[1 : 3 + i % 9, 2 : 4 + (3 * i) % 11] = True
    maps = draw.random(masks.shape) + masks * draw.uniform(-0.5, 1, (count, 1, 1))
    low, high = maps.min((1, 2), keepdims=True), maps.max((1, 2), keepdims=True)
    return ((maps - low) / (high - low)).astype(np.float32), masks


def counts(maps: Array, masks: Array, levels: int) -> Array:
    nothing = torch.zeros(len(maps), 0)
    whole = torch.zeros(len(maps))
    seen = Seen(nothing, nothing, nothing > 0, whole, whole, torch.tensor(maps), torch.tensor(masks))
    scored = METRIC.function(seen, levels=levels)
    assert scored.levels is not None
    per_level: Array = scored.levels[1].double().numpy()
    return per_level


def authors_pxap(on: Array, off: Array) -> float:
    """As the authors add up two histograms over rising thresholds, with an empty step above the highest."""
    tp, fp = (np.append(side, 0)[::-1].cumsum() for side in (on, off))
    with np.errstate(invalid="ignore"):
        precision, recall = tp / (tp + fp), tp / on.sum()
    return float((precision[1:] * np.diff(recall))[(tp + fp)[1:] != 0].sum())


def histograms(maps: Array, masks: Array, levels: int) -> tuple[Array, Array]:
    """(n, levels + 1) each: the object's pixels and the others in each step, the value 1 apart."""
    edges = np.append(np.arange(levels) * (1 / levels), [1.0, 2.0])
    pairs = list(zip(maps.astype(float), masks, strict=True))
    on, off = ([np.histogram(m[k if side else ~k], edges)[0] for m, k in pairs] for side in (True, False))
    return np.array(on), np.array(off)


@pytest.mark.parametrize("levels", [100, 1000])
def test_the_value_is_that_of_all_pixels_in_one_row(levels: int) -> None:
    maps, masks = planted(9)
    value = float(pooled_precision(counts(maps, masks, levels).sum(0, keepdims=True))[0])
    on, off = histograms(maps, masks, levels)
    assert value == pytest.approx(authors_pxap(on.sum(0), off.sum(0)), abs=1e-12)
    thresholds = np.append(np.arange(levels) * (1 / levels), 1.0)
    assert value == pytest.approx(plain_maps.pxap(maps.astype(float), masks, thresholds), abs=1e-9)
    learn = pytest.importorskip("sklearn.metrics")
    step = np.searchsorted(thresholds, maps.astype(float).ravel(), side="right")
    assert value == pytest.approx(learn.average_precision_score(masks.ravel(), step), abs=1e-12)
    each = [plain_maps.pxap(m.astype(float), k, thresholds) for m, k in zip(maps, masks, strict=True)]
    assert abs(value - float(np.mean(each))) > 0.02, "it is no mean over images"


def test_the_interval_is_the_bootstrap_of_the_pooled_value() -> None:
    maps, masks = planted(7, seed=1)
    on, off = histograms(maps, masks, 100)
    drawn = np.random.default_rng(5).integers(0, 7, (10_000, 7))
    by_hand = [authors_pxap(on[rows].sum(0), off[rows].sum(0)) for rows in drawn]
    low, high = interval(pooled_precision, counts(maps, masks, 100), seed=5)
    assert (low, high) == pytest.approx(tuple(np.quantile(by_hand, [0.025, 0.975])), abs=1e-12)
    assert low < high
    assert all(map(math.isnan, interval(pooled_precision, counts(maps[:1], masks[:1], 100), seed=5)))


def by_method(record: Record, protocol: str = "wsol-1000") -> dict[str, dict[Any, Any]]:
    rows = record.pooled[record.pooled["protocol"] == protocol].to_dict("records")
    return {row["method"]: row for row in rows}


def test_of_a_study_over_all_its_shards(masked: list[Sample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = ["pxap", "pxap@wsol-100", "pxap@exact", "attribution_auc"]
    whole = record_of(masked, tmp_path / "whole", metrics=metrics)
    monkeypatch.setattr("benchbench.study.plan.SHARD", 4)
    record = record_of(masked, tmp_path / "shards", metrics=metrics)
    assert record.pooled.equals(whole.pooled)
    assert set(record.pooled["metric"]) == {"pxap"}
    rows = by_method(record)
    assert {row["n"] for row in rows.values()} == {5}, "the sixth has an empty mask"
    assert (rows["oracle"]["value"], rows["oracle"]["low"], rows["oracle"]["high"]) == (1, 1, 1)
    share = np.mean([sample.mask.double().mean() for sample in masked[:5] if sample.mask is not None])
    assert rows["uniform"]["value"] == pytest.approx(share), "a constant map: the objects' share of all pixels"
    stored = record.maps[record.maps["method"] == "gradcam"].set_index("sample")
    maps, masks = [], []
    for sample in masked[:5]:
        raw = record.map(str(stored.loc[sample.id, "file"]), int(str(stored.loc[sample.id, "row"])))
        maps.append(saliency(torch.from_numpy(raw.copy())[None], (64, 64))[0].numpy())
        assert sample.mask is not None
        masks.append(sample.mask.numpy())
    on, off = histograms(np.stack(maps), np.stack(masks), 1000)
    assert rows["gradcam"]["value"] == pytest.approx(authors_pxap(on.sum(0), off.sum(0)), abs=1e-9)
    assert rows["gradcam"]["low"] < rows["gradcam"]["value"] < rows["gradcam"]["high"]
    text = words(read(document.render(Marked.of(record))).text)
    assert f"{rows['gradcam']['value']:.4f}[{rows['gradcam']['low']:.4f}, " in text
    exact = by_method(record, "exact")
    assert {(row["n"], row["reason"]) for row in exact.values()} == {(0, NO_COUNTS)}
    assert all(math.isnan(row["value"]) for row in exact.values())
    assert by_method(record, "wsol-100")["gradcam"]["value"] == pytest.approx(rows["gradcam"]["value"], abs=0.02)


def test_where_every_mask_is_empty_there_is_a_reason(images: Tensor, tmp_path: Path) -> None:
    empty = torch.zeros(len(images), *images.shape[2:], dtype=torch.bool)
    data = {"d": (images, [0] * len(images), empty)}
    record = done(images, tmp_path, datasets=data, target="label", methods=["gradcam"], metrics=["pxap"])
    (row,) = record.pooled.to_dict("records")
    assert (row["n"], row["reason"]) == (0, "the image's mask is empty")
    (tmp_path / "pooled.parquet").write_bytes(b"no")
    with pytest.raises(bb.BenchError, match=r"pooled\.parquet is not what the run wrote.*Run it again"):
        bb.Run.load(tmp_path).pooled()
