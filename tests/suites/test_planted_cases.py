"""The three cases that the literature adds to Grad-CAM's weaknesses: interaction, cancellation and a jump, by hand."""

from __future__ import annotations

from math import exp
from typing import Any

import pytest
import torch

from benchbench.suites.weaknesses import WEAKNESSES
from benchbench.suites.weaknesses.planted_cases import of_both, of_opposed, of_places, of_steps

GRADIENTS = ["gradcam", "gradcam++", "xgradcam", "hirescam", "gradcam-elementwise", "layercam"]
TORCHCAM = {"variant": "torchcam"}


def sigmoid(logit: float) -> float:
    return 1 / (1 + exp(-logit))


def score(case: str, method: str, params: dict[str, Any]) -> float:
    return WEAKNESSES[case].score(method, **params)


@pytest.mark.parametrize(
    ("method", "params", "expected"),
    [
        *((name, {}, 1.0) for name in [*GRADIENTS, "ablationcam"]),
        ("scorecam", {}, 2 / 3),
        ("scorecam", TORCHCAM, 2 / 3),
        ("reciprocam", {}, 0.0),
        ("mean-activation", {}, 2 / 3),
    ],
)
def test_interaction(method: str, params: dict[str, Any], expected: float) -> None:
    """y = relu(a + b - 1), with a and b means over 4 cells of 64; in the image a = b = 1, so y = 1.

    - dy/dA is 1/4 on the cells of both parts, and 0 for the distractor. By symmetry every gradient method gives both
      parts the same values: the weaker has half of the mass, twice that is 1.
    - Without a part y is 0, without the distractor it is 1: Ablation-CAM's weights are 1, 1 and 0. The score is 1.
    - A masked image holds one channel, so that y = relu(1 - 1) = 0 for a part, and relu(0 - 1) = 0 for the distractor:
      all three weigh the same under every rule. A third of the mass on each, twice that is 2/3, as of the mean.
    - A cell alone has a = 1/4 and b = 0: y = 0 everywhere, and Recipro-CAM's map is constant.
    """
    assert score("interaction", method, params) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("method", "params", "expected"),
    [
        *((name, {}, 0.0) for name in ["gradcam", "gradcam++", "xgradcam", "ablationcam", "scorecam"]),
        ("scorecam", TORCHCAM, 0.0),
        *((name, {}, 1.0) for name in ["hirescam", "gradcam-elementwise", "layercam"]),
        ("reciprocam", {}, (sigmoid(2) - sigmoid(1)) / (sigmoid(2) - sigmoid(0))),
        ("mean-activation", {}, 0.0),
    ],
)
def test_cancellation(method: str, params: dict[str, Any], expected: float) -> None:
    """y = 1 + (sum of A over 4 cells) - (sum of A over 4 others) of one channel that is 1 on all eight: y = 1.

    - The gradient is 1 on the first four and -1 on the others: its mean is 0, and Grad-CAM's map too. XGrad-CAM's
      weight is sum(g A) / sum(A) = (4 - 4) / 8 = 0. Without the channel y is 1 as well, so Ablation-CAM's is 0.
    - Grad-CAM++ sums relu(g) / (2 + g sum A) = 1 / 10 over four cells: the weight 2/5 shows all eight alike, as
      Score-CAM does with whatever weight its one channel has: nothing stands above the rest, the margin is 0.
    - g A is 1, -1 or 0: its positive part is the evidence itself, the margin is 1.
    - A cell alone gives y = 2, 0, or elsewhere 1. Recipro-CAM's probabilities sigmoid(2), sigmoid(0) and sigmoid(1) are
      min-max normalised: the margin is 1 - (sigmoid(1) - sigmoid(0)) / (sigmoid(2) - sigmoid(0)) = 0.393.
    """
    assert score("cancellation", method, params) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("method", "params", "expected"),
    [
        *((name, {}, 0.0) for name in [*GRADIENTS, "integratedgradients", "reciprocam"]),
        ("ablationcam", {}, 1.0),
        ("scorecam", {}, sigmoid(1) / (sigmoid(1) + 1 / 2)),
        ("scorecam", TORCHCAM, sigmoid(1)),
        ("mean-activation", {}, 1 / 2),
    ],
)
def test_discontinuity(method: str, params: dict[str, Any], expected: float) -> None:
    """y = 1 where the mean of channel 0 passes .3, .5 or .7 of what it is in the image, and 0 below.

    - The gradient is 0 at the image and on all of the way to it, but for one point: every map of gradients is constant.
    - Without channel 0 y is 0, without the other it is 1: Ablation-CAM's weights are 1 and 0.
    - The image masked by channel 0 has y = 1, by the other y = 0: Score-CAM's weights are sigmoid(1) and sigmoid(0) =
      1/2, on as many cells. As a softmax over channels of y they are e / (e + 1) = sigmoid(1) and the rest.
    - A cell alone is a quarter of the evidence, below every threshold: Recipro-CAM's map is constant.
    """
    assert score("discontinuity", method, params) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("planted", [of_both, of_opposed, of_steps])
def test_the_logit_is_1_in_the_image_and_0_or_1_without_it(planted: Any) -> None:
    for case in planted():
        assert float(case.head(case.image)) == pytest.approx(1, abs=1e-6)
        assert float(case.head(0 * case.image)) in (0, 1)
        assert float(case.truth.max()) == 1
        assert float(case.truth.min()) == 0


def test_slopes_cancel_exactly_and_a_jump_has_none() -> None:
    image = of_opposed()[0].image.clone().requires_grad_()
    (slope,) = torch.autograd.grad(of_opposed()[0].head(image), image)
    assert float(slope.sum()) == 0
    assert int((slope != 0).sum()) == 8
    for case in of_steps():
        image = case.image.clone().requires_grad_()
        (slope,) = torch.autograd.grad(case.head(image), image)
        assert not slope.any()


def test_constructions_are_made_once() -> None:
    """So that two weaknesses of the same random heads share their maps."""
    assert of_places() is of_places()
    assert WEAKNESSES["uniform weight"].planted is WEAKNESSES["blind rows"].planted
