"""Maps of several stages as one: Layer-CAM's fusion (Jiang et al. 2021), and RefineCAM (Domeniconi et al. 2026)."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from benchbench.registry import method
from benchbench.types import Layer

from ..maps.normalise import minmax, upsample
from ..registry.method_parameter import AnyMethod, Method


@method(
    "fusion",
    title="Fusion of {of}",
    needs=("activation", "stages"),
    paper="doi:10.1109/TIP.2021.3089943",
    fails="Where an early stage responds to texture: its fine map is noise that the fusion keeps.",
)
def fusion(
    layer: Layer,
    *,
    of: AnyMethod = Method("layercam"),  # noqa: B008 - frozen
    by: Literal["max", "mean", "product"] = "max",
    shallow: Annotated[int, Field(ge=0)] = 3,
    gamma: float = 2.0,
) -> Tensor:
    """A method at every stage up to this layer, min-max normalised at the finest stage's resolution, as one map.

    ``max``: element-wise, after the maps M of the ``shallow`` finest stages became tanh(gamma M / max M), as in
    Layer-CAM's text (gamma 2, the first three of five stages); the coarsest stage never does. ``mean`` and
    ``product``: without tanh.
    """
    maps = _normalised([of(stage) for stage in layer.stages])
    if by == "max":
        coarse = min(shallow, len(maps) - 1)
        return torch.cat([torch.tanh(gamma * maps[:coarse]), maps[coarse:]]).amax(0)
    return maps.mean(0) if by == "mean" else maps.prod(0)


@method(
    "refinecam",
    title="RefineCAM of {of}",
    needs=("activation", "stages"),
    paper="arXiv:2605.14641",
    fails="Where one stage has nothing at a place, the product has nothing there either, whatever the others say.",
)
def refinecam(layer: Layer, *, of: AnyMethod = Method("gradcam++")) -> Tensor:  # noqa: B008 - frozen
    """The product of a method's maps at every stage up to this layer, each min-max normalised."""
    return _normalised([of(stage) for stage in layer.stages]).prod(0)


def _normalised(maps: list[Tensor]) -> Tensor:
    """(S, B, h, w): at the first map's resolution, in 0 .. 1; zero where constant."""
    return minmax(torch.stack([upsample(stage_map[:, None], maps[0].shape[1:])[:, 0] for stage_map in maps]))
