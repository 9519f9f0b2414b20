"""SaCo: whether groups of pixels that the map puts higher cost more when each is removed alone.

Wu et al. 2024, "On the Faithfulness of Vision Transformer Explanations" (CVPR), arXiv:2404.01415; the pairs read in the
authors' repository, adreamwu/SaCo, which leaves groups and removal to the paper. Ten groups and the image's mean as
fill follow a third party's restatement (CENG501-Projects/CENG501-Fall2024, Zengin); the full text was not read.
"""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field

from benchbench.registry import metric
from benchbench.types import Scored, Seen

from ..maps.similarity import reasons
from ..types.probes import Band, FillName
from ._correlation import FLAT, ROUNDING, responds
from ._removal_protocols import in_other_fills
from ._steps import edges_of, step_sums

Groups = Annotated[int, Field(ge=2, le=1000)]


def _bands(groups: int, fill: FillName) -> list[Band]:
    return [Band(k / groups, (k + 1) / groups, fill) for k in range(groups)]


@metric(
    "saco",
    title="SaCo",
    higher_is_better=True,
    needs={"probes", "map"},
    probes=_bands,
    protocols={"mean-10": {}, **in_other_fills("mean-10", "mean")},
    unit="share of the map's differences",
    paper="arXiv:2404.01415",
    family="faithfulness",
    range=(-1, 1),
    equation="(sum over pairs of groups i < j of +-(s_i - s_j)) / (sum of abs(s_i - s_j)), - where i costs less than j",
)
def saco(seen: Seen, *, groups: Groups = 10, fill: FillName = "mean") -> Scored:
    """Salience-guided faithfulness coefficient: whether more salient pixels cost more, weighed by how much more.

    Wu et al. 2024. The pixels, the most salient first, are ``groups`` of one size; s is the sum of the map in a group,
    and its cost what p loses when that group alone takes the image's mean colour. Each pair of groups counts with the
    difference of their s: for the map if the more salient group costs at least as much, and against it otherwise. Costs
    that are equal up to float32's rounding count as equal. A constant map orders nothing: 0; the authors' code refuses
    it. The authors' code has the pairs only: ten groups and the mean fill follow a third party's restatement of the
    paper, whose full text was not read.
    """
    y, whole = seen.probability.double(), seen.whole_probability.double()[:, None]
    sums = step_sums(seen.map, edges_of(groups, seen.map[0].numel()).to(seen.map.device)).to(y.device)
    first, second = torch.triu_indices(groups, groups, 1, device=y.device)
    weight = sums[:, first] - sums[:, second]
    slack = ROUNDING * torch.cat([whole, y], 1).abs().amax(1, keepdim=True)
    agrees = y[:, first] <= y[:, second] + slack
    total = weight.abs().sum(1)
    value = torch.where(agrees, weight, -weight).sum(1) / torch.where(total > 0, total, 1)
    return Scored(value, inapplicable=reasons((~responds(torch.cat([whole, y], 1)), FLAT)))
