"""Average drop, coherency and complexity in one number: Poppi et al. 2021, arXiv:2104.10252, section 3."""

from __future__ import annotations

import torch
from torch import Tensor

from benchbench.registry import metric
from benchbench.types import Scored, Seen

from ..maps.normalise import saliency
from ..maps.similarity import pearson
from ..types.probes import Multiply
from ..types.views import Masked
from .average_drop import share_lost

PROTOCOLS: dict[str, dict[str, object]] = {"masked-image": {}}


def _masked() -> list[Masked]:
    return [Masked()]


def _coherency(seen: Seen) -> Tensor:
    """(B,), in [0, 1]."""
    (shown,) = seen.reexplained.values()
    other = saliency(shown.map, (seen.map.shape[1], seen.map.shape[2]))
    return ((pearson(seen.map, other) + 1) / 2).nan_to_num(0)


@metric(
    "coherency",
    higher_is_better=True,
    needs={"reexplain", "map"},
    views=_masked,
    protocols=PROTOCOLS,
    unit="correlation, of 0 to 1",
    paper="arXiv:2104.10252",
    family="robustness",
    range=(0, 1),
    equation="(Pearson(M(x), M(x M(x))) + 1) / 2",
)
def coherency(seen: Seen) -> Scored:
    """Pearson's correlation of the map with the method's map of image x map, for the same class; from 0 to 1.

    Both at the image's size. 0 where either map is constant.
    """
    return Scored(_coherency(seen))


@metric(
    "adcc",
    title="ADCC",
    higher_is_better=True,
    needs={"reexplain", "probes", "map"},
    probes=lambda: [Multiply(fill="zero")],
    views=_masked,
    protocols=PROTOCOLS,
    unit="harmonic mean",
    paper="arXiv:2104.10252",
    family="faithfulness",
    range=(0, 1),
    equation="3 / (1 / coherency + 1 / (1 - complexity) + 1 / (1 - average drop))",
)
def adcc(seen: Seen) -> Scored:
    """The harmonic mean of coherency, 1 - complexity (the map's mean) and 1 - average drop, for each image.

    0 where one of the three is 0.
    """
    complexity = seen.map.double().mean((1, 2))
    parts = {"coherency": _coherency(seen), "complexity": complexity, "average_drop": share_lost(seen)}
    shares = torch.stack([parts["coherency"], 1 - parts["complexity"], 1 - parts["average_drop"]])
    return Scored(torch.where((shares > 0).all(0), 3 / shares.reciprocal().sum(0), 0), dict(parts))
