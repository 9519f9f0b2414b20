"""IoU and MaxBoxAcc: planted regions, OpenCV's contours, and a threshold that is chosen on other images."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from torch import Tensor

from benchbench.engine.runner import run
from benchbench.evaluation.held_out import ALONE
from benchbench.metrics._regions import EMPTY, NO_MASK, NO_TRUTH
from benchbench.metrics.object_boxes import _every, _largest, best_elsewhere
from benchbench.registry import METRICS, metric
from benchbench.results.record import Record
from benchbench.study.spec import StudySpec
from benchbench.types import Scored, Seen

from ..networks import Pooled, seeded
from . import plain_maps as plain
from .planted_maps import Array, arrays, random_maps, random_masks, scored, seen, why

ALL = [f"{name}@{p}" for name in ("iou", "max_box_acc", "max_box_acc_v2") for p in METRICS[name].protocols]


def absent_reason(name: str) -> str:
    return NO_MASK if name.startswith("iou") else NO_TRUTH


def curve(name: str, raw: Tensor, mask: Tensor, size: tuple[int, int] | None = None) -> tuple[Array, Array]:
    levels = scored(name, seen(raw, mask, size)).levels
    assert levels is not None
    return levels[0].numpy(), levels[1].numpy()


def rectangle(*corners: int, size: tuple[int, int] = (30, 40)) -> Tensor:
    """(1, H, W): x0, y0, x1, y1, the last two one past its last pixel."""
    x0, y0, x1, y1 = corners
    mask = torch.zeros(1, *size, dtype=torch.bool)
    mask[:, y0:y1, x0:x1] = True
    return mask


@pytest.mark.parametrize("name", ALL)
def test_a_perfect_map_wins_and_an_inverted_one_loses(name: str) -> None:
    mask = rectangle(8, 5, 20, 15)
    assert (curve(name, mask.float(), mask)[1] == 1).all()
    assert curve("iou", 1 - mask.float(), mask)[1].max() == 0
    assert curve("max_box_acc", 1 - mask.float(), mask)[1].max() == 0
    assert curve("max_box_acc_v2", 1 - mask.float(), mask)[1].max() == 1, (
        "a contour around a hole, as the authors' code"
    )


@pytest.mark.parametrize("name", ALL)
def test_a_constant_map_has_no_box(name: str) -> None:
    result = scored(name, seen(torch.full((1, 30, 40), 0.6), rectangle(0, 0, 1, 1)))
    assert not any(result.inapplicable)
    assert torch.as_tensor(result.value).tolist() == [0]


@pytest.mark.parametrize("name", ALL)
def test_where_it_does_not_apply(name: str) -> None:
    maps, mask = random_maps(2, 30, 40), rectangle(3, 3, 9, 9).repeat(2, 1, 1)
    mask[1] = False
    assert why(name, maps, None) == [absent_reason(name)] * 2
    assert why(name, maps, mask) == ["", EMPTY]


def test_iou_equals_plain_numpy() -> None:
    raw, mask = random_maps(), random_masks()
    wanted = [plain.iou_curve(s, m) for s, m in zip(arrays(raw), mask.numpy(), strict=True)]
    x, y = curve("iou", raw, mask)
    np.testing.assert_allclose(y, wanted, atol=1e-12)
    np.testing.assert_allclose(x, np.arange(255) / 255)


def test_the_largest_region_counts_or_the_best() -> None:
    mask = rectangle(30, 20, 36, 26)
    raw = mask.float() + rectangle(2, 2, 14, 14).float()  # as high, and larger
    assert curve("max_box_acc", raw, mask)[1].max() == 0
    assert curve("max_box_acc_v2", raw, mask)[1].min() == 1


def test_overlaps_by_hand() -> None:
    """Boxes away from the border are one pixel larger than their region: 6 x 11 of 11 x 11 is 6 / 11."""
    mask, half, third = rectangle(5, 5, 15, 15), rectangle(5, 5, 10, 15), rectangle(5, 5, 8, 15)
    assert curve("max_box_acc", half.float(), mask)[1].min() == 1, "6 / 11 is not below 0.5"
    assert curve("max_box_acc", third.float(), mask)[1].max() == 0, "4 / 11 is"
    _, y = curve("max_box_acc_v2", torch.cat([half, third]).float(), mask.repeat(2, 1, 1))
    assert y.reshape(2, 3, 255).mean(2).tolist() == [[1, 1, 0], [1, 0, 0]]


def test_components_of_the_mask_are_boxes_of_their_own() -> None:
    mask = rectangle(2, 2, 10, 10) | rectangle(25, 15, 35, 25)
    raw = rectangle(2, 2, 10, 10).float()
    assert curve("max_box_acc@wsol-v1", raw, mask)[1].max() == 0, "the box around both is far larger"
    assert curve("max_box_acc@wsol-v1-components", raw, mask)[1].min() == 1


def authors_boxes(level: Array, cut: int, every: bool) -> Array:
    """x0, y0, x1, y1 of OpenCV's contours, x1 and y1 cut at the last pixel: what the authors' code makes boxes of."""
    cv2 = pytest.importorskip("cv2")
    binary = np.ascontiguousarray((level > cut).astype(np.uint8) * 255)
    contours = cv2.findContours(binary, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)[-2]
    areas = sorted((cv2.contourArea(c) for c in contours), reverse=True)
    if not every:
        if len(areas) > 1 and areas[0] == areas[1]:
            pytest.skip("equal areas")
        contours = [max(contours, key=cv2.contourArea)]
    height, width = level.shape
    corners = [cv2.boundingRect(c) for c in contours]
    return np.array(sorted((x, y, min(x + w, width - 1), min(y + h, height - 1)) for x, y, w, h in corners))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("sigma", [0.6, 1.5])
def test_boxes_are_those_of_opencv(seed: int, sigma: float) -> None:
    """Components in holes in components, at every threshold; the largest where there is one largest."""
    smooth = gaussian_filter(np.random.default_rng(seed).normal(size=(24, 33)), sigma)
    level = np.floor((smooth - smooth.min()) / np.ptp(smooth) * 255)
    limit = np.array([32, 23])
    single = 0
    for cut in range(0, 255, 7):
        ours = _every(level > cut)
        ours[:, 2:] = np.minimum(ours[:, 2:], limit)
        np.testing.assert_array_equal(sorted(map(tuple, ours)), authors_boxes(level, cut, every=True), f"cut {cut}")
        try:
            wanted = authors_boxes(level, cut, every=False)
        except pytest.skip.Exception:
            continue
        (largest,) = _largest(level > cut)
        single += 1
        np.testing.assert_array_equal([*largest[:2], *np.minimum(largest[2:], limit)], wanted[0], f"cut {cut}")
    assert single > 5


def overlap(a: Array, b: Array) -> float:
    """Of boxes whose corners are both inside."""
    both = np.prod([max(0, min(a[k + 2], b[k + 2]) - max(a[k], b[k]) + 1) for k in (0, 1)])
    sizes = [np.prod([box[k + 2] - box[k] + 1 for k in (0, 1)]) for box in (a, b)]
    return float(both / (sum(sizes) - both))


def test_hits_are_those_of_opencv_s_boxes() -> None:
    raw = torch.from_numpy(gaussian_filter(np.random.default_rng(3).normal(size=(4, 24, 33)), (0, 2, 2)))
    mask = random_masks(4, 24, 33)
    truths = [authors_boxes(plain.box(m).astype(float), 0, every=True)[0] for m in mask.numpy()]
    _, y = curve("max_box_acc_v2", raw, mask)
    for i, level in enumerate(np.floor(np.stack(arrays(raw)) * 255)):
        best = [max(overlap(a, truths[i]) for a in authors_boxes(level, cut, every=True)) for cut in range(255)]
        for k, least in enumerate((0.3, 0.5, 0.7)):
            np.testing.assert_array_equal(y[i, 255 * k : 255 * (k + 1)], np.array(best) >= least)
    assert 0 < y.mean() < 1


@pytest.mark.parametrize("name", ALL)
def test_batches_change_nothing(name: str) -> None:
    raw, mask = random_maps(4), random_masks(4)
    alone = np.concatenate([curve(name, raw[i : i + 1], mask[i : i + 1])[1] for i in range(4)])
    np.testing.assert_array_equal(curve(name, raw, mask)[1], alone)


# the threshold is chosen on other images


def test_the_threshold_is_the_best_of_the_other_half() -> None:
    x = np.array([0.0, 0.5, 0.9])
    y = np.array([[0.1, 0.2, 0.9], [0.3, 0.4, 0.7], [0.6, 0.5, 0.0], [0.8, 0.5, 0.1]])
    fold = np.array([0, 0, 1, 1])
    np.testing.assert_array_equal(best_elsewhere(x, y, fold), [0.1, 0.3, 0.0, 0.1])
    assert best_elsewhere(x, np.zeros((2, 3)), np.array([0, 1])).tolist() == [0, 0]
    tied = np.array([[0.5, 0.5, 0.1], [0.3, 0.2, 0.1]])
    assert best_elsewhere(x, tied, np.array([0, 1])).tolist() == [0.5, 0.3], "the first of equals"


def test_no_other_images() -> None:
    assert np.isnan(best_elsewhere(np.array([0.0, 1.0]), np.ones((3, 2)), np.zeros(3, dtype=int))).all()


def test_each_curve_has_a_threshold_of_its_own() -> None:
    x = np.array([0.0, 0.5, 0.0, 0.5])
    y = np.array([[1.0, 0.0, 0.0, 1.0], [0.2, 0.4, 0.6, 0.8]])
    assert best_elsewhere(x, y, np.array([0, 1])) == pytest.approx([(0.0 + 1.0) / 2, (0.2 + 0.8) / 2])


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 12))
def test_held_out_is_never_better_than_the_best_on_the_images_themselves(seed: int, count: int) -> None:
    generator = np.random.default_rng(seed)
    y, fold = generator.random((count, 7)), generator.integers(0, 2, count)
    scores = best_elsewhere(np.arange(7.0), y, fold)
    assert np.isnan(scores).all() == (len(set(fold)) == 1)
    for side in (0, 1):
        if (here := fold == side).any() and not here.all():
            assert scores[here].mean() <= y[here].mean(0).max() + 1e-12


def squares(count: int = 8) -> tuple[list[Tensor], list[int], list[Tensor | None]]:
    """Images with a bright square each, and its mask; the seventh's is missing, the eighth's empty."""
    images, masks = [], []
    for i in range(count):
        mask = torch.zeros(32, 32, dtype=torch.bool)
        mask[4 + 2 * (i % 8) : 14 + 2 * (i % 8), 5:20] = i != 7
        images.append(torch.randn(3, 32, 32, generator=torch.Generator().manual_seed(i)) * 0.2 + 2 * mask)
        masks.append(None if i == 6 else mask)
    return images, [0] * count, masks


METRIC_NAMES = ["iou", "max_box_acc", "max_box_acc_v2", "pointing_game", "deletion", "entropy"]


def record(folder: Path, dataset: Any, **keys: Any) -> Record:
    defaults: dict[str, Any] = {
        "models": {"net": seeded(Pooled)},
        "datasets": {"data": dataset},
        "layers": ["relu"],
        "methods": ["mean-activation", "oracle", "uniform"],
        "metrics": METRIC_NAMES,
    }
    run(StudySpec(**{**defaults, **keys}), folder)
    return Record.load(folder)


def rows(run_record: Record, method: str, name: str) -> pd.DataFrame:
    """By sample."""
    table = run_record.results[(run_record.results["method"] == method) & (run_record.results["metric"] == name)]
    return table.set_index("sample").sort_index()


@pytest.mark.parametrize("shard", [32, 4], ids=["one shard", "two shards"])
def test_a_study_scores_each_half_at_the_other_s_threshold(
    shard: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchbench.study.plan.SHARD", shard)
    run_record = record(tmp_path, squares())
    cells = {str(file).split("-")[0] for file in run_record.maps["file"]}
    assert len(cells) == 3 * max(8 // shard, 1), "one of each method and shard"
    whole = range(6)
    ids = [f"{i:04}" for i in whole]
    assert set(run_record.curves["metric"]) == {"deletion"}, "curves of thresholds are no answers of the network"
    fold = np.array([hashlib.sha256(sample.encode()).digest()[-1] % 2 for sample in ids])
    assert 0 < fold.sum() < len(ids)
    maps = run_record.maps[run_record.maps["method"] == "mean-activation"].sort_values("sample")
    stored = [run_record.map(file, int(row)) for file, row in zip(maps["file"], maps["row"], strict=True)]
    stored = [stored[i] for i in whole]
    masks = torch.stack([mask for mask in squares()[2] if mask is not None and mask.any()])
    for name in METRIC_NAMES[:3]:
        for method in ("mean-activation", "oracle", "uniform"):
            table = rows(run_record, method, name)
            assert (table.loc[ids, "status"] == "ok").all()
            assert (table.loc[["0006", "0007"], "status"] == "not_applicable").all()
            assert method == "oracle" or table.loc[["0006", "0007"], "reason"].tolist() == [absent_reason(name), EMPTY]
        assert (rows(run_record, "oracle", name).loc[ids, "value"] == 1).all()
        assert (rows(run_record, "uniform", name).loc[ids, "value"] == 0).all()
        x, y = curve(name, torch.from_numpy(np.stack(stored)), masks, (32, 32))
        values = rows(run_record, "mean-activation", name).loc[ids, "value"].to_numpy(dtype=float)
        np.testing.assert_allclose(values, best_elsewhere(x, y, fold), atol=1e-9)


def test_one_image_has_no_others(tmp_path: Path) -> None:
    table = record(tmp_path, squares(1), methods=["oracle"], metrics=["iou"]).results
    assert table["status"].tolist() == ["not_applicable"]
    assert table["reason"].tolist() == [ALONE]


def test_a_resumed_run_makes_the_same_values_of_the_stored_curves(tmp_path: Path) -> None:
    keys: dict[str, Any] = {"methods": ["mean-activation"], "metrics": ["iou"]}
    first = record(tmp_path, squares(), **keys)
    again = record(tmp_path, squares(), batch=1, **keys)
    assert again.info["work"]["cells_computed"] == 0
    assert first.results.equals(again.results)


def test_a_metric_across_images_that_fails_fails_its_rows(tmp_path: Path) -> None:
    def breaks(x: Array, y: Array, fold: Array) -> Array:
        raise ValueError("not today")

    @metric("broken", higher_is_better=True, needs="map", protocols={"only": {}}, unit="none", held_out=breaks)
    def broken(seen: Seen) -> Scored:
        """Has a curve, and a held_out that raises."""
        return Scored(seen.map.mean((1, 2)), levels=(torch.zeros(1), seen.map.mean((1, 2))[:, None]))

    @metric(
        "curveless", higher_is_better=True, needs="map", protocols={"only": {}}, unit="none", held_out=best_elsewhere
    )
    def curveless(seen: Seen) -> Scored:
        """Has none."""
        return Scored(seen.map.mean((1, 2)))

    try:
        table = record(tmp_path, squares(2), methods=["center"], metrics=["broken", "curveless"]).results
    finally:
        METRICS.remove("broken")
        METRICS.remove("curveless")
    reasons = table.groupby("metric")["reason"].first()
    assert (table["status"] == "failed").all()
    assert reasons["broken"].startswith("ValueError: not today (test_boxes.py:")
    assert reasons["curveless"] == "curveless declares held_out=... but returned no Scored.levels"
