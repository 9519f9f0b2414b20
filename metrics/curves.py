"""Deletion and insertion: Petsiuk et al. 2018 (RISE), arXiv:1806.07421, section 4.3."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field

from benchbench.perturb import Keep, Remove
from benchbench.registry import metric
from benchbench.types import Scored, Seen

Steps = Annotated[int, Field(ge=1, le=100_000)]
PROTOCOLS = {"rise-28": {"steps": 28}, "rise-224": {"steps": 224}}


def _deleted(steps: int) -> list[Remove]:
    return [Remove(i / steps, fill="zero", order="most") for i in range(steps + 1)]


def _inserted(steps: int) -> list[Keep]:
    return [Keep(i / steps, fill="blur", order="most") for i in range(steps + 1)]


def _area(seen: Seen, steps: int) -> Scored:
    """Trapezoid over [0, 1] of the target's softmax probability."""
    x = torch.arange(steps + 1, dtype=torch.float64, device=seen.probability.device) / steps
    y = seen.probability.double()
    return Scored(torch.trapezoid(y, x, dim=1), curve=(x, y))


@metric(
    "deletion",
    title="deletion AUC",
    higher_is_better=False,
    needs="probes",
    probes=_deleted,
    protocols=PROTOCOLS,
    unit="probability",
    paper="arXiv:1806.07421",
)
def deletion(seen: Seen, *, steps: Steps = 28) -> Scored:
    """Area under the target's probability as the most salient pixels are set to zero (normalised space) first."""
    return _area(seen, steps)


@metric(
    "insertion",
    title="insertion AUC",
    higher_is_better=True,
    needs="probes",
    probes=_inserted,
    protocols=PROTOCOLS,
    unit="probability",
    paper="arXiv:1806.07421",
)
def insertion(seen: Seen, *, steps: Steps = 28) -> Scored:
    """Area under the target's probability as the most salient pixels are put first onto RISE's blurred image."""
    return _area(seen, steps)
