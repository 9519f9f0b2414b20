"""A detector as a classifier: its logits by hand, its gradients by finite differences, and a study."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import benchbench as bb
from benchbench.errors import BenchError
from benchbench.models.detector import FLOOR, DetectionTarget, side_of
from benchbench.models.load import fingerprint
from benchbench.network.behind_layer import rest
from benchbench.network.capture import capture
from benchbench.network.custom_score import activation_of, scored
from benchbench.network.fast_copy import prepare
from benchbench.network.layers import resolve
from benchbench.network.scorer import target_scores

from ..dense_networks import CLASSES, DETECTION, SIDE, tiny

DETECTIONS = {
    "boxes": torch.tensor([[0, 0, 10, 10], [0, 0, 20, 10], [30, 30, 40, 40], [0, 0, 10, 10]]).float(),
    "labels": torch.tensor([1, 1, 1, 2]),
    "scores": torch.tensor([0.6, 0.3, 0.9, 0.5]),
}


def logit(p: float) -> float:
    return math.log(p) - math.log(1 - p)


# box and overlap; the probabilities of four classes: that of the box best overlapped, of the best, or the floor
TARGETS: dict[str, tuple[tuple[float, ...] | None, float, list[float]]] = {
    "best": (None, 0.5, [FLOOR, 0.9, 0.5, FLOOR]),
    "first box": ((0, 0, 0.25, 0.25), 0.5, [FLOOR, 0.6, 0.5, FLOOR]),
    "second box": ((0, 0, 0.5, 0.25), 0.5, [FLOOR, 0.3, 0.5, FLOOR]),  # the first overlaps by exactly a half
    "strict": ((0, 0, 0.5, 0.25), 0.51, [FLOOR, 0.3, FLOOR, FLOOR]),
    "far": ((0.5, 0, 0.6, 0.1), 0.1, [FLOOR] * 4),
}


@pytest.mark.parametrize("name", TARGETS)
def test_logits_by_hand(name: str) -> None:
    box, overlap, expected = TARGETS[name]
    target = DetectionTarget(4, box, overlap)
    logits = target.logits(target.detections(DETECTIONS, (40, 40)))
    torch.testing.assert_close(logits, torch.tensor([logit(p) for p in expected]))
    answers = target_scores(logits[None], torch.tensor([1]), "sigmoid")
    assert float(answers.probability) == pytest.approx(expected[1], rel=1e-5)


def test_a_sure_detection_has_a_finite_logit_with_a_gradient_and_nothing_found_has_one_of_zero() -> None:
    target = DetectionTarget(3)
    sure = {"boxes": torch.zeros(1, 4), "labels": torch.tensor([2]), "scores": torch.ones(1, requires_grad=True)}
    logits = target.logits(target.detections(sure, (8, 8)))
    (slope,) = torch.autograd.grad(logits[2], sure["scores"])
    assert float(logits[2].detach()) == pytest.approx(-math.log(1e-6), rel=1e-4)
    assert float(slope) == 1
    none = {key: value[:0] for key, value in sure.items()}
    logits = target.logits(target.detections(none, (8, 8)))
    (slope,) = torch.autograd.grad(logits.sum(), sure["scores"], allow_unused=True)
    assert logits.tolist() == [pytest.approx(logit(FLOOR))] * 3
    assert float(slope) == 0


@pytest.fixture(scope="module")
def pictures() -> Tensor:
    return torch.rand(3, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


def shown(name: str, **params: Any) -> nn.Module:
    return bb.detector(tiny(name), CLASSES, **{"min_score": 0.05, **params})


@pytest.mark.parametrize("name", DETECTION)
def test_the_logits_are_those_of_what_torchvision_finds(name: str, pictures: Tensor) -> None:
    """As its own forward returns it, for the best and for a box; whatever else is in the batch."""
    plain, network = tiny(name), shown(name)
    heads = getattr(plain, "roi_heads", plain)
    heads.score_thresh, heads.detections_per_img = 0.05, 10_000
    with torch.no_grad():
        detections = plain(list(pictures))
        large = [k for k, (a, b, c, d) in enumerate(detections[0]["boxes"].tolist()) if (c - a) * (d - b) > 64]
        last = detections[0]["boxes"][large[-1]].clamp(0, SIDE)  # in the first image the least certain is at the box
        logits, at_box = network(pictures), shown(name, box=tuple((last / SIDE).tolist()), overlap=0.2)(pictures)
        alone = torch.cat([network(image[None]) for image in pictures])
    torch.testing.assert_close(logits, alone, rtol=1e-4, atol=1e-4)
    expected, expected_at_box = torch.full((2, 3, CLASSES), logit(FLOOR)).unbind()
    for i, each in enumerate(detections):
        for c in each["labels"].unique().tolist():
            rows = each["labels"] == c
            expected[i, c] = each["scores"][rows].max().logit()
            overlaps = [_overlap(b, last.tolist()) for b in each["boxes"][rows].tolist()]
            if max(overlaps) >= 0.2:
                expected_at_box[i, c] = each["scores"][rows][overlaps.index(max(overlaps))].logit()
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(at_box, expected_at_box, rtol=1e-4, atol=1e-4)
    label = int(detections[0]["labels"][large[-1]])
    assert logit(FLOOR) < at_box[0, label] < logits[0, label], "what overlaps the box best is not the best"


def _overlap(first: list[float], second: list[float]) -> float:
    (a, b, c, d), (e, f, g, h) = first, second
    shared = max(0.0, min(c, g) - max(a, e)) * max(0.0, min(d, h) - max(b, f))
    return shared / ((c - a) * (d - b) + (g - e) * (h - f) - shared)


LAST = {name: "backbone.features" if name == "ssd" else "backbone.body.layer4" for name in DETECTION}


@pytest.mark.parametrize("name", DETECTION)
def test_gradients_reach_the_backbone_as_finite_differences_do(name: str, pictures: Tensor) -> None:
    """At the last layer, along the gradient: the logit of the same detections rises as the slope says.

    Of two stages the second sees what the first proposes, and torchvision gives proposals no derivative.
    """
    network = shown(name).double()
    images = pictures.double()
    (layer,) = resolve(network, images[:1], "last")
    assert layer == LAST[name]
    assert resolve(network, images[:1], "stages")[-1] == layer
    seen = capture(network, images, [layer], lambda z: z.argmax(1))
    activation, slope = seen.activations[layer], seen.gradients[layer]
    assert (slope.flatten(1).abs().sum(1) > 0).all()
    step = 1e-5 * slope / slope.flatten(1).norm(dim=1)[:, None, None, None]
    with torch.no_grad():
        ends = [rest(network, images, layer, activation + sign * step, seen.layouts[layer]) for sign in (1, -1)]
    rise = (ends[0] - ends[1]).gather(1, seen.targets[:, None])[:, 0] / 2e-5
    tolerance = 2e-2 if name.endswith("rcnn") else 1e-3
    torch.testing.assert_close(rise, slope.flatten(1).norm(dim=1), rtol=tolerance, atol=1e-8)


@pytest.mark.parametrize("name", DETECTION)
def test_the_fast_copy_gives_equal_logits(name: str, pictures: Tensor) -> None:
    network = shown(name)
    prepared = prepare(network, pictures)
    assert prepared.used, prepared.reason
    with torch.no_grad():
        torch.testing.assert_close(prepared.network(pictures), network(pictures), rtol=1e-3, atol=1e-3)


def test_its_activation_is_the_sigmoid_whatever_wraps_it(pictures: Tensor) -> None:
    network = shown("ssd")
    assert activation_of(network) == activation_of(scored(network, lambda z: z[:, 1] - z[:, 2])) == "sigmoid"
    assert activation_of(nn.Identity()) == "softmax"
    maps = bb.explain(network, pictures, method="scorecam", target=1)
    assert maps.shape == (3, 1, SIDE, SIDE)


def test_other_targets_are_other_networks() -> None:
    box = (0.1, 0.1, 0.9, 0.9)
    ways: list[dict[str, Any]] = [{}, {"box": box}, {"box": box, "overlap": 0.2}, {"min_score": 0.1}]
    assert len({fingerprint(shown("ssd", **way)) for way in ways}) == 4
    assert fingerprint(shown("ssd")) == fingerprint(shown("ssd"))


def test_heads_for_masks_are_left_out_and_images_are_resized(pictures: Tensor) -> None:
    network: Any = shown("mask_rcnn", size=96)
    assert network.roi_heads.mask_head is None
    assert side_of(network) == 96
    kept: list[Tensor] = []
    network.backbone.body.layer4.register_forward_hook(lambda _m, _i, out: kept.append(out))
    (first, *_) = network.detect(pictures)
    assert kept[0].shape == (3, 64, 3, 3), "of 96 pixels"
    assert 32 < float(first.boxes.detach().max()) <= SIDE, "boxes are in pixels of the image as it was given"


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "size": ({"size": 70}, "size is 70. Give a multiple of 32"),
    "box in pixels": ({"box": (10, 10, 50, 50)}, "are not fractions between 0 and 1"),
    "point": ({"box": (0.5, 0.5)}, "cannot read 0.5, 0.5. Give x0,y0,x1,y1"),
    "overlap": ({"overlap": 0.0}, "overlap is 0.0"),
    "least score": ({"min_score": 1e-6}, "min_score is 1e-06. Give 0.0001 or more"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_target_is_refused(name: str) -> None:
    params, message = WRONG[name]
    with pytest.raises(BenchError, match=message):
        shown("retinanet", **params)


def test_what_cannot_be_detected_in_is_refused(pictures: Tensor) -> None:
    with pytest.raises(BenchError, match="the network is Identity, which is no detector"):
        bb.detector(nn.Identity(), 3)
    with pytest.raises(BenchError, match="takes square images, and these are 32 x 64"):
        shown("ssd")(pictures[:, :, :32])
    with pytest.raises(BenchError, match="found class 3, and classes is 2"):
        bb.detector(tiny("ssd"), 2, min_score=0.05)(pictures)


def test_a_study_with_deletion_localisation_and_drise(pictures: Tensor, tmp_path: Path) -> None:
    """Deletion starts from the detection's score: probabilities are those of a sigmoid without the study's word."""
    masks = torch.zeros(3, SIDE, SIDE, dtype=torch.bool)
    masks[:, 16:48, 16:48] = True
    run = bb.Study(
        models={"net": bb.ModelSpec("net", shown("ssd"), bb.Preprocess(SIDE, SIDE, (0.0,) * 3, (1.0,) * 3))},
        datasets={"d": (pictures, [1, 2, 3], masks)},
        methods=["gradcam", {"name": "drise", "masks": 10}, "reciprocam", "fullgrad", "random"],
        metrics=["deletion", "pointing_game", "passes"],
        target="label",
    ).run(tmp_path, report=False)
    table = run.table
    assert set(table.loc[table["method"] != "fullgrad", "status"]) == {"ok"}
    with torch.no_grad():
        expected = shown("ssd")(pictures).gather(1, torch.tensor([[1], [2], [3]]))[:, 0].sigmoid()
    first = run.record.photos.sort_values("sample")
    torch.testing.assert_close(torch.tensor(first["probability"].tolist()), expected, rtol=1e-3, atol=1e-4)
    passes = table[(table["metric"] == "passes") & (table["method"].str.startswith("drise"))]
    assert set(passes["value"]) == {1 + 1 + 10}
