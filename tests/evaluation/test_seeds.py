"""Seeds against IRN's rule restated pixel by pixel; the held-out background score; planted answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchbench.evaluation.held_out import fold_of
from benchbench.evaluation.seed_counts import SCORES, VOID, SeedCounts, seed_counts, segmentation
from benchbench.evaluation.seed_scores import seed_score

from ..suites import seeds_plain as plain

CLASSES = 4
IDS = [f"image-{k}" for k in range(8)]


def planted(seed: int) -> tuple[list[int], Any, Any]:
    """Classes, truth (k for the k-th class, with void) and maps, some of whose values are background scores."""
    random = np.random.default_rng(seed)
    classes = sorted(random.choice(CLASSES, random.integers(1, 4), replace=False).tolist())
    truth = random.integers(VOID, len(classes) + 1, (5, 6))
    heights = np.round(random.random((len(classes), 5, 6)), random.choice([2, 8]))
    return classes, truth, heights


def named(classes: list[int], truth: Any) -> Any:
    """The truth by the classes' numbers, as the plain restatement wants it."""
    return np.where(truth > 0, np.take([-1, *classes], truth.clip(0)) + 1, truth)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_counts_are_those_of_the_plain_rule(seed: int) -> None:
    classes, truth, heights = planted(seed)
    counts = seed_counts(classes, truth, heights)
    rows = [0, *(number + 1 for number in classes)]
    for k in (0, 1, 15, 50, 99):
        table = plain.confusion(classes, named(classes, truth), heights, float(SCORES[k]), CLASSES)
        assert counts.hit[:, k].tolist() == np.diag(table)[rows].tolist()
        assert counts.seed[:, k].tolist() == table.sum(0)[rows].tolist()
        assert counts.truth.tolist() == table.sum(1)[rows].tolist()


def test_scores_are_those_of_the_plain_rule() -> None:
    images = [planted(seed) for seed in range(len(IDS))]
    score = seed_score([seed_counts(*image) for image in images], IDS, 0)
    by_image = np.array(
        [[plain.confusion(c, named(c, t), h, float(s), CLASSES) for s in SCORES] for c, t, h in images]
    )  # image, score, true, given
    fold = np.array([fold_of(name) for name in IDS])
    assert set(fold) == {0, 1}

    def means(part: Any) -> list[float]:
        return [float(np.nanmean(plain.ious(table))) for table in part.sum(0)]

    best = [int(np.argmax(means(by_image[fold != half]))) for half in (0, 1)]
    held = np.stack([by_image[i, best[half]] for i, half in enumerate(fold)]).sum(0)
    assert score.classes == (-1, 0, 1, 2, 3)
    np.testing.assert_allclose(score.value, [float(np.nanmean(plain.ious(held))), *plain.ious(held)], atol=1e-12)
    assert score.scores == (SCORES[best[0]], SCORES[best[1]])
    whole = means(by_image)
    assert score.best[0] == pytest.approx(max(whole), abs=1e-12)
    assert score.best_score == SCORES[int(np.argmax(whole))]
    assert score.low[0] <= score.value[0] <= score.high[0]
    assert score.images[0] == len(IDS)


def binary(counts: list[SeedCounts]) -> float:
    """The best mean of IoUs where every image is judged for its one class alone: object or not, summed over images."""
    sums: dict[int, Any] = {}
    for each in counts:
        for row, number in enumerate(each.classes):
            part = np.stack([np.broadcast_to(each.truth[row], each.seed[row].shape), each.seed[row], each.hit[row]])
            sums[number] = sums.get(number, 0) + part
    return float(np.mean([hit / (truth + seed - hit) for truth, seed, hit in sums.values()], 0).max())


def test_with_one_class_in_an_image_it_is_the_binary_iou_of_each_class() -> None:
    random = np.random.default_rng(3)
    counts = []
    for k in range(6):
        truth = (random.random((6, 6)) < 0.4).astype(int)
        counts.append(seed_counts([k % 2], truth, 0.5 * random.random((1, 6, 6)) + 0.5 * truth))
    assert seed_score(counts, IDS[:6], 0).best[0] == pytest.approx(binary(counts), abs=1e-12)


def test_a_perfect_map_has_one_and_a_constant_one_is_background() -> None:
    masks = [np.zeros((4, 4), bool), np.zeros((4, 4), bool)]
    masks[0][:2], masks[1][3, :2] = True, True
    truth = segmentation(masks)
    perfect = [seed_counts([2, 5], truth, np.stack(masks).astype(float))] * 8
    assert seed_score(perfect, IDS, 0).value.tolist() == [1, 1, 1, 1]
    dead = seed_score([seed_counts([2, 5], truth, np.zeros((2, 4, 4)))] * 8, IDS, 0)
    np.testing.assert_allclose(dead.value, [6 / 16 / 3, 6 / 16, 0, 0])


def test_the_smaller_mask_is_in_front_and_void_behind_both() -> None:
    large, small, void = np.ones((2, 3), bool), np.zeros((2, 3), bool), np.ones((2, 3), bool)
    large[:, 2], small[0, 0] = False, True
    assert segmentation([small, large], void).tolist() == [[1, 2, VOID], [2, 2, VOID]]


def test_one_half_has_no_held_out_score() -> None:
    ids = [f"{k}" for k in range(40) if fold_of(f"{k}") == 0][:3]
    score = seed_score([seed_counts(*planted(0))] * 3, ids, 0)
    assert np.isnan(score.value).all()
    assert np.isfinite(score.best[0])
