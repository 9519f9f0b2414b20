"""The known weaknesses of Grad-CAM, planted where every method's answer is known by hand: no training, no network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from benchbench.errors import BenchError, NotApplicable
from benchbench.registry import METHODS, method
from benchbench.suites.weaknesses import WEAKNESSES, Weakness, weakness
from benchbench.suites.weaknesses.planted_cases import BLIND, FOOTPRINTS, Planted, by_place, instances, total
from benchbench.types import Layer

from ..helpers import map_of

GRADIENTS = ["gradcam", "gradcam++", "xgradcam", "hirescam", "gradcam-elementwise", "layercam"]
SOFTMAX = {"variant": "torchcam"}
SUM, POOLED, DECOY = "several instances", "several instances, pooled", "weight is not contribution"


def sigmoid(logit: float) -> float:
    return float(torch.sigmoid(torch.tensor(logit, dtype=torch.float64)))


# relu's derivative is 1 on the footprint alone, so <g> is its share of the cells, and ++ sums 1 / (2 + n) over n cells;
# Score-CAM's masked images hold one footprint each: probabilities sigmoid(n), logits n
KNOWN: list[tuple[str, str, dict[str, Any], float]] = [
    (SUM, "gradcam", {}, 2 / 15),
    (SUM, "gradcam++", {}, (2 / 4) / (15 / 17)),
    (SUM, "xgradcam", {}, 1),
    (SUM, "hirescam", {}, 1),
    (SUM, "gradcam-elementwise", {}, 1),
    (SUM, "layercam", {}, 1),
    (SUM, "reciprocam", {}, 1),
    (SUM, "ablationcam", {}, 2 / 15),
    (SUM, "scorecam", {}, sigmoid(2) / sigmoid(15)),
    (SUM, "scorecam", SOFTMAX, 0),
    (SUM, "scorecam-raw", {}, 2 / 15),
    (POOLED, "gradcam", {}, 1),
    (POOLED, "gradcam++", {}, (2 + 2 / 4) / (2 + 15 / 4)),  # the slope is 20 / 80
    ("saturation", "ablationcam", {}, 1),
    ("saturation", "reciprocam", {}, 1),
    *(("saturation", name, {}, 1 / 2) for name in GRADIENTS),  # half of the slopes saturate
    *((DECOY, name, {}, 1 / 6) for name in GRADIENTS if name != "gradcam++"),
    (DECOY, "gradcam++", {}, (1 / 6) / (1 / 6 + 5 / 22)),  # g / (2 + 4 g), the slopes 1 and 5
    (DECOY, "ablationcam", {}, 1),
    (DECOY, "scorecam-raw", {}, 1),
    (DECOY, "scorecam", SOFTMAX, sigmoid(4)),
    (DECOY, "scorecam", {}, sigmoid(4) / (sigmoid(4) + 1 / 2)),
    *(("no forward effect", name, {}, 0) for name in [*GRADIENTS, "ablationcam"]),
    ("no forward effect", "scorecam", {}, 1),
    ("no forward effect", "reciprocam", {}, 1),
    ("uniform weight", "hirescam", {}, 1),
    *(("blind rows", name, {}, 1) for name in ("hirescam", "layercam", "gradcam-elementwise")),
]
# Figures of another 50 draws, by hand, in an earlier study of the same case: the standard error of a mean is .04
DRAWN = [("layercam", 0.87, 0), ("gradcam", 0.12, 0.44), ("gradcam++", 0.17, 0.43), ("xgradcam", 0.23, 0.43)]
DRAWN += [("scorecam", 0.3, 0.4)]


@pytest.fixture(scope="module", autouse=True)
def raw_scorecam() -> Iterator[None]:
    """Score-CAM weighted by the masked image's logit as it is, which nobody ships and the table of figures has."""

    @method("scorecam-raw", needs=("activation", "scores"), control=True)
    def raw(layer: Layer) -> Tensor:
        """Weighted by the logit."""
        live = layer.activation.amax((2, 3)) > 0
        weight = layer.score_masked(layer.activation, of="logit") * live
        return torch.einsum("bk,bkhw->bhw", weight, layer.activation)

    yield
    METHODS.remove("scorecam-raw")


@pytest.mark.parametrize(("case", "name", "params", "expected"), KNOWN, ids=lambda x: str(x))
def test_the_score_is_the_one_worked_out_by_hand(case: str, name: str, params: dict[str, Any], expected: float) -> None:
    assert WEAKNESSES[case].score(name, **params) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(("name", "correlation", "blind"), DRAWN)
def test_random_heads_give_what_others_gave(name: str, correlation: float, blind: float) -> None:
    assert WEAKNESSES["uniform weight"].score(name) == pytest.approx(correlation, abs=0.05)
    assert 1 - WEAKNESSES["blind rows"].score(name) == pytest.approx(blind, abs=0.05)


@pytest.mark.parametrize("name", ["random", "uniform", "center", "sobel", "fakecam", "inverted"])
def test_what_knows_nothing_passes_none(name: str) -> None:
    assert not [case.name for case in WEAKNESSES.values() if case.passes(name)]


@pytest.mark.parametrize("case", WEAKNESSES.values(), ids=WEAKNESSES)
def test_the_truth_passes_every_case(case: Weakness) -> None:
    """The true contribution scores 1, and the control that is given its mask passes."""
    assert case.measure(lambda planted: planted.truth) == pytest.approx(1, abs=1e-6)
    assert case.passes("oracle")


def test_what_asks_no_class_passes_four() -> None:
    """They have no features but those of the objects; of two channels that respond alike it takes half each."""
    passed = {case.name for case in WEAKNESSES.values() if case.passes("mean-activation")}
    assert passed == {"several instances", "several instances, pooled", "saturation", "no forward effect"}
    assert WEAKNESSES["weight is not contribution"].score("mean-activation") == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize("case", WEAKNESSES)
def test_every_case_tells_methods_apart(case: str) -> None:
    """Integrated gradients keep completeness, an answer to all but a jump; Grad-CAM fails all but two."""
    assert WEAKNESSES[case].passes("integratedgradients") == (case != "discontinuity")
    assert WEAKNESSES[case].passes("gradcam") == (case in (POOLED, "interaction"))


def test_what_does_not_apply_is_said_and_a_name_is_guessed() -> None:
    with pytest.raises(NotApplicable, match="pool"):
        WEAKNESSES[SUM].score("cam")
    with pytest.raises(NotApplicable, match="whole dataset"):
        WEAKNESSES[SUM].score("dataset-mean")
    with pytest.raises(BenchError, match="Did you mean 'saturation'"):
        weakness("saturated")


def map_by(name: str, head: Any, image: Tensor) -> Tensor:
    """(h, w), not normalised."""
    return map_of(name, Planted(head), image, "features", torch.tensor([0]))[0]


def test_several_instances_by_cells() -> None:
    """Each cell alone raises the probability alike, whatever instance it is of; a cell outside does not."""
    heatmap = map_by("reciprocam", total, instances())
    for place in FOOTPRINTS:
        assert float(heatmap[place].max()) == pytest.approx(sigmoid(1), abs=1e-6)
    assert float(heatmap[4, 4]) == pytest.approx(0.5, abs=1e-6)


def test_cause_by_place_is_not_a_channel_mean() -> None:
    """What is weighted cell by cell is the true contribution itself, and not only alike."""
    image, weight = by_place(0)

    def head(features: Tensor) -> Tensor:
        return (weight * features).sum((1, 2, 3))

    torch.testing.assert_close(map_by("hirescam", head, image), torch.relu((weight * image[0]).sum(0)))
    for name in ("hirescam", "layercam", "gradcam-elementwise"):
        assert float(map_by(name, head, image)[BLIND].abs().max()) == 0, name
    for name in ("gradcam", "ablationcam"):
        assert float(map_by(name, head, image)[BLIND].max()) > 0, name


def test_the_positive_part_is_taken_before_or_after_the_sum() -> None:
    """+2 and -1 in one cell: HiResCAM's sum is 1, the element-wise one is 2."""

    def head(features: Tensor) -> Tensor:
        return (torch.tensor([2.0, -1.0, 0.0])[:, None, None] * features).sum((1, 2, 3))

    for name, expected in (("hirescam", 1.0), ("gradcam-elementwise", 2.0)):
        torch.testing.assert_close(map_by(name, head, torch.ones(1, 3, 2, 2)), torch.full((2, 2), expected))
