"""GEF: whether the map moves as much as the network's answer does when all weights are disturbed.

Hedstroem et al. 2025, "Evaluating Interpretable Methods via Geometric Alignment of Functional Distortions" (TMLR);
rules read in the authors' repository, annahedstroem/GEF.
"""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from benchbench.registry import metric
from benchbench.types import Scored, Seen

from ..maps.similarity import constant, reasons
from ..types.probes import Whole
from ..types.views import NoisyWeights
from ._correlation import responds, spearman_or_zero

Levels = Annotated[int, Field(ge=2, le=1000)]
Draws = Annotated[int, Field(ge=1, le=1000)]
LEAST = 1e-3  # the first level
CONSTANT = "the map is constant: it has no size to divide by"
STILL = "the network's answer does not change under any weights"


def _sizes(levels: int, largest: float) -> list[float]:
    return [LEAST + (largest - LEAST) * k / (levels - 1) for k in range(levels)]


def _disturbed(levels: int, draws: int, largest: float) -> list[NoisyWeights]:
    sizes = _sizes(levels, largest)
    return [NoisyWeights(m * levels + z, sizes[z]) for m in range(draws) for z in range(levels)]


def _scaled(maps: Tensor) -> Tensor:
    """(B, n): maps over the root of their mean square; zeros stay."""
    flat = maps.double().flatten(1)
    size = flat.square().mean(1, keepdim=True).sqrt()
    return flat / torch.where(size > 0, size, 1)


@metric(
    "fast_gef",
    title="Fast-GEF",
    higher_is_better=True,
    needs={"reexplain", "map", "probes"},
    probes=lambda levels, draws, largest: [Whole()],
    views=_disturbed,
    protocols={"sizes-5-draws-5": {}, "sizes-5-draws-1": {"draws": 1}},
    unit="rank correlation",
    paper="https://openreview.net/forum?id=ukLxqA8zXj",
    family="faithfulness",
    range=(-1, 1),
    equation="mean over draws of Spearman over sizes of (abs(z(x; w) - z(x; w_n)); norm of M(x; w) - M(x; w_n))",
)
def fast_gef(
    seen: Seen, *, levels: Levels = 5, draws: Draws = 5, largest: Annotated[float, Field(gt=0.001, le=10)] = 1.0
) -> Scored:
    """Whether the map changes as much as the class's logit does, as the network's weights are disturbed more and more.

    Generalised explanation faithfulness in its fast mode: every weight w becomes w (1 + size n), n standard normal and
    drawn anew for each of ``levels`` sizes from 0.001 to ``largest``, ``draws`` times. Maps are at the layer's size,
    over the root of their mean square.

    The authors choose the largest size as the one at which the network's accuracy on their images is that of chance, so
    that an image's value depends on the others; here it is a parameter, by default the size that their code takes where
    it finds none. The full GEF, with the pullback of the network's noise, is not offered: the authors' code explains
    the network without the noise that the pullback is of.
    """
    assert seen.raw is not None, "the engine gives it"
    views = list(seen.reexplained.values())
    base = _scaled(seen.raw)
    moved = torch.stack([(_scaled(view.map) - base).norm(dim=1) for view in views], 1)
    answers = torch.stack([view.logit.double() for view in views], 1)
    changed = (answers - seen.whole_logit.double()[:, None].to(answers.device)).abs()
    rows = [slice(m * levels, (m + 1) * levels) for m in range(draws)]
    value = torch.stack([spearman_or_zero(changed[:, row], moved[:, row].to(changed.device)) for row in rows]).mean(0)
    still = ~responds(torch.cat([seen.whole_logit.double()[:, None].to(answers.device), answers], 1))
    return Scored(value, inapplicable=reasons((constant(seen.raw), CONSTANT), (still, STILL)))
