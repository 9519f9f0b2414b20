"""Does the map stay when the image hardly changes? Sensitivity, Lipschitz estimates, and stability of the ranks.

A change that changes the network's prediction may change the map too: on such views no method is blamed. They are left
out, ``left_out`` says how many they were, and where none is left the metric does not apply to the image.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from benchbench.registry import metric
from benchbench.types import Reexplained, Scored, Seen

from ..maps.normalise import saliency
from ..maps.similarity import constant, reasons, spearman
from ..types.views import Jpeg, NoiseKind, Noisy, Shifted

Radius = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1, le=10_000)]
Side = Annotated[int, Field(ge=1)]
Quality = Annotated[int, Field(ge=1, le=95)]
CHANGED = "the network's prediction changes on every view"
ZERO = "the map is zero everywhere: its change has no scale"
CONSTANT = "the map is constant: it has no ranks"
BALL = {
    "radius-0.02-n10": {"radius": 0.02, "samples": 10},
    "radius-0.1-n10": {"radius": 0.1, "samples": 10},
    "radius-0.02-n50": {"radius": 0.02, "samples": 50},
}


def _ball(radius: float, samples: int) -> list[Noisy]:
    return [Noisy(i, radius, "uniform") for i in range(samples)]


def _scaled_ball(radius: float, samples: int, scale: str) -> list[Noisy]:
    return _ball(radius, samples)


def _read_steepness(radius: float, samples: int, scale: str) -> dict[str, Any]:
    """Without the division by the map's norm the value is in the method's unit."""
    if scale == "relative":
        return {}
    return {"unit": "the method's unit per unit of distance", "equation": "max_n ||M(x + n) - M(x)|| / ||n||"}


def _kept(seen: Seen) -> Tensor:
    """(B, V): on which views the prediction is the image's own."""
    return torch.stack([view.kept for view in seen.reexplained.values()], 1)


def _norm(maps: Tensor) -> Tensor:
    return maps.double().square().flatten(1).sum(1).sqrt()


def _raw(seen: Seen) -> Tensor:
    assert seen.raw is not None, "the engine gives it"
    return seen.raw


def _changes(seen: Seen, *, relative: bool = True) -> Tensor:
    """(B, V): how far the map moves on each view, as a share of its own norm where ``relative``."""
    raw = _raw(seen)
    gaps = torch.stack([_norm(view.map.double() - raw.double()) for view in seen.reexplained.values()], 1)
    return gaps / _norm(raw)[:, None] if relative else gaps


def _parts(kept: Tensor) -> dict[str, Tensor | float]:
    return {"left_out": (~kept).sum(1).double()}


def _mean(values: Tensor, kept: Tensor) -> Tensor:
    return torch.where(kept, values, 0).sum(1) / kept.sum(1)


def _largest(values: Tensor, kept: Tensor) -> Tensor:
    return torch.where(kept, values, -torch.inf).amax(1)


def _scored(seen: Seen, value: Tensor, *also: tuple[Tensor, str]) -> Scored:
    kept = _kept(seen)
    return Scored(value, _parts(kept), inapplicable=reasons(*also, (~kept.any(1), CHANGED)))


def _zero(seen: Seen) -> tuple[Tensor, str]:
    return _norm(_raw(seen)) == 0, ZERO


@metric(
    "max_sensitivity",
    title="max-sensitivity",
    higher_is_better=False,
    needs={"reexplain", "map"},
    views=_ball,
    protocols=BALL,
    unit="share of the map's norm",
    paper="arXiv:1901.09392",
    family="robustness",
    range=(0, float("inf")),
    equation="max_n ||M(x + n) - M(x)|| / ||M(x)||, n uniform in [-radius, radius]",
)
def max_sensitivity(seen: Seen, *, radius: Radius = 0.02, samples: Count = 10) -> Scored:
    """The furthest that the map (as the method gives it) moves among noisy images, relative to its norm.

    ``radius``: of the noise, uniform and independent in each value, in pixels of [0, 1]. Yeh et al. 2019, definition 2;
    the paper does not divide, and the maps of different methods have no common unit.
    """
    return _scored(seen, _largest(_changes(seen), _kept(seen)), _zero(seen))


@metric(
    "avg_sensitivity",
    title="average sensitivity",
    higher_is_better=False,
    needs={"reexplain", "map"},
    views=_ball,
    protocols=BALL,
    unit="share of the map's norm",
    paper="arXiv:1901.09392",
    family="robustness",
    range=(0, float("inf")),
    equation="mean_n ||M(x + n) - M(x)|| / ||M(x)||, n uniform in [-radius, radius]",
)
def avg_sensitivity(seen: Seen, *, radius: Radius = 0.02, samples: Count = 10) -> Scored:
    """How far the map moves among noisy images, on average, relative to its norm; else as max_sensitivity."""
    return _scored(seen, _mean(_changes(seen), _kept(seen)), _zero(seen))


@metric(
    "local_lipschitz",
    title="local Lipschitz estimate",
    higher_is_better=False,
    needs={"reexplain", "map"},
    views=_scaled_ball,
    protocols={
        "relative-radius-0.02-n10": {"radius": 0.02, "samples": 10, "scale": "relative"},
        "raw-radius-0.02-n10": {"radius": 0.02, "samples": 10, "scale": "raw"},
        "relative-radius-0.1-n10": {"radius": 0.1, "samples": 10, "scale": "relative"},
    },
    unit="share of the map's norm per unit of distance",
    paper="arXiv:1806.08049",
    family="robustness",
    range=(0, float("inf")),
    equation="max_n ||M(x + n) - M(x)|| / (||n|| ||M(x)||)",
    reading=_read_steepness,
)
def local_lipschitz(
    seen: Seen, *, radius: Radius = 0.02, samples: Count = 10, scale: Literal["relative", "raw"] = "relative"
) -> Scored:
    """The largest change of the map per change of the image (Euclidean, pixels of [0, 1]) among noisy images.

    ``raw`` is the paper's, in the method's own unit: for one method on several networks, not for several methods.
    """
    distance = torch.stack([view.distance for view in seen.reexplained.values()], 1)
    steepness = _changes(seen, relative=scale == "relative") / distance
    zero = _zero(seen) if scale == "relative" else (torch.zeros_like(_zero(seen)[0]), "")
    return _scored(seen, _largest(steepness, _kept(seen)), zero)


def _stability(seen: Seen, similar: Tensor) -> Scored:
    """From rank correlations (B, V); a map that became constant has none with the old one, which counts as 0."""
    return _scored(seen, _mean(similar.nan_to_num(0), _kept(seen)), (constant(_raw(seen)), CONSTANT))


def _of_cells(seen: Seen) -> Tensor:
    """(B, V): rank correlations at the layer's own size."""
    return torch.stack([spearman(_raw(seen), view.map) for view in seen.reexplained.values()], 1)


def _noise(radius: float, samples: int, kind: NoiseKind) -> list[Noisy]:
    return [Noisy(i, radius, kind) for i in range(samples)]


@metric(
    "noise_stability",
    title="stability under noise",
    higher_is_better=True,
    needs={"reexplain", "map"},
    views=_noise,
    protocols={
        "normal-0.05-n5": {"radius": 0.05, "samples": 5, "kind": "normal"},
        "normal-0.1-n5": {"radius": 0.1, "samples": 5, "kind": "normal"},
    },
    unit="rank correlation",
    family="robustness",
    range=(-1, 1),
    equation="mean_n Spearman(M(x), M(x + n)), at the layer's size",
)
def noise_stability(seen: Seen, *, radius: Radius = 0.05, samples: Count = 5, kind: NoiseKind = "normal") -> Scored:
    """Spearman's rank correlation of the map with the maps of noisy images, cell by cell at the layer's own size.

    ``radius``: the noise's standard deviation (normal) or bound (uniform), in pixels of [0, 1].
    """
    return _stability(seen, _of_cells(seen))


def _jpegs(qualities: tuple[int, ...]) -> list[Jpeg]:
    return [Jpeg(quality) for quality in qualities]


@metric(
    "jpeg_stability",
    title="stability under JPEG",
    higher_is_better=True,
    needs={"reexplain", "map"},
    views=_jpegs,
    protocols={"q90-q70-q50": {"qualities": (90, 70, 50)}, "q30": {"qualities": (30,)}},
    unit="rank correlation",
    family="robustness",
    range=(-1, 1),
    equation="mean_q Spearman(M(x), M(JPEG_q(x))), at the layer's size",
)
def jpeg_stability(
    seen: Seen, *, qualities: Annotated[tuple[Quality, ...], Field(min_length=1)] = (90, 70, 50)
) -> Scored:
    """Spearman's rank correlation of the map with those of the image after JPEG, at the layer's own size.

    The network's input is compressed (after resizing and cropping), by Pillow with its default chroma subsampling.
    """
    return _stability(seen, _of_cells(seen))


def _shifts(pixels: int) -> list[Shifted]:
    return [Shifted(pixels, 0), Shifted(-pixels, 0), Shifted(0, pixels), Shifted(0, -pixels)]


@metric(
    "shift_stability",
    title="stability under shifts",
    higher_is_better=True,
    needs={"reexplain", "map"},
    views=_shifts,
    protocols={"shift-4": {"pixels": 4}, "shift-16": {"pixels": 16}},
    unit="rank correlation",
    family="robustness",
    range=(-1, 1),
    equation="mean over 4 directions of Spearman(M(x), M(x shifted) shifted back), over what both show",
)
def shift_stability(seen: Seen, *, pixels: Side = 4) -> Scored:
    """Spearman's rank correlation with the maps of the image moved left, right, up and down, shifted back.

    At the image's size (a shift is a part of a cell), over the pixels that are in both pictures.
    """
    size = (seen.map.shape[1], seen.map.shape[2])
    if min(size) <= pixels + 1:
        gone = torch.ones(len(seen.map), dtype=torch.bool, device=seen.map.device)
        return _scored(
            seen, seen.map.new_zeros(len(seen.map)), (gone, f"the image is too small to be moved by {pixels} pixels")
        )
    correlations = [
        _overlapping(seen.map, shown, view, size)
        for view, shown in seen.reexplained.items()
        if isinstance(view, Shifted)
    ]
    return _stability(seen, torch.stack(correlations, 1))


def _overlapping(height: Tensor, shown: Reexplained, by: Shifted, size: tuple[int, int]) -> Tensor:
    """(B,): the rank correlation where the image and the shifted one show the same."""
    other = saliency(shown.map, size)
    rows, columns = _both(by.dy, size[0]), _both(by.dx, size[1])
    return spearman(height[:, rows[0], columns[0]], other[:, rows[1], columns[1]])


def _both(shift: int, side: int) -> tuple[slice, slice]:
    """Which part of an axis stays in the picture: where it was, and where it is."""
    was = slice(max(0, -shift), side - max(0, shift))
    return was, slice(was.start + shift, was.stop + shift)
