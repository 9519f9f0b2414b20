"""The classes that compete with the class explained: which they are, and their probabilities on the probes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..network.scorer import Scorer, TargetScores, target_scores
from ..study.requests import rivals_of
from ..study.spec import MetricChoice


def most_rivals(metrics: Sequence[MetricChoice]) -> int:
    """The largest number of rivals that one of the metrics asks for; 0 where none asks for any."""
    return max((rivals_of(metric) for metric in metrics), default=0)


def with_rivals(scorer: Scorer, images: Tensor, targets: Tensor, count: int) -> tuple[Tensor, TargetScores]:
    """The targets (B, 1 + R), each before its rivals, and the answers (B, 1 + R) to the images, which are so known.

    The rivals of an image are the classes, other than its target, with the largest logits on the image as it is, the
    likeliest first: ``count`` of them, or all others if the network has fewer.
    """
    logits = scorer.logits(images)
    others = logits.scatter(1, targets[:, None], -torch.inf)
    likeliest = others.topk(min(count, logits.shape[1] - 1), 1).indices
    classes = torch.cat([targets[:, None], likeliest], 1)
    return classes, target_scores(logits, classes, scorer.activation)
