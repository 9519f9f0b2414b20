"""MAS: deletion and insertion that ask besides whether each step costs as much as the map's values say.

Walker et al. 2024, "Attribution Quality Metrics with Magnitude Alignment" (IJCAI), doi:10.24963/ijcai.2024/59; rules
read in the authors' repository, chasewalker26/Magnitude-Aligned-Scoring. No forward beyond deletion's and insertion's.
"""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from benchbench.registry import metric
from benchbench.types import Scored, Seen

from ..maps.similarity import reasons
from ..types.probes import FillName, Probe
from ._correlation import responds
from ._removal_protocols import in_other_fills, inserted, removed
from ._steps import edges_of, step_sums

Steps = Annotated[int, Field(ge=2, le=100_000)]
SAME_ENDS = "the target has one probability on the image and on the fill: there is no fall to divide by"
PAPER = "doi:10.24963/ijcai.2024/59"
RISE: dict[str, dict[str, object]] = {"rise-28": {}, "rise-224": {"steps": 224}}


def _deleted(steps: int, fill: FillName) -> list[Probe]:
    return removed("rise", steps, fill)


def _inserted(steps: int, fill: FillName) -> list[Probe]:
    return inserted("rise", steps, fill)


def density(maps: Tensor, steps: int) -> Tensor:
    """(B, S + 1): the share of a map's mass among the pixels of the first k steps, of maps (B, H, W) of at least 0.

    A constant map has the same mass on every pixel.
    """
    edges = edges_of(steps, maps[0].numel()).to(maps.device)
    flat = (maps.flatten(1) == 0).all(1)[:, None, None]
    sums = step_sums(torch.where(flat, torch.ones_like(maps), maps), edges)
    share = sums.cumsum(1) / sums.sum(1, keepdim=True)
    return torch.cat([torch.zeros_like(share[:, :1]), share], 1)


def response(y: Tensor, *, insert: bool) -> Tensor:
    """(B, P): the answers y (B, P) from 0 on the fill to 1 on the image, clipped, and made monotone from the start on.

    0 throughout where the two ends are equal.
    """
    whole, fill = (y[:, -1:], y[:, :1]) if insert else (y[:, :1], y[:, -1:])
    span = whole - fill
    part = torch.where(span != 0, (y - fill) / torch.where(span != 0, span, 1), 0).clamp(0, 1)
    return (part.cummax(1) if insert else part.cummin(1)).values


def _aligned(maps: Tensor, y: Tensor, *, insert: bool) -> Scored:
    """The area under the aligned curve; its parts without the penalty, and the penalty's own."""
    steps = y.shape[1] - 1
    gone, answer = density(maps.double(), steps).to(y.device), response(y, insert=insert)
    penalty = (answer - (gone if insert else 1 - gone)).abs()
    curve = (answer - penalty if insert else answer + penalty).clamp(0, 1)
    x = torch.arange(steps + 1, dtype=torch.float64, device=y.device) / steps
    parts = {"response": torch.trapezoid(answer, x, dim=1), "penalty": torch.trapezoid(penalty, x, dim=1)}
    why = reasons((~responds(torch.stack([y[:, 0], y[:, -1]], 1)), SAME_ENDS))
    return Scored(torch.trapezoid(curve, x, dim=1), parts=parts, curve=(x, curve), inapplicable=why)


@metric(
    "mas_deletion",
    title="MAS deletion",
    higher_is_better=False,
    needs={"probes", "map"},
    probes=_deleted,
    protocols=RISE | in_other_fills("rise-28", "zero"),
    unit="share of p",
    paper=PAPER,
    family="faithfulness",
    range=(0, 1),
    equation="area under clip(r + abs(r - d)), r the share of p that is left (only falling), d of the map's mass",
)
def mas_deletion(seen: Seen, *, steps: Steps = 28, fill: FillName = "zero") -> Scored:
    """Deletion's area, with a penalty where p does not fall as fast as the map's mass is removed.

    Walker et al. 2024. r is p at a step, 0 at p of the fill and 1 at p of the image, clipped to that and never rising
    again; d is the share of the map's mass on the pixels that are left. Part ``response``: the area under r alone,
    which is deletion's where p falls at every step; part ``penalty``: the area of abs(r - d).

    The map is min-max normalised, so that its mass counts from its lowest value; the authors take an attribution's
    absolute values as they are. A constant map has its mass evenly spread; the authors skip an image with a map of
    zeros. Not applicable where the image and the fill have one probability; the authors give 0.5.
    """
    return _aligned(seen.map, seen.probability.double(), insert=False)


@metric(
    "mas_insertion",
    title="MAS insertion",
    higher_is_better=True,
    needs={"probes", "map"},
    probes=_inserted,
    protocols=RISE | in_other_fills("rise-28", "blur"),
    unit="share of p",
    paper=PAPER,
    family="faithfulness",
    range=(0, 1),
    equation="area under clip(r - abs(r - d)), r the share of p that is back (only rising), d of the map's mass",
)
def mas_insertion(seen: Seen, *, steps: Steps = 28, fill: FillName = "blur") -> Scored:
    """Insertion's area, with a penalty where p does not rise as fast as the map's mass is put back.

    Walker et al. 2024; see ``mas_deletion``. By default the picture starts from RISE's blur, whose Gaussian has sigma 5
    in its box of 11 x 11 pixels; the authors' has sigma 11, which is flatter.
    """
    return _aligned(seen.map, seen.probability.double(), insert=True)


def _both(steps: int, fill: FillName | None) -> list[Probe]:
    return inserted("rise", steps, fill or "blur") + removed("rise", steps, fill or "zero")


@metric(
    "mas_insertion_deletion",
    title="MAS insertion - deletion",
    higher_is_better=True,
    needs={"probes", "map"},
    probes=_both,
    protocols=RISE,
    unit="share of p",
    paper=PAPER,
    family="faithfulness",
    range=(-1, 1),
    equation="MAS insertion - MAS deletion",
)
def mas_insertion_deletion(seen: Seen, *, steps: Steps = 28, fill: FillName | None = None) -> Scored:
    """MAS insertion less MAS deletion, the number of the paper's tables; their probes are shared with the two alone.

    ``fill``: of both; None for the blur for insertion and zero for deletion. Not applicable where one of them is not.
    """
    y = seen.probability.double()
    won = _aligned(seen.map, y[:, : steps + 1], insert=True)
    lost = _aligned(seen.map, y[:, steps + 1 :], insert=False)
    why = tuple(first or second for first, second in zip(won.inapplicable, lost.inapplicable, strict=True))
    return Scored(torch.as_tensor(won.value) - torch.as_tensor(lost.value), inapplicable=why)
