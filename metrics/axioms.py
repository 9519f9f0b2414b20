"""Axioms that attributions to the pixels of an image are asked to satisfy: completeness, input invariance, symmetry.

Sundararajan et al. 2017, arXiv:1703.01365 (completeness, symmetry preserving); Kindermans et al. 2019, arXiv:1711.00867
(input invariance). A value of 0 means that the axiom holds on the image; all three are in [0, 1].
"""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from benchbench.registry import metric
from benchbench.types import Scored, Seen

from ..maps.similarity import constant as constant_map
from ..maps.similarity import reasons
from ..types.probes import Filled, PlainFill
from ..types.views import AddedConstant, MirrorSymmetric

UNCHANGED = "the score of the baseline is that of the image: there is nothing to attribute"
CONSTANT = "the map is constant: it attributes the answer to nothing"
EMPTY = "the map of the symmetric image is zero everywhere"
_ROUNDING = 1e-5  # of the larger score


def _signed(seen: Seen) -> Tensor:
    assert seen.signed_map is not None, "the engine gives it"
    return seen.signed_map.double()


def _relative(first: Tensor, second: Tensor) -> Tensor:
    """(B,): |first - second| / (|first| + |second|) with absolute sums over all cells; NaN where both are zero."""
    gap, size = (first - second).flatten(1).abs().sum(1), (first.abs() + second.abs()).flatten(1).sum(1)
    return gap / torch.where(size > 0, size, torch.nan)


@metric(
    "completeness",
    title="completeness gap",
    higher_is_better=False,
    needs={"probes", "signed-map", "logit-map"},
    probes=lambda fill: [Filled(fill)],
    protocols={"zero": {"fill": "zero"}, "blur": {"fill": "blur"}},
    unit="share",
    paper="arXiv:1703.01365",
    family="axioms",
    range=(0, 1),
    equation="|sum(A) - (f(x) - f(x'))| / (|sum(A)| + |f(x) - f(x')|), with f the score of the class as a logit",
)
def completeness(seen: Seen, *, fill: PlainFill = "zero") -> Scored:
    """How far the sum of the attributions is from the score's difference between the image and a baseline.

    0: the attributions add up to the difference; 1: they have the other sign, or one of the two is zero. The baseline
    is the ``fill``, "zero" in the space after pre-processing: that of ``integratedgradients`` and ``deeplift`` here.
    ``gap`` is the sum minus the difference, in logits (captum's convergence delta). Not applicable where the two
    scores are equal, to methods that explain another score than the logit, and where a value belongs to a superpixel, a
    square or a cell of a layer: painted onto its pixels, it would be counted once for each of them.
    """
    total, before, after = _signed(seen).flatten(1).sum(1), seen.whole_logit.double(), seen.logit[:, 0].double()
    change = before - after
    value = (total - change).abs() / (total.abs() + change.abs())
    level = change.abs() <= _ROUNDING * torch.maximum(before.abs(), after.abs())
    value = torch.where(level, torch.nan, value)
    return Scored(value, {"gap": total - change}, inapplicable=reasons((level, UNCHANGED)))


@metric(
    "input_invariance",
    title="input invariance gap",
    higher_is_better=False,
    needs={"map", "reexplain"},
    views=lambda constant: [AddedConstant(constant)],
    protocols={"shift-1": {"constant": 1.0}},
    unit="share",
    paper="arXiv:1711.00867",
    family="axioms",
    range=(0, 1),
    equation="sum|A - A'| / (sum|A| + sum|A'|), with A' of x + c and of the network f(x - c)",
)
def input_invariance(seen: Seen, *, constant: Annotated[float, Field(gt=0)] = 1.0) -> Scored:
    """How much a map changes if a constant is added to every pixel and the network subtracts it again.

    The two networks give the same answer to the two images, with the same gradient, so nothing that explains the
    answer may differ. ``constant``: in pixels of [0, 1]. The paper compensates the bias of the first layer; here the
    network subtracts the constant from its input, which is the same function, also where a convolution pads.
    """
    assert seen.raw is not None, "the engine gives it"
    (view,) = seen.reexplained.values()
    first, second = seen.raw.double(), view.map.double()
    return Scored(_relative(first, second), inapplicable=reasons((constant_map(first), CONSTANT)))


@metric(
    "symmetry",
    title="symmetry gap",
    higher_is_better=False,
    needs={"signed-map", "reexplain"},
    views=lambda: [MirrorSymmetric()],
    protocols={"mirror": {}},
    unit="share",
    paper="arXiv:1703.01365",
    family="axioms",
    range=(0, 1),
    equation="sum|A - mirror(A)| / (2 sum|A|), with A of (x + mirror(x)) / 2 and of the network f((x + mirror(x)) / 2)",
)
def symmetry(seen: Seen) -> Scored:
    """How unequal the attributions of two pixels are that play the same part and have the same value.

    The image is averaged with its mirror image (left to right), and so is whatever the network is given: to this
    network each pixel and its mirror pixel are symmetric variables with equal values, so their attributions must be
    equal.
    """
    flat = constant_map(_signed(seen))
    (view,) = seen.reexplained.values()
    shown = view.map.double()
    empty = shown.flatten(1).abs().amax(1) == 0
    return Scored(_relative(shown, shown.flip(-1)), inapplicable=reasons((flat, CONSTANT), (empty, EMPTY)))
