"""Removal region by region: region flipping over a grid, and IROF over superpixels."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field

from benchbench.registry import metric
from benchbench.types import Scored, Seen

from ..maps.similarity import reasons
from ..perturbation.parts import parts_in
from ..types.probes import FillName, PartsName, Remove
from ._removal_protocols import in_other_fills
from .deletion_insertion import aopc

Steps = Annotated[int, Field(ge=2, le=1000)]  # of one step every map has the same pictures


def least_of(parts: str) -> int:
    """Of how many parts at least a curve is taken: a tenth of the superpixels that are asked for, and never one."""
    kind, _, wanted = parts.partition("-")
    return max(2, int(wanted) // 10) if kind == "slic" else 2


def _removed(steps: int, parts: str, fill: FillName) -> list[Remove]:
    return [Remove(i / steps, fill, "most", parts) for i in range(1, steps + 1)]


@metric(
    "region_flipping",
    title="region flipping AOPC",
    higher_is_better=True,
    needs="probes",
    probes=_removed,
    protocols={"grid14-7": {}, **in_other_fills("grid14-7", "mean")},
    unit="probability",
    paper="arXiv:1509.06321",
    family="faithfulness",
    range=(-1, 1),
    equation="1/(L+1) sum_{k=0..L} (p(x) - p(x without the k/L most salient cells of a grid))",
)
def region_flipping(seen: Seen, *, steps: Steps = 7, parts: PartsName = "grid-14", fill: FillName = "mean") -> Scored:
    """Mean fall of the target's probability over the steps of removing the most salient cells of a grid first.

    Samek et al. 2017, equation 12 (AOPC), where a cell is as salient as the mean of its pixels.
    """
    return Scored(aopc(seen, steps))


@metric(
    "irof",
    title="IROF",
    higher_is_better=True,
    needs="probes",
    probes=_removed,
    protocols={"slic60-10": {}, "slic300-10": {"parts": "slic-300"}, **in_other_fills("slic60-10", "mean")},
    unit="share of p",
    paper="arXiv:2003.08747",
    family="faithfulness",
    range=(-torch.inf, 1),
    equation="1 - area under p(x without the most salient segments) / p(x), over the share of segments",
)
def irof(seen: Seen, *, steps: Steps = 10, parts: PartsName = "slic-60", fill: FillName = "mean") -> Scored:
    """Area over the curve of the target's probability, relative to the whole image's, as superpixels are removed.

    Rieger and Hansen 2020: the superpixels of SLIC, the one of the highest mean saliency first, each filled with the
    image's mean colour; trapezoid over the share removed. Not applicable where p(x) is 0, as nothing can fall; nor
    where SLIC finds fewer than a tenth of the superpixels that are asked for (6 of 60, 30 of 300) or one, as in a noisy
    photograph: of one segment every map has the same value. Part ``segments``: how many there are.
    """
    p = seen.whole_probability.double()
    y = torch.cat([p[:, None], seen.probability.double()], 1)
    x = torch.arange(steps + 1, dtype=torch.float64, device=y.device) / steps
    area = torch.trapezoid(y, x, dim=1) / torch.where(p > 0, p, 1)
    why = "the target's probability on the whole image is 0"
    assert seen.pixels is not None, "the engine gives the images"
    segments = parts_in(parts, seen.pixels).count.to(p)
    least = least_of(parts)
    few = f"SLIC finds fewer than {least} segments in the image: a curve of so few says next to nothing of a map"
    reason = reasons((segments < least, few), (~(p > 0), why))
    return Scored(1 - area, parts={"segments": segments}, inapplicable=reason)
