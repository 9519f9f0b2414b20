"""Contrastive deletion: closed forms on a linear-softmax network, the authors' rule, and that it costs no forward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from benchbench.errors import BenchError
from benchbench.evaluation.declared_needs import NotLent, lend
from benchbench.evaluation.evaluate import evaluate
from benchbench.evaluation.rivals import most_rivals, with_rivals
from benchbench.maps.map_batch import MapBatch
from benchbench.metrics.contrastive_deletion import area_to
from benchbench.network.reference_batch import ReferenceBatch, pixels_of
from benchbench.network.scorer import Scorer
from benchbench.registry import metric
from benchbench.study.plan import MapCell, MetricCell
from benchbench.study.spec import read_method, read_metric
from benchbench.types import Preprocess, Seen
from benchbench.types.batch import ImageBatch
from benchbench.vocabulary import Status

Array = npt.NDArray[np.float64]
SIDE, CLASSES = 4, 4
PIXELS = SIDE * SIDE


class LinearSoftmax(nn.Module):
    """Logits are weighted sums of the first channel's pixels."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = images[:, 0].flatten(1) @ self.weight.T
        return logits


@pytest.fixture(scope="module")
def weight() -> Tensor:
    return torch.randn(CLASSES, PIXELS, generator=torch.Generator().manual_seed(4))


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.rand(3, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(5)) + 0.5


@pytest.fixture(scope="module")
def maps() -> Tensor:
    """Without ties; the image's own size, so that nothing is upsampled."""
    order = torch.stack([torch.randperm(PIXELS, generator=torch.Generator().manual_seed(i)) for i in range(3)])
    return order.float().view(3, SIDE, SIDE)


TARGETS = torch.tensor([0, 1, 2])
OK: Status = "ok"


def judged(
    labels: Sequence[Any], network: nn.Module, images: Tensor, maps: Sequence[Tensor], batch: int = 16
) -> tuple[list[list[Mapping[str, Any]]], Scorer]:
    """By metric, the entries of every image under the first map and the next; and the scorer, which counted."""
    ids = tuple(f"image {i}" for i in range(len(images)))
    chunk = ImageBatch(ids, images, (None,) * len(ids), None, ("",) * len(ids))
    held, cells = {}, []
    for m, each in enumerate(maps):
        holder = MapCell(f"map {m}", "layer", read_method("gradcam"), "")
        held[holder.name] = MapBatch(each, ("",) * len(ids), (OK,) * len(ids))
        cells += [MetricCell(f"{n}/{m}", holder, read_metric(label)) for n, label in enumerate(labels)]
    scorer, targets = Scorer(network, batch), TARGETS[: len(images)]
    pixels = pixels_of(chunk, 0, Preprocess())
    pages = evaluate(cells, held, ReferenceBatch(network, scorer, ids, pixels, None, targets, targets, 0))
    entries = [[pages[f"{n}/{m}"]["samples"][i] for m in range(len(maps)) for i in ids] for n in range(len(labels))]
    return entries, scorer


def softmax_curve(weight: Tensor, image: Tensor, order: list[int], target: int, rivals: int, steps: int) -> Array:
    """(steps + 1,): p (1 - q) by numpy; the rivals are those of the whole image."""
    w, x = weight.double().numpy(), image[0].flatten().double().numpy()
    ranked = sorted((c for c in range(len(w)) if c != target), key=lambda c: -float(w[c] @ x))[:rivals]
    points = []
    for k in range(steps + 1):
        shown = x.copy()
        shown[order[: round(k / steps * PIXELS)]] = 0
        exponents = np.exp(w @ shown)
        p = exponents / exponents.sum()
        points.append(p[target] * (1 - p[ranked].sum()))
    return np.array(points)


def order_of(saliency: Tensor) -> list[int]:
    """Pixels, the most salient first."""
    order: list[int] = np.argsort(-saliency.flatten().numpy()).tolist()
    return order


@pytest.mark.parametrize("rivals", [1, 2, 9])
def test_the_area_in_closed_form(rivals: int, weight: Tensor, images: Tensor, maps: Tensor) -> None:
    label = {"name": "contrastive_deletion", "steps": 8, "rivals": rivals}
    (entries,), _ = judged([label], LinearSoftmax(weight), images, [maps])
    curves = [
        softmax_curve(weight, image, order_of(each), int(target), rivals, 8)
        for image, each, target in zip(images, maps, TARGETS, strict=True)
    ]
    assert np.ptp([curve.mean() for curve in curves]) > 0.01
    np.testing.assert_allclose([e["y"] for e in entries], curves, atol=1e-5)
    np.testing.assert_allclose([e["value"] for e in entries], np.trapezoid(curves, dx=1 / 8), atol=1e-5)
    if rivals == 9:  # all others, whose p is 1 - p
        plain, _ = judged([{"name": "deletion", "steps": 8}], LinearSoftmax(weight), images, [maps])
        np.testing.assert_allclose(np.array([e["y"] for e in plain[0]]) ** 2, curves, atol=1e-5)


def test_the_salient_pixels_alone_as_the_authors_sum_them(weight: Tensor, images: Tensor, maps: Tensor) -> None:
    """A step a pixel: half of the pixels have half of the largest saliency. Trapezoids, of 1 / n each."""
    labels: list[Any] = [{"name": "contrastive_deletion", "steps": PIXELS, "level": 0.5}]
    labels += [
        {"name": "contrastive_drop", "steps": PIXELS},
        {"name": "contrastive_drop", "steps": PIXELS, "free": 0.8},
    ]
    (areas, drops, free), _ = judged(labels, LinearSoftmax(weight), images, [maps])
    for i, image in enumerate(images):
        curve = softmax_curve(weight, image, order_of(maps[i]), int(TARGETS[i]), 1, PIXELS)
        salient = int((maps[i] >= 0.5 * maps[i].max()).sum())
        assert salient == 8
        kept = curve[: salient + 1]
        assert areas[i]["value"] == pytest.approx((kept.sum() - (kept[0] + kept[-1]) / 2) / PIXELS, abs=1e-6)
        drop, most = curve[0] - curve[salient], max(salient, 0.05 * PIXELS)
        assert drops[i]["value"] == pytest.approx(drop / np.log2(1 + most / (0.05 * PIXELS)), abs=1e-6)
        assert drops[i]["parts"] == pytest.approx({"drop": drop, "salient": 0.5}, abs=1e-6)
        assert free[i]["value"] == pytest.approx(drop, abs=1e-6)  # half is less than what is free


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=3, max_size=9), st.floats(0, 1))
def test_the_area_up_to_a_share(y: list[float], share: float) -> None:
    """Between the points the score is linear: numpy on a fine grid that has the points and the end."""
    x = np.linspace(0, 1, len(y))
    grid = np.unique(np.append(x[x < share], share))
    area, there = area_to(torch.tensor([y], dtype=torch.float64), torch.tensor([share], dtype=torch.float64))
    assert float(there) == pytest.approx(np.interp(share, x, y), abs=1e-9)
    begun = np.append(0.0, grid) if grid[0] > 0 else grid
    assert float(area) == pytest.approx(np.trapezoid(np.interp(begun, x, y), begun), abs=1e-9)


def test_a_map_of_what_tells_the_classes_apart_is_best(weight: Tensor, images: Tensor) -> None:
    """Of a class and its rival: the difference of their evidence, beside the class's own evidence and its inverse."""
    shown = images[:, 0].flatten(1)
    logits = shown @ weight.T
    rival = logits.scatter(1, TARGETS[:, None], -torch.inf).argmax(1)
    contrast = (shown * (weight[TARGETS] - weight[rival])).view(3, SIDE, SIDE)
    height = (shown * weight[TARGETS]).view(3, SIDE, SIDE)
    (entries,), _ = judged(
        [{"name": "contrastive_deletion", "steps": 16}], LinearSoftmax(weight), images, [contrast, height, -contrast]
    )
    values = np.array([e["value"] for e in entries]).reshape(3, 3).mean(1)
    assert values[0] < values[1] < values[2]


def test_no_forward_is_added(weight: Tensor, images: Tensor, maps: Tensor) -> None:
    """Beside deletion, and beside metrics that do not ask for rivals; their values stay."""
    network, shown = LinearSoftmax(weight), [maps, -maps, maps.flip(0)]
    before, counted = judged(["deletion", "insertion", "saco"], network, images, shown)
    names = ["deletion", "insertion", "saco", "contrastive_deletion", "contrastive_drop"]
    after, beside = judged([*names, {"name": "contrastive_deletion", "rivals": 3}], network, images, shown)
    assert beside.passes.forwards == counted.passes.forwards > 0
    assert beside.passes.probes_scored == counted.passes.probes_scored
    for old, new in zip(before, after, strict=False):
        assert [e["value"] for e in new] == pytest.approx([e["value"] for e in old], abs=1e-6)
    alone, scorer = judged(names[3:], network, images, shown)
    assert scorer.passes.forwards == judged(["deletion"], network, images, shown)[1].passes.forwards
    assert [e["value"] for e in alone[0]] == pytest.approx([e["value"] for e in after[3]], abs=1e-6)


def test_whatever_the_batch(weight: Tensor, images: Tensor, maps: Tensor) -> None:
    values = [
        [e["value"] for e in judged(["contrastive_drop"], LinearSoftmax(weight), images, [maps], batch)[0][0]]
        for batch in (1, 2, 64)
    ]
    assert values[0] == pytest.approx(values[1], abs=1e-6)
    assert values[0] == pytest.approx(values[2], abs=1e-6)


def test_where_there_is_no_rival_or_no_salient_pixel(weight: Tensor, images: Tensor, maps: Tensor) -> None:
    names = ["contrastive_deletion", "contrastive_deletion@cwox-28", "contrastive_drop"]
    alone, _ = judged(names, LinearSoftmax(weight[:1]), images[:1], [maps[:1]])
    assert all("one class" in entries[0]["reason"] for entries in alone)
    flat, _ = judged(names, LinearSoftmax(weight), images, [torch.ones(3, SIDE, SIDE)])
    assert [entries[0]["status"] for entries in flat] == ["ok", "not_applicable", "not_applicable"]
    assert "constant" in flat[1][0]["reason"]


def test_rivals_are_declared_and_lent() -> None:
    blank = torch.zeros(1, 1)
    seen = Seen(blank, blank, blank, blank, blank, blank, rival_probability=torch.zeros(1, 1, 1))
    with pytest.raises(NotLent, match='Add "rivals"'):
        _ = lend(seen, "deletion", {"probes"}).rival_probability
    assert lend(seen, "contrastive_drop", {"probes", "rivals"}).rival_probability is seen.rival_probability
    with pytest.raises(BenchError, match='goes with rivals= and the need "probes"'):
        metric("half declared", higher_is_better=True, needs="rivals", protocols={"a": {}})(lambda seen: seen)


def test_of_each_picture_no_more_is_kept_than_was_asked_for(weight: Tensor, images: Tensor) -> None:
    """A target and its rivals, of four classes."""
    scorer = Scorer(LinearSoftmax(weight))
    classes, answers = with_rivals(scorer, images, TARGETS, 2)
    assert classes.shape == answers.probability.shape == (3, 3)
    assert scorer.passes.forwards == 3
    logits = LinearSoftmax(weight)(images).detach()
    for row, target, kept in zip(logits.softmax(1), TARGETS.tolist(), answers.probability, strict=True):
        others = sorted((float(p) for c, p in enumerate(row) if c != target), reverse=True)
        assert kept.tolist() == pytest.approx([float(row[target]), *others[:2]])
    asked = [read_metric(label) for label in ("deletion", "contrastive_drop")]
    assert most_rivals(asked) == 1
    assert most_rivals(asked[:1]) == 0
