"""Average drop, increase in confidence, average gain: what is left of the class on image x map.

Average drop and increase: Chattopadhyay et al. 2018 (Grad-CAM++), arXiv:1710.11063, section 4.1. Average gain: Zhang et
al. 2024 (Opti-CAM), arXiv:2301.07002. p is the target's softmax probability on the image, q on (normalised
image) x (min-max normalised map). A value per image; the mean over images is the paper's number.
"""

from __future__ import annotations

import torch

from benchbench.perturb import Multiply
from benchbench.registry import metric
from benchbench.types import Scored, Seen

PROTOCOLS: dict[str, dict[str, object]] = {"masked-image": {}}


def _masked() -> list[Multiply]:
    return [Multiply(fill="zero")]


def _pq(seen: Seen) -> tuple[torch.Tensor, torch.Tensor]:
    return seen.whole_probability.double(), seen.probability[:, 0].double()


@metric(
    "average_drop",
    higher_is_better=False,
    needs="probes",
    probes=_masked,
    protocols=PROTOCOLS,
    unit="share of p",
    paper="arXiv:1710.11063",
)
def average_drop(seen: Seen) -> Scored:
    """max(0, p - q) / p: the share of the class's probability that image x map loses; 0 where p = 0."""
    p, q = _pq(seen)
    return Scored(torch.where(p > 0, (p - q).clamp_min(0) / p, 0))


@metric(
    "increase",
    title="increase in confidence",
    higher_is_better=True,
    needs="probes",
    probes=_masked,
    protocols=PROTOCOLS,
    unit="share of images",
    paper="arXiv:1710.11063",
)
def increase(seen: Seen) -> Scored:
    """1 where q > p, strictly: the class is more probable on image x map than on the image."""
    p, q = _pq(seen)
    return Scored((q > p).double())


@metric(
    "average_gain",
    higher_is_better=True,
    needs="probes",
    probes=_masked,
    protocols=PROTOCOLS,
    unit="share of 1 - p",
    paper="arXiv:2301.07002",
)
def average_gain(seen: Seen) -> Scored:
    """max(0, q - p) / (1 - p): the share of the missing probability that image x map wins; 0 where p = 1."""
    p, q = _pq(seen)
    return Scored(torch.where(p < 1, (q - p).clamp_min(0) / (1 - p), 0))
