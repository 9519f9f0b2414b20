"""Whether each step of deletion or insertion counts as much as the map says: the map's values, not their order alone.

Gomez et al. 2022, "Metrics for saliency map evaluation of deep learning explanation methods", arXiv:2201.13291.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import torch
from pydantic import Field

from benchbench.registry import metric
from benchbench.types import Scored, Seen

from ..maps.similarity import reasons
from ..types.probes import MAP, FillName, Probe
from ._correlation import FLAT, pearson_or_zero, responds
from ._removal_protocols import EVERY_FILL, inserted, removed
from ._steps import step_sums

Steps = Annotated[int, Field(ge=2, le=100_000)]
Of: TypeAlias = Literal["pixels", "map"]
SINGLE = "the map has one cell: there is one step, whatever the map"


def _protocols(default: FillName, gomez: FillName) -> dict[str, dict[str, object]]:
    """The default, more steps, the authors' own, and the default with each other fill."""
    return {
        f"{default}-28": {},
        f"{default}-224": {"steps": 224},
        "gomez-196": {"steps": 196, "fill": gomez, "parts": MAP},
        **{f"{fill}-28": {"fill": fill} for fill in EVERY_FILL if fill != default},
    }


def _deleted(steps: int, fill: FillName, parts: Of) -> list[Probe]:
    return removed("rise", steps, fill, parts)


def _inserted(steps: int, fill: FillName, parts: Of) -> list[Probe]:
    return inserted("rise", steps, fill, parts)


def _correlated(seen: Seen, steps: int, parts: Of, *, rises: bool) -> Scored:
    """Pearson's correlation over the steps of what each changes, and the mean saliency of what it takes.

    Of fewer cells than steps each is a step of its own: the pictures that differ are those nearest to its share.
    """
    assert seen.raw is not None, "the engine gives the map as it was made"
    values = seen.raw if parts == MAP else seen.map
    count = values[0].numel()
    real = min(steps, count)
    points = torch.round(torch.arange(real + 1, dtype=torch.float64) * steps / real).long()
    edges = torch.round(points.double() / steps * count).long().to(values.device)
    pieces = step_sums(values, edges) / (edges[1:] - edges[:-1])
    y = seen.probability.double()[:, points.to(seen.probability.device)]
    changes = (y[:, 1:] - y[:, :-1]) * (1 if rises else -1)
    single = torch.full_like(y[:, 0], count < 2, dtype=torch.bool)
    why = reasons((single, SINGLE), (~responds(y), FLAT))
    return Scored(pearson_or_zero(pieces, changes), inapplicable=why)


@metric(
    "deletion_correlation",
    higher_is_better=True,
    needs={"probes", "map"},
    probes=_deleted,
    protocols=_protocols("zero", gomez="zero"),
    unit="correlation",
    paper="arXiv:2201.13291",
    family="faithfulness",
    range=(-1, 1),
    equation="Pearson over steps of (p before - p after; mean saliency of what the step removes)",
)
def deletion_correlation(seen: Seen, *, steps: Steps = 28, fill: FillName = "zero", parts: Of = "pixels") -> Scored:
    """Whether what a step of deletion removes costs as much probability as its saliency says.

    Gomez et al. 2022: the map's values matter, and not only their order. A constant map correlates with nothing: 0.
    Where the network's answer never changes, the metric does not apply. Steps go down the map, and a probability falls
    most in the first of them whatever they take, so that a random map correlates too: compare with that control.

    By default steps and pixels are those of ``deletion``. ``parts="map"`` is the authors' code: a step is a cell of the
    map at its own resolution, or as many as make no more than ``steps``, and its pixels are those that
    nearest-neighbour upsampling gives it. A map of 7 x 7 has 49 steps, and costs that many forwards and not 196.
    """
    return _correlated(seen, steps, parts, rises=False)


@metric(
    "insertion_correlation",
    higher_is_better=True,
    needs={"probes", "map"},
    probes=_inserted,
    protocols=_protocols("blur", gomez="box"),
    unit="correlation",
    paper="arXiv:2201.13291",
    family="faithfulness",
    range=(-1, 1),
    equation="Pearson over steps of (p after - p before; mean saliency of what the step puts back)",
)
def insertion_correlation(seen: Seen, *, steps: Steps = 28, fill: FillName = "blur", parts: Of = "pixels") -> Scored:
    """Whether what a step of insertion puts back wins as much probability as its saliency says; see deletion."""
    return _correlated(seen, steps, parts, rises=True)
