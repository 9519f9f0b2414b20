"""A ceiling: how high a map that is made for insertion comes in it.

Chen, Zhang, Liang, Li and Cao 2024, arXiv:2402.09164, add regions greedily too, by a submodular function of four
scores; here the target's score alone decides.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from benchbench.registry import method
from benchbench.types import Layer, ScoreKind

from ._hidden import Hiding
from ._superpixels import Segments, Superpixels

_EQUAL = 1e-6  # of the best score: what rounding makes of a score in another batch


@method(
    "ceiling",
    title="Ceiling of insertion",
    needs=("input", "scores"),
    control=True,
    optimises="insertion",
    paper="arXiv:2402.09164",
    fails="It is made for one metric and shows what wins it, not what the network uses: pieces of other objects and of "
    "the background that raise the score. A greedy order is not always the best one.",
)
def ceiling(
    layer: Layer, *, segments: Segments = 50, fill: Hiding = "blur", answer: ScoreKind = "probability"
) -> Tensor:
    """Superpixels in the order in which each raises the target's score most, greedily, from the fill to the image.

    The first superpixel has the value 1 and the last one 1 / M. Made for insertion with the same ``fill`` and
    ``answer``: the upper end of a scale whose lower end is the control ``random``. M (M + 1) / 2 passes, with M the
    most superpixels of an image in the batch. Of scores that are equal but for rounding, the first superpixel's counts.
    """
    parts = Superpixels.of(layer, segments, fill)
    count, device = len(parts.counts), parts.labels.device
    kept = torch.zeros(count, parts.most, dtype=torch.bool, device=device)
    left = torch.arange(parts.most, device=device).repeat(count, 1)
    order = torch.zeros(count, parts.most, device=device)
    for step in range(parts.most):
        scores = _with_each(layer, parts, kept, left, answer)
        place = torch.tensor([_first_best(row) for row in _of_real(scores, left, parts)], device=device)[:, None]
        chosen = left.gather(1, place)
        kept.scatter_(1, chosen, True)
        order.scatter_(1, chosen, float(step))
        left = left[left != chosen].view(count, -1)
    counts = torch.tensor(parts.counts, device=device)[:, None]
    return parts.spread(1 - order / counts).to(layer.images)


def _with_each(layer: Layer, parts: Superpixels, kept: Tensor, left: Tensor, answer: ScoreKind) -> Tensor:
    """(B, n): the score with each of those superpixels that are ``left`` (B, n) beside those that are ``kept``."""
    return layer.score_pictures(
        lambda i, n: parts.picture(i, kept[i].scatter(1, left[i, n][:, None], True)), left.shape[1], of=answer
    )


def _of_real(scores: Tensor, left: Tensor, parts: Superpixels) -> list[np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """Each image's scores (n,); minus infinity for numbers beyond its last superpixel, which come last."""
    counts = torch.tensor(parts.counts, device=left.device)[:, None]
    return list(torch.where(left < counts, scores.double(), -torch.inf).cpu().numpy())


def _first_best(scores: np.ndarray[tuple[int], np.dtype[np.float64]]) -> int:
    best = scores.max()
    slack = _EQUAL * max(1.0, abs(best)) if np.isfinite(best) else 0.0
    return int(np.argmax(scores >= best - slack))
