"""Localisation and complexity: planted maps, plain loops, scikit-learn; and a threshold that is chosen elsewhere."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import mannwhitneyu
from torch import Tensor

from benchbench import across
from benchbench.metrics.boxes import OVERLAPS, boxes_of, held_out, held_out_each, overlap
from benchbench.perturb import minmax
from benchbench.registry import METRICS
from benchbench.runner import run
from benchbench.study import Study
from benchbench.table import Record
from benchbench.types import Sample, Scored, Seen

from ..networks import Pooled, seeded

SIDE = 24


def seen(maps: Tensor, masks: Tensor | None) -> Seen:
    """Maps at the image's size, min-max normalised as the engine does."""
    blank = torch.zeros(len(maps), 0)
    one = torch.ones(len(maps))
    return Seen(blank, blank, blank, one, one, minmax(maps.double()).float(), masks, maps)


def of(name: str, maps: Tensor, masks: Tensor | None, **params: Any) -> Scored:
    scored: Scored = METRICS[name].function(seen(maps, masks), **params)
    return scored


def value(name: str, maps: Tensor, masks: Tensor | None, **params: Any) -> list[float]:
    return [float(v) for v in torch.as_tensor(of(name, maps, masks, **params).value)]


def square(top: int = 4, left: int = 6, size: int = 8) -> Tensor:
    mask = torch.zeros(1, SIDE, SIDE, dtype=torch.bool)
    mask[:, top : top + size, left : left + size] = True
    return mask


RANDOM = torch.rand(1, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
LOCALISATION = [name for name in METRICS.names() if METRICS[name].family == "localisation"]


@pytest.mark.parametrize("name", LOCALISATION)
def test_perfect_inverted_and_random(name: str) -> None:
    mask = square()
    params = {"k": 64} if name == "topk_intersection" else {"tolerance": 0.0} if name == "pointing_game" else {}
    (perfect,) = value(name, mask.float(), mask, **params)
    (inverted,) = value(name, 1 - mask.float(), mask, **params)
    (random,) = value(name, RANDOM, mask, **params)
    assert perfect == pytest.approx(1)
    low = {"pxap": 64 / 576, "iou": 64 / 576}.get(name, 0.0)
    assert inverted <= low + 1e-9 or name.startswith("max_box"), inverted
    assert random < perfect or name == "pointing_game"
    assert inverted <= random or name in ("pointing_game", "pxap") or name.startswith("max_box")


@pytest.mark.parametrize("name", LOCALISATION)
def test_without_a_mask_nothing_applies(name: str) -> None:
    masks = torch.cat([square(), torch.zeros(1, SIDE, SIDE, dtype=torch.bool)])
    scored = of(name, RANDOM.repeat(2, 1, 1), masks)
    assert scored.inapplicable == ("", "the mask is empty")
    assert of(name, RANDOM, None).inapplicable == ("the dataset has no mask of it",)


CONSTANT = {
    "pointing_game": 0, "energy_pointing_game": 0, "relevance_rank_accuracy": 0, "topk_intersection": 0,
    "attribution_auc": 0.5, "pxap": 64 / 576, "iou": 0, "max_box_acc": 0, "max_box_acc_v2": 0,
}  # fmt: skip


@pytest.mark.parametrize("name", LOCALISATION)
def test_a_constant_map_points_nowhere(name: str) -> None:
    mask = square(0, 0)  # where the first pixel would be a hit
    assert value(name, torch.full((1, SIDE, SIDE), 0.7), mask) == pytest.approx([CONSTANT[name]])


def test_the_pointing_game_s_tolerance_is_strict() -> None:
    mask = square(top=20, left=10, size=1)
    for row, hit in ((5, 0), (6, 1), (20, 1)):
        maps = torch.zeros(1, SIDE, SIDE)
        maps[0, row, 10] = 1
        assert value("pointing_game", maps, mask) == [hit], "15 pixels away is a miss, 14 a hit"
        assert value("pointing_game", maps, mask, tolerance=0.0) == [float(row == 20)]
    two = torch.zeros(1, SIDE, SIDE)
    two[0, 2, 3] = two[0, 20, 10] = 1
    assert value("pointing_game", two, mask, tolerance=0.0) == [0], "the first of two equal highest pixels counts"


def test_energy_by_hand() -> None:
    maps = torch.tensor([[[0.0, 1.0], [2.0, 5.0]]])
    mask = torch.tensor([[[True, False], [False, True]]])
    scored = of("energy_pointing_game", maps, mask)
    assert float(torch.as_tensor(scored.value)) == pytest.approx(5 / 8)
    assert float(torch.as_tensor(scored.parts["area"])) == 0.5
    shifted = maps - 2
    assert value("energy_pointing_game", shifted, mask) == pytest.approx([5 / 8])
    assert value("energy_pointing_game", shifted, mask, of="positive") == pytest.approx([1])


pairs = st.tuples(
    arrays(np.float32, (6, 7), elements=st.integers(0, 4).map(float)), arrays(np.bool_, (6, 7), elements=st.booleans())
)


@settings(max_examples=60, deadline=None)
@given(pairs)
def test_ranks_and_areas_by_loops(pair: tuple[np.ndarray, np.ndarray]) -> None:
    height, mask = pair
    maps, masks = torch.from_numpy(height)[None], torch.from_numpy(mask)[None]
    if not mask.any() or mask.all() or np.ptp(height) == 0:
        return
    wins = mannwhitneyu(height[mask], height[~mask]).statistic
    assert value("attribution_auc", maps, masks) == pytest.approx([wins / (mask.sum() * (~mask).sum())])
    order = sorted(range(42), key=lambda i: (-height.ravel()[i], i))
    inside = [bool(mask.ravel()[i]) for i in order]
    area = int(mask.sum())
    assert value("relevance_rank_accuracy", maps, masks) == pytest.approx([sum(inside[:area]) / area])
    assert value("topk_intersection", maps, masks, k=5) == pytest.approx([sum(inside[:5]) / 5])
    assert value("topk_intersection", maps, masks, k=500) == pytest.approx([area / 42])
    scaled = (height - height.min()) / np.ptp(height)
    found = [(scaled > t / 100) for t in range(100)]
    best = [(f & mask).sum() / max((f | mask).sum(), 1) for f in found]
    levels = of("iou", maps, masks).levels
    assert levels is not None
    np.testing.assert_allclose(levels[1][0].numpy(), best, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(pairs)
def test_pxap_is_the_step_rule(pair: tuple[np.ndarray, np.ndarray]) -> None:
    """The sum over thresholds, from the highest, of precision times what recall gains."""
    height, mask = pair
    if not mask.any() or np.ptp(height) == 0:
        return
    scaled = minmax(torch.from_numpy(height)[None].double()).float()[0].numpy()
    expected = recall = 0.0
    for t in sorted({math.floor(v * 1000) for v in scaled.ravel().astype(float)}, reverse=True):
        chosen = np.floor(scaled.astype(float) * 1000) >= t
        now = (chosen & mask).sum() / mask.sum()
        expected += (now - recall) * (chosen & mask).sum() / chosen.sum()
        recall = now
    assert value("pxap", torch.from_numpy(height)[None], torch.from_numpy(mask)[None]) == pytest.approx([expected])


def test_boxes_by_hand() -> None:
    chosen = np.zeros((6, 8), bool)
    chosen[0:2, 0:3] = True
    chosen[2, 3] = True  # touches at a corner
    chosen[5, 5:8] = True
    assert boxes_of(chosen, largest=False) == [(0, 2, 0, 3), (5, 5, 5, 7)]
    assert boxes_of(chosen, largest=True) == [(0, 2, 0, 3)]
    assert boxes_of(np.zeros((3, 3), bool), largest=True) == []
    assert overlap((0, 1, 0, 1), (0, 1, 0, 1)) == 1
    assert overlap((0, 1, 0, 1), (1, 2, 1, 2)) == pytest.approx(1 / 7)
    assert overlap((0, 1, 0, 1), (2, 3, 0, 1)) == 0


def test_the_largest_box_and_the_best_one() -> None:
    """A small part on the object, a large one beside it: v1 misses, v2 hits."""
    mask = square(2, 2, 6)
    maps = torch.zeros(1, SIDE, SIDE)
    maps[0, 2:8, 2:8] = 0.5
    maps[0, 12:22, 10:22] = 0.5
    assert value("max_box_acc", maps, mask) == [0]
    assert value("max_box_acc_v2", maps, mask) == [1]


def test_a_threshold_is_chosen_on_the_other_half() -> None:
    x = np.array([0.0, 0.5])
    y = np.array([[1.0, 0.0], [0.2, 0.9], [0.8, 0.1], [0.3, 0.7]])
    fold = np.array([0, 1, 0, 1])
    assert held_out(x, y, fold).tolist() == [0.0, 0.2, 0.1, 0.3], "each half is judged by what suits the other"
    alone = held_out(x, y[:2], np.array([1, 1]))
    assert np.isnan(alone).all()
    tied = held_out(x, np.array([[0.5, 0.5], [0.3, 0.4]]), np.array([0, 1]))
    assert tied.tolist() == [0.5, 0.3], "the lowest of equally good thresholds"
    parts = np.concatenate([y] * len(OVERLAPS), 1)
    np.testing.assert_allclose(held_out_each(np.tile(x, 3), parts, fold), held_out(x, y, fold))


@pytest.fixture(scope="module")
def masked(images: Tensor) -> list[Sample]:
    """Six images with masks at different places; the last has an empty one."""
    found = []
    for i, image in enumerate(images):
        mask = torch.zeros(64, 64, dtype=torch.bool)
        if i < 5:
            mask[6 * i : 6 * i + 24, 20 : 40 + 4 * i] = True
        found.append(Sample(f"image-{i}", image, i, mask))
    return found


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
    given: dict[str, Any] = {
        "models": {"net": seeded(Pooled)},
        "datasets": {"data": Data(samples)},
        "layers": ["relu"],
        "methods": ["gradcam", "random", "oracle", "uniform"],
        "metrics": LOCALISATION,
    }
    run(Study(**{**given, **keys}), folder)
    return Record.load(folder)


def test_a_study_judges_each_half_by_the_other(
    masked: list[Sample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchbench.plan.SHARD", 4)  # two shards: the halves do not follow them
    record = record_of(masked, tmp_path)
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
        curves[sample.id] = [(scaled > t / 100)[truth].sum() / ((scaled > t / 100) | truth).sum() for t in range(100)]
        folds[sample.id] = across.fold_of(sample.id)
    assert set(folds.values()) == {0, 1}
    for name, y in curves.items():
        others = [curves[other] for other in curves if folds[other] != folds[name]]
        assert values[name] == pytest.approx(y[int(np.argmax(np.mean(others, axis=0)))], abs=1e-6)
    again = record_of(masked, tmp_path)
    assert again.info["work"]["cells_computed"] == 0
    assert again.results.equals(record.results)


def test_the_oracle_wins_and_a_constant_map_does_not(masked: list[Sample], tmp_path: Path) -> None:
    record = record_of(masked, tmp_path)
    means = record.results[record.results["metric"].isin(LOCALISATION)].groupby(["metric", "method"])["value"].mean()
    for name in LOCALISATION:
        expected = 1 if name != "topk_intersection" else means[name, "oracle"]
        assert means[name, "oracle"] == pytest.approx(expected)
        assert means[name, "uniform"] < means[name, "oracle"]
        assert means[name, "random"] <= means[name, "oracle"]
    assert "iou" not in set(record.curves["metric"]), "levels are no curve of the report"


def test_with_one_image_no_threshold_can_be_chosen(masked: list[Sample], tmp_path: Path) -> None:
    record = record_of(masked[:1], tmp_path, metrics=["iou", "pxap"])
    rows = record.results[record.results["metric"] == "iou"]
    assert set(rows["status"]) == {"not_applicable"}
    assert rows["reason"].str.contains("chosen on other images").all()
    assert (record.results[record.results["metric"] == "pxap"]["status"] == "ok").all()


def test_complexity_by_hand() -> None:
    spike = torch.zeros(1, 4, 5)
    spike[0, 1, 1] = 3
    assert value("sparseness", spike, None) == pytest.approx([19 / 20])
    assert value("entropy", spike, None) == pytest.approx([0])
    assert value("effective_complexity", spike, None) == pytest.approx([1 / 20])
    assert value("map_mean", spike, None) == pytest.approx([1 / 20])
    assert value("total_variation", spike, None) == pytest.approx([2 / 16 + 2 / 15])
    flat = torch.full((1, 4, 5), 0.3)
    assert value("sparseness", flat, None) == [0]
    assert value("entropy", flat, None) == pytest.approx([math.log(20)])
    assert value("effective_complexity", flat, None) == [1]
    for name in ("map_mean", "total_variation"):
        assert of(name, flat, None).inapplicable[0].startswith("the map is constant")


@settings(max_examples=40, deadline=None)
@given(arrays(np.float32, (5, 6), elements=st.integers(0, 9).map(float)))
def test_complexity_by_loops(height: np.ndarray) -> None:
    if np.ptp(height) == 0:
        return
    maps = torch.from_numpy(height)[None]
    a = np.sort(((height - height.min()) / np.ptp(height)).astype(float).ravel())
    gini = sum(abs(p - q) for p in a for q in a) / (2 * len(a) * a.sum())
    assert value("sparseness", maps, None) == pytest.approx([gini], abs=1e-6)
    p = a[a > 0] / a.sum()
    assert value("entropy", maps, None) == pytest.approx([-(p * np.log(p)).sum()], abs=1e-5)
    low, high = METRICS["sparseness"].range
    assert low <= value("sparseness", maps, None)[0] <= high
