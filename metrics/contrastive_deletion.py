"""Deletion that asks whether the class explained loses to the classes that compete with it: CWOX's contrastive scores.

Xie et al. 2023, "Two-Stage Holistic and Contrastive Explanation of Image Classification" (UAI), arXiv:2306.06339; rules
read in the authors' repository, vaynexie/CWOX, Evaluation. No forward beyond deletion's.
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
from ..types.probes import FillName, Probe
from ._removal_protocols import in_other_fills, removed

Steps = Annotated[int, Field(ge=2, le=100_000)]
Rivals = Annotated[int, Field(ge=1)]
Level = Annotated[float, Field(ge=0, le=1)]
PAPER = "arXiv:2306.06339"
ALONE = "the network has one class, and nothing competes with it"
CONSTANT = "the map is constant, so no pixel is more salient than others"
CWOX: dict[str, dict[str, object]] = {"cwox-28": {"level": 0.5}, "cwox-224": {"level": 0.5, "steps": 224}}
RISE: dict[str, dict[str, object]] = {"rise-28": {}, "rise-224": {"steps": 224}}


def _removed(steps: int, fill: FillName, **_others: object) -> list[Probe]:
    return removed("rise", steps, fill)


def _rivals(rivals: int, **_others: object) -> int:
    return rivals


def contrastive_score(seen: Seen) -> Tensor:
    """(B, P): the probability of the target times that of not being one of its rivals, on each probe."""
    assert seen.rival_probability is not None, "the engine gives it"
    return seen.probability.double() * (1 - seen.rival_probability.double().sum(2)).clamp_min(0)


def area_to(score: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
    """(B,) and (B,): the area under a score (B, S + 1) up to a share (B,) of the pixels, and the score there.

    The score is linear between its points, which are at the shares 0, 1 / S, ... 1.
    """
    steps = score.shape[1] - 1
    place = share.double() * steps
    before = place.floor().clamp_max(steps - 1)
    index, part = before.long()[:, None], place - before
    left, right = score.gather(1, index)[:, 0], score.gather(1, index + 1)[:, 0]
    there = left + part * (right - left)
    whole = torch.cat([torch.zeros_like(score[:, :1]), ((score[:, 1:] + score[:, :-1]) / 2).cumsum(1)], 1)
    return (whole.gather(1, index)[:, 0] + part * (left + there) / 2) / steps, there


def _salient(seen: Seen, level: float) -> Tensor:
    """(B,): the share of the pixels whose saliency, between 0 and 1, is at least ``level``."""
    return (seen.map >= level).flatten(1).double().mean(1)


def _reasons(seen: Seen, level: float) -> tuple[str, ...]:
    """Per image why it has no score, or ""; of a level of 0 all pixels are salient, whatever the map."""
    assert seen.rival_probability is not None, "the engine gives it"
    flat = constant_map(seen.map) & (level > 0)
    return reasons((torch.full_like(flat, seen.rival_probability.shape[2] == 0), ALONE), (flat, CONSTANT))


@metric(
    "contrastive_deletion",
    title="contrastive deletion AUC",
    higher_is_better=False,
    needs={"probes", "rivals", "map"},
    probes=_removed,
    rivals=_rivals,
    protocols=RISE | CWOX | in_other_fills("rise-28", "zero"),
    unit="probability",
    paper=PAPER,
    family="faithfulness",
    range=(0, 1),
    equation="area under p (1 - q) over the share of pixels removed, the most salient first; q: p of the rivals",
)
def contrastive_deletion(
    seen: Seen, *, steps: Steps = 28, fill: FillName = "zero", rivals: Rivals = 1, level: Level = 0.0
) -> Scored:
    """Area under p (1 - q) as the most salient pixels are removed first, q the probability of the likeliest rival.

    Xie et al. 2023, contrastive AUC (CAUC). Pixels that speak for the class and against its rival must go first: then p
    falls and q rises. The rivals are the ``rivals`` classes that are most likely on the image besides the class
    explained, and q is the sum of their probabilities. In the paper they are the other classes of a confusion cluster,
    which the authors learn from a network's answers to a whole data set (a latent tree).

    ``level``: the area ends with the pixels whose saliency is at least this share of the largest: 0.5 in the paper
    (``cwox-28``). With it a map with few salient pixels has a small area whatever they are, so the default is the whole
    curve. The score is linear between the steps; the authors remove 16 pixels at a time.
    """
    score = contrastive_score(seen)
    x = torch.arange(steps + 1, dtype=torch.float64, device=score.device) / steps
    area, _ = area_to(score, _salient(seen, level))
    return Scored(area, curve=(x, score), inapplicable=_reasons(seen, level))


@metric(
    "contrastive_drop",
    title="contrastive drop",
    higher_is_better=True,
    needs={"probes", "rivals", "map"},
    probes=_removed,
    rivals=_rivals,
    protocols={name: {k: v for k, v in params.items() if k != "level"} for name, params in CWOX.items()}
    | in_other_fills("cwox-28", "zero"),
    unit="probability",
    paper=PAPER,
    family="faithfulness",
    range=(-1, 1),
    equation="(s(0) - s(a)) / log2(1 + max(a, t) / t), s = p (1 - q) without a share of pixels, a the salient one",
)
def contrastive_drop(
    seen: Seen,
    *,
    steps: Steps = 28,
    fill: FillName = "zero",
    rivals: Rivals = 1,
    level: Annotated[float, Field(gt=0, le=1)] = 0.5,
    free: Annotated[float, Field(gt=0, le=1)] = 0.05,
) -> Scored:
    """Fall of p (1 - q) without the salient pixels, divided by a penalty for how many these are.

    Xie et al. 2023, weighted drop in contrastive score (CDROP); see ``contrastive_deletion`` for q and the rivals. The
    salient pixels have at least ``level`` of the largest saliency; a share of up to ``free`` of all pixels has no
    penalty. The score is linear between deletion's steps; the authors' code takes the mean of three of its steps of 16
    pixels. Parts: ``drop``, without the penalty, and ``salient``, the share of pixels.
    """
    score, salient = contrastive_score(seen), _salient(seen, level)
    _, there = area_to(score, salient)
    drop = score[:, 0] - there
    value = drop / torch.log2(1 + salient.clamp_min(free) / free)
    return Scored(value, parts={"drop": drop, "salient": salient}, inapplicable=_reasons(seen, level))
