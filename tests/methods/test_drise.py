"""D-RISE against a plain loop over masks and detections; its similarity in closed form; what it is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import benchbench as bb
from benchbench.attribution.layer_services import capture_batch
from benchbench.attribution.method_call import run_method
from benchbench.cost.ledger import Passes
from benchbench.errors import NotApplicable
from benchbench.network.detection_similarity import similarity
from benchbench.network.scorer import Scorer
from benchbench.registry import METHODS
from benchbench.testing import Small, example_images, seeded
from benchbench.testing.method_contract import small_detector
from benchbench.types import INPUT
from benchbench.types.detections import Detections

CLASSES, MASKS = 7, 12


def detections(boxes: list[list[float]], labels: list[int], scores: list[float]) -> Detections:
    return Detections(torch.tensor(boxes), torch.tensor(labels), torch.tensor(scores), torch.ones(len(labels)) > 0)


def test_similarity_in_closed_form() -> None:
    """Two squares of 4 x 4 that share 2 x 4: an overlap of 8 / 24; of four classes, scores 0.7 and 0.4 of class 1."""
    target = detections([[0.0, 0.0, 4.0, 4.0]], [1], [0.7])
    same = (0.7 * 0.4 + 3 * 0.1 * 0.2) / math.hypot(0.7, 0.1 * math.sqrt(3)) / math.hypot(0.4, 0.2 * math.sqrt(3))
    other = (0.7 * 0.2 + 0.1 * 0.4 + 2 * 0.1 * 0.2) / math.sqrt(0.52) / math.sqrt(0.28)
    shifted = [2.0, 0.0, 6.0, 4.0]
    assert float(similarity(target, detections([shifted], [1], [0.4]), 4)) == pytest.approx(same / 3)
    assert float(similarity(target, detections([shifted], [2], [0.4]), 4)) == pytest.approx(other / 3)
    both = detections([shifted, [0.0, 0.0, 4.0, 4.0], [9.0, 9.0, 10.0, 10.0]], [1, 2, 1], [0.4, 0.4, 0.9])
    assert float(similarity(target, both, 4)) == pytest.approx(other), "the best of the three products"
    assert float(similarity(target, target, 4)) == pytest.approx(1)


def test_no_detection_is_similar_to_nothing() -> None:
    nothing = Detections(torch.zeros(0, 4), torch.zeros(0, dtype=torch.long), torch.zeros(0), torch.zeros(0) > 0)
    square = detections([[0.0, 0.0, 4.0, 4.0]], [1], [0.7])
    assert float(similarity(nothing, square, 4)) == float(similarity(square, nothing, 4)) == 0


def by_hand(network: Any, image: Tensor, target: int, masks: Tensor) -> Tensor:
    """(H, W): the paper's sum, one mask and one detection at a time."""
    total = torch.zeros(image.shape[1:])

    def vectors(picture: Tensor) -> list[tuple[list[float], int, float]]:
        (every,) = network.detect(picture[None])
        return list(zip(every.boxes.tolist(), every.labels.tolist(), every.scores.tolist(), strict=True))

    aim = max((v for v in vectors(image) if v[1] == target), key=lambda v: v[2])
    for mask in masks:
        total += max((_product(aim, v) for v in vectors(image * mask)), default=0.0) * mask
    return total


def _product(first: tuple[list[float], int, float], second: tuple[list[float], int, float]) -> float:
    (a, b, c, d), (e, f, g, h) = first[0], second[0]
    shared = max(0.0, min(c, g) - max(a, e)) * max(0.0, min(d, h) - max(b, f))
    union = (c - a) * (d - b) + (g - e) * (h - f) - shared
    p, q = np.full(CLASSES, (1 - first[2]) / (CLASSES - 1)), np.full(CLASSES, (1 - second[2]) / (CLASSES - 1))
    p[first[1]], q[second[1]] = first[2], second[2]
    return float(shared / union * (p @ q) / np.linalg.norm(p) / np.linalg.norm(q))


def test_drise_against_a_loop_and_its_passes_counted() -> None:
    network, images = seeded(small_detector), example_images(2)
    targets = network(images).argmax(1)
    passes = Passes()
    scorer = Scorer(network, 5, passes=passes)
    batch = capture_batch(network, scorer, images, [INPUT], lambda _: targets, gradient=False)
    layer = batch.layer(INPUT, (11, 12))
    before = passes.forwards
    with torch.no_grad():
        maps = run_method(METHODS["drise"], layer, {"masks": MASKS, "cells": 4, "keep": 0.4})
        assert passes.forwards - before == 2 + 2 * MASKS
        grids, shifts = layer.uniform(MASKS, 4, 4), layer.uniform(MASKS, 2, stream="shifts")
        for i, image in enumerate(images):
            large = torch.nn.functional.interpolate((grids[i] < 0.4).float()[:, None], (80, 80), mode="bilinear")[:, 0]
            starts = (shifts[i] * 16).long().tolist()
            masks = torch.stack([m[y : y + 64, x : x + 64] for m, (y, x) in zip(large, starts, strict=True)])
            expected = by_hand(network, image, int(targets[i]), masks) / MASKS / 0.4
            torch.testing.assert_close(maps[i], expected, rtol=1e-4, atol=1e-6)


def test_a_classifier_has_no_boxes() -> None:
    with pytest.raises(NotApplicable, match="the network is no detector"):
        bb.explain(seeded(Small), example_images(1), method="drise", masks=2)
