"""How much of the image does the map name? Metrics of the map alone.

Protocols say the resolution: ``image``, the upsampled map that is seen and that other metrics use, so that maps of
different layers are measured on the same pixels; ``layer``, the map's own cells. Both are min-max normalised: S lies
in [0, 1] and its lowest cell is 0, whatever the method's sign and unit. A constant map names every pixel alike: it is
taken as all ones, the most complex map, and never as an empty one, which would be the simplest.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from benchbench.registry import metric
from benchbench.types import Scored, Seen

from ..maps.normalise import minmax
from ..maps.similarity import reasons

Size = Literal["image", "layer"]
Height = Annotated[float, Field(ge=0, lt=1)]
SIZES = {"image": {"size": "image"}, "layer": {"size": "layer"}}
SINGLE = "the map has one cell: every such map has the same complexity"
CONSTANT = "the map is constant: it varies least of all, and explains nothing"


def _counted(unit: str, size: str) -> dict[str, Any]:
    """At the layer's size it is cells that are counted."""
    return {"unit": unit} if size == "layer" else {}


@metric(
    "sparseness",
    higher_is_better=True,
    needs="map",
    protocols=SIZES,
    unit="Gini index",
    paper="arXiv:1810.06583",
    family="complexity",
    range=(0, 1),
    equation="sum_i (2 i - n - 1) S_i / (n sum_i S_i), S ascending, i = 1 .. n",
)
def sparseness(seen: Seen, *, size: Size = "image") -> Scored:
    """Gini index of the map's values: 0 where all are equal, towards 1 where one pixel has everything.

    Chalasani et al. 2020. A constant map: 0, the least sparse.
    """
    ascending = _cells(seen, size).sort(1).values
    n = ascending.shape[1]
    weight = 2 * torch.arange(1, n + 1, dtype=torch.float64, device=ascending.device) - n - 1
    return _scored(((ascending * weight).sum(1) / (n * ascending.sum(1))).clamp(0, 1), n)


@metric(
    "entropy",
    higher_is_better=False,
    needs="map",
    protocols=SIZES,
    unit="nats",
    paper="arXiv:2005.00631",
    family="complexity",
    range=(0, float("inf")),
    equation="- sum_i p_i ln p_i, p_i = S_i / sum_j S_j",
)
def entropy(seen: Seen, *, size: Size = "image") -> Scored:
    """Entropy of the map as a distribution over its n pixels: from 0 (one pixel) to ln n (all alike).

    The complexity of Bhatt et al. 2020. A constant map: ln n, the most complex.
    """
    cells = _cells(seen, size)
    return _scored(torch.special.entr(cells / cells.sum(1, keepdim=True)).sum(1).clamp_min(0), cells.shape[1])


@metric(
    "effective_complexity",
    title="effective complexity",
    higher_is_better=False,
    needs="map",
    protocols={
        "quantus-1e-5": {"above": 1e-5, "size": "image"},
        "quantus-1e-5-layer": {"above": 1e-5, "size": "layer"},
        "above-half": {"above": 0.5, "size": "image"},
    },
    unit="share of pixels",
    paper="arXiv:2007.07584",
    family="complexity",
    range=(0, 1),
    equation="|{i: S_i > eps}| / n",
    reading=lambda above, size: _counted("share of cells", size),
)
def effective_complexity(seen: Seen, *, above: Height = 1e-5, size: Size = "image") -> Scored:
    """The share of pixels higher than 1e-5 (or than half) of the map's maximum.

    Quantus' reading of Nguyen & Martinez 2020, who count the features that a model's expectation needs; Quantus gives
    the count, here it is divided by the number of pixels, so that image sizes compare. A constant map: 1, every pixel.
    """
    cells = _cells(seen, size)
    return _scored((cells > above).double().mean(1), cells.shape[1])


@metric(
    "total_variation",
    title="total variation",
    higher_is_better=False,
    needs="map",
    protocols=SIZES,
    unit="per pixel",
    paper="doi:10.1016/0167-2789(92)90242-F",
    family="complexity",
    range=(0, 2),
    equation="sum over neighbours i, j (beside or below) of |S_i - S_j| / n",
    reading=lambda size: _counted("per cell", size),
)
def total_variation(seen: Seen, *, size: Size = "image") -> Scored:
    """Sum of differences between neighbouring pixels, over the number of pixels: speckle is high, a smooth blob low.

    Rudin et al. 1992, in the anisotropic form: absolute differences along rows and columns. Not applicable to a
    constant map, which would win.
    """
    height = _height(seen, size)
    steps = height.diff(dim=1).abs().sum((1, 2)) + height.diff(dim=2).abs().sum((1, 2))
    return Scored(steps / height[0].numel(), inapplicable=reasons((height.amax((1, 2)) == 0, CONSTANT)))


@metric(
    "map_mean",
    title="map mean",
    higher_is_better=False,
    needs="map",
    protocols=SIZES,
    unit="share of the maximum",
    paper="arXiv:2104.10252",
    family="complexity",
    range=(0, 1),
    equation="sum_i S_i / n",
)
def map_mean(seen: Seen, *, size: Size = "image") -> Scored:
    """Mean of the normalised map: the complexity in ADCC.

    Poppi et al. 2021: the L1 norm over the number of pixels. A constant map: 1, every pixel.
    """
    cells = _cells(seen, size)
    return _scored(cells.mean(1), cells.shape[1])


def _scored(value: Tensor, cells: int) -> Scored:
    """Of maps of so many cells: those of one have one value, whatever it is."""
    return Scored(value, inapplicable=(SINGLE,) * len(value) if cells < 2 else ())


def _height(seen: Seen, size: Size) -> Tensor:
    """(B, H, W) or (B, h, w), min-max normalised; a constant map is all zero."""
    if size == "image":
        return seen.map.double()
    assert seen.raw is not None, "the engine gives the map at its layer's size"
    return minmax(seen.raw.double())


def _cells(seen: Seen, size: Size) -> Tensor:
    """(B, n): the values of each map; a constant map is all one."""
    cells = _height(seen, size).flatten(1)
    return torch.where(cells.amax(1, keepdim=True) > 0, cells, 1)
