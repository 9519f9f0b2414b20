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

_EQUAL = 1e-5  # of a score, or of a gain: no more than rounding makes of it in another batch


@method(
    "ceiling",
    title="Ceiling of insertion",
    needs=("input", "scores"),
    control=True,
    optimises="insertion",
    paper="arXiv:2402.09164",
    fails="It is made for one metric and shows what wins it, not what the network uses: pieces of other objects and of "
    "the background that raise the score. A greedy order of superpixels is not always the best map.",
)
def ceiling(
    layer: Layer, *, segments: Segments = 50, fill: Hiding = "blur", answer: ScoreKind = "probability"
) -> Tensor:
    """Superpixels in the order in which each raises the target's score most for its size, from the fill to the image.

    Each step adds the superpixel with the largest gain of the score per pixel, as insertion counts pixels: where the
    score is a sum over superpixels, no other order of them has a larger area. The first superpixel has the value 1 and
    the last one 1 / M. Made for insertion with the same ``fill`` and ``answer``: the upper end of a scale whose lower
    end is the control ``random``. M (M + 1) / 2 + 1 passes, with M the most superpixels of an image in the batch. Of
    gains that are equal but for rounding, the first superpixel's counts.
    """
    parts = Superpixels.of(layer, segments, fill)
    count, device = len(parts.counts), parts.labels.device
    kept = torch.zeros(count, parts.most, dtype=torch.bool, device=device)
    left = torch.arange(parts.most, device=device).repeat(count, 1)
    order = torch.zeros(count, parts.most, device=device)
    now = layer.score_pictures(lambda i, _: parts.picture(i, kept[i]), 1, of=answer)
    for step in range(parts.most):
        scores = _with_each(layer, parts, kept, left, answer)
        place = _best(_worth(scores, now, left, parts, answer))[:, None].to(device)
        now, chosen = scores.gather(1, place), left.gather(1, place)
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


def _worth(scores: Tensor, now: Tensor, left: Tensor, parts: Superpixels, answer: ScoreKind) -> Tensor:
    """(B, n): what each superpixel adds to the score ``now`` (B, 1), per pixel; 0 where that is rounding.

    Minus infinity for numbers beyond an image's last superpixel, which come last.
    """
    size = now.abs() if answer == "probability" else now.abs().clamp_min(1)  # float32 has few digits of a logit near 0
    gains = (scores - now).double()
    gains = torch.where(gains.abs() <= _EQUAL * size, 0, gains) / parts.sizes.gather(1, left).clamp_min(1)
    return torch.where(left < torch.tensor(parts.counts, device=left.device)[:, None], gains, -torch.inf)


def _best(worth: Tensor) -> Tensor:
    """(B,): the place of the first that is the largest, but for rounding."""
    best = worth.amax(1, keepdim=True)
    near = worth >= torch.where(best.isinf(), best, best - _EQUAL * best.abs())
    return torch.from_numpy(np.argmax(near.cpu().numpy(), axis=1))
