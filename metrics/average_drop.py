"""Average drop, increase in confidence, average gain: what is left of the class on image x map.

Average drop and increase: Chattopadhyay et al. 2018 (Grad-CAM++), arXiv:1710.11063, section 4.1. Average gain: Zhang et
al. 2024 (Opti-CAM), arXiv:2301.07002. p is the target's softmax probability on the image, q on (normalised
image) x (min-max normalised map). A value per image; the mean over images is the paper's number.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, TypeAlias

import torch
from pydantic import Field

from benchbench.registry import metric
from benchbench.types import Scored, Seen

from ..maps.similarity import reasons
from ..types.probes import Keep, Multiply, PlainFill, Probe

Of: TypeAlias = Literal["probability", "logit"]
CERTAIN = "the target's probability on the image is 1: no map can raise it"
IMPOSSIBLE = "the target's probability on the image is 0: no map can lower it"
Top = Annotated[float, Field(gt=0, lt=1)] | None
PROTOCOLS: dict[str, dict[str, object]] = {
    "masked-image": {},
    "top50": {"top": 0.5},
    **{f"masked-image-{fill}": {"fill": fill} for fill in ("mean", "blur", "noise")},
}


def _masked(fill: PlainFill, top: Top) -> list[Probe]:
    return [Multiply(fill) if top is None else Keep(top, fill)]


def _pq(seen: Seen) -> tuple[torch.Tensor, torch.Tensor]:
    return seen.whole_probability.double(), seen.probability[:, 0].double()


def share_lost(seen: Seen) -> torch.Tensor:
    """(B,): max(0, p - q) / p, 0 where p = 0; q is the answer to the first probe."""
    p, q = _pq(seen)
    return torch.where(p > 0, (p - q).clamp_min(0) / p, 0)


def _drop(seen: Seen) -> Scored:
    return Scored(share_lost(seen), inapplicable=reasons((~(seen.whole_probability > 0), IMPOSSIBLE)))


def _masked_or_cut(fill: PlainFill, top: Top, of: Of) -> list[Probe]:
    return _masked(fill, top)


def _read(fill: PlainFill, top: Top, of: Of) -> dict[str, Any]:
    """A fall in logits has no largest value."""
    return {} if of == "probability" else {"unit": "logit", "range": (0.0, math.inf), "equation": "max(0, z - z')"}


@metric(
    "average_drop",
    higher_is_better=False,
    needs="probes",
    probes=_masked_or_cut,
    protocols=PROTOCOLS | {"pgc": {"of": "logit"}},
    unit="share of p",
    paper="arXiv:1710.11063",
    family="faithfulness",
    range=(0, 1),
    equation="max(0, p - q) / p",
    reading=_read,
)
def average_drop(seen: Seen, *, fill: PlainFill = "zero", top: Top = None, of: Of = "probability") -> Scored:
    """max(0, p - q) / p: the share of the class's probability that image x map loses. Not applicable where p = 0.

    ``of`` the logit, it is max(0, z - z'), undivided, as pytorch-grad-cam's DropInConfidence has it of its targets.
    With ``top`` q is of the image's most salient share of pixels, the others filled, as Score-CAM's text has it.
    """
    if of == "logit":
        return Scored((seen.whole_logit.double() - seen.logit[:, 0].double()).clamp_min(0))
    return _drop(seen)


@metric(
    "increase",
    title="increase in confidence",
    higher_is_better=True,
    needs="probes",
    probes=_masked,
    protocols=PROTOCOLS,
    unit="share of images",
    paper="arXiv:1710.11063",
    family="faithfulness",
    range=(0, 1),
    equation="1 where q > p, else 0",
)
def increase(seen: Seen, *, fill: PlainFill = "zero", top: Top = None) -> Scored:
    """1 where q > p, strictly: the class is more probable on image x map than on the image.

    Not applicable where p = 1 (in float32), as every map has 0 there; the paper counts such images as 0.
    """
    p, q = _pq(seen)
    return Scored((q > p).double(), inapplicable=reasons((~(p < 1), CERTAIN)))


@metric(
    "average_gain",
    higher_is_better=True,
    needs="probes",
    probes=_masked,
    protocols=PROTOCOLS,
    unit="share of 1 - p",
    paper="arXiv:2301.07002",
    family="faithfulness",
    range=(0, 1),
    equation="max(0, q - p) / (1 - p)",
)
def average_gain(seen: Seen, *, fill: PlainFill = "zero", top: Top = None) -> Scored:
    """max(0, q - p) / (1 - p): the share of the missing probability that image x map wins.

    Not applicable where p = 1 (in float32): nothing is missing, whatever the map.
    """
    p, q = _pq(seen)
    value = torch.where(p < 1, (q - p).clamp_min(0) / (1 - p), 0)
    return Scored(value, inapplicable=reasons((~(p < 1), CERTAIN)))


@metric(
    "drop_in_deletion",
    title="average drop in deletion",
    higher_is_better=True,
    needs="probes",
    probes=lambda fill: [Multiply(fill, inverted=True)],
    protocols={"masked-image": {}, **{f"masked-image-{fill}": {"fill": fill} for fill in ("mean", "blur", "noise")}},
    unit="share of p",
    paper="arXiv:2102.05228",
    family="faithfulness",
    range=(0, 1),
    equation="max(0, p - q') / p, with q' on image x (1 - map)",
)
def drop_in_deletion(seen: Seen, *, fill: PlainFill = "zero") -> Scored:
    """max(0, p - q') / p: the share of the class's probability that image x (1 - map) loses.

    Jung and Oh 2021 (LIFT-CAM). Not applicable where p = 0.
    """
    return _drop(seen)
