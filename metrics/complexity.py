"""How much of the image does the map name? On the min-max normalised map at the image's size.

These say nothing about whether the map is right. A constant map names everything alike, and none of these is won by it.
"""

from __future__ import annotations

import math
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from benchbench.registry import metric
from benchbench.types import Scored, Seen

from .localisation import live

FLAT = "the map is constant: it has no variation"


def _flat(seen: Seen) -> tuple[str, ...]:
    return tuple("" if one else FLAT for one in live(seen).tolist())


@metric(
    "sparseness",
    higher_is_better=True,
    needs="map",
    protocols={"gini": {}},
    unit="Gini index",
    paper="arXiv:1810.06583",
    family="complexity",
    range=(0, 1),
    equation="sum_i (2 i - n - 1) a_i / (n sum a), a in rising order",
)
def sparseness(seen: Seen) -> Scored:
    """The Gini index of the map's values: 0 where all are equal, towards 1 where few have all the mass.

    Chalasani et al. 2020, section 5. A constant map has 0.
    """
    ordered = seen.map.flatten(1).double().sort(1).values
    n = ordered.shape[1]
    weight = 2 * torch.arange(1, n + 1, device=ordered.device, dtype=torch.float64) - n - 1
    mass = ordered.sum(1)
    return Scored(torch.where(mass > 0, (weight * ordered).sum(1) / (n * torch.where(mass > 0, mass, 1)), 0))


@metric(
    "entropy",
    higher_is_better=False,
    needs="map",
    protocols={"nats": {}},
    unit="nats",
    paper="arXiv:2005.00631",
    family="complexity",
    range=(0, math.inf),
    equation="- sum_i p_i ln p_i, p = a / sum a",
)
def entropy(seen: Seen) -> Scored:
    """The entropy of the map's mass over the pixels: complexity in Bhatt et al. 2020, equation 4.

    A constant map has the most there is, ln of the number of pixels.
    """
    height = seen.map.flatten(1).double()
    height = torch.where(live(seen)[:, None], height, 1)
    p = height / height.sum(1, keepdim=True)
    return Scored(-torch.special.xlogy(p, p).sum(1))


@metric(
    "effective_complexity",
    higher_is_better=False,
    needs="map",
    protocols={"above-1-percent": {}, "quantus": {"above": 1e-5}},
    unit="share of pixels",
    paper="arXiv:2007.07584",
    family="complexity",
    range=(0, 1),
    equation="share of pixels with a > 0.01",
)
def effective_complexity(seen: Seen, *, above: Annotated[float, Field(ge=0, lt=1)] = 0.01) -> Scored:
    """The share of pixels that the map names at all (Nguyen and Martinez 2020). A constant map names all: 1."""
    share = (seen.map > above).double().mean((1, 2))
    return Scored(torch.where(live(seen), share, 1))


@metric(
    "total_variation",
    higher_is_better=False,
    needs="map",
    protocols={"mean": {}},
    unit="per pixel",
    paper="doi:10.1016/0167-2789(92)90242-F",
    family="complexity",
    range=(0, 2),
    equation="mean of |a_i,j+1 - a_i,j| + mean of |a_i+1,j - a_i,j|",
)
def total_variation(seen: Seen) -> Scored:
    """How rough the map is: the mean absolute step between neighbours across plus that between neighbours down.

    Rudin, Osher and Fatemi 1992. Not applicable to a constant map, which would win.
    """
    height = seen.map.double()
    steps = [_mean(torch.diff(height, dim=dim)) for dim in (1, 2)]
    return Scored(steps[0] + steps[1], inapplicable=_flat(seen))


def _mean(values: Tensor) -> Tensor:
    """(B,): zero where there are none, as across an image of one pixel."""
    return values.abs().sum((1, 2)) / max(values[0].numel(), 1)


@metric(
    "map_mean",
    title="mean of the map",
    higher_is_better=False,
    needs="map",
    protocols={"adcc": {}},
    unit="share of the highest",
    paper="arXiv:2104.10252",
    family="complexity",
    range=(0, 1),
    equation="mean of a",
)
def map_mean(seen: Seen) -> Scored:
    """The mean of the min-max normalised map, complexity in ADCC (Poppi et al. 2021). Not applicable if constant."""
    return Scored(seen.map.double().mean((1, 2)), inapplicable=_flat(seen))
