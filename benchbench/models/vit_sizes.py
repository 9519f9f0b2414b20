"""The image size of torchvision's vision transformers: each takes images of one size, that of its weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import isqrt
from typing import Any

import torchvision

from ..types import ModelSpec, Preprocess

_FAMILY = "vit_"
_POSITIONS, _PATCHES = "encoder.pos_embedding", "conv_proj.weight"


def published_side(name: str, weights: Any) -> int | None:
    """The side in pixels of the images that published weights take; None where a network takes any size."""
    return int(weights.meta["min_size"][0]) if name.startswith(_FAMILY) else None


def side_of_shapes(name: str, shapes: Mapping[str, Sequence[int]]) -> int | None:
    """The side in pixels of the images that a checkpoint of the network ``name`` takes; None where it is none of it.

    A square of patches and the class token have a position each.

    Args:
        name: torchvision's, of the network; the size of its patches stands at its end.
        shapes: by the names of the tensors, with or without what wrappers put in front of them.

    Example:
        >>> from benchbench.models.vit_sizes import side_of_shapes
        >>> side_of_shapes("vit_b_16", {"encoder.pos_embedding": (1, 577, 768), "conv_proj.weight": (768, 3, 16, 16)})
        384
    """
    positions, patches = (
        next((tuple(shape) for key, shape in shapes.items() if f".{key}".endswith(f".{end}")), ())
        for end in (_POSITIONS, _PATCHES)
    )
    if not name.startswith(_FAMILY) or len(positions) != 3 or len(patches) != 4 or positions[1] < 2:
        return None
    across, patch = isqrt(positions[1] - 1), int(name.rpartition("_")[2])
    return across * patch if across * across == positions[1] - 1 and patches[-1] == patch else None


def sized_for_network(name: str, spec: ModelSpec, of: Callable[[Any], Preprocess]) -> ModelSpec:
    """The spec with images of the size that its network takes, where that is not the size of its pre-processing.

    So it is with a checkpoint of one's own that was trained at another size. The images are prepared as torchvision
    prepares them for published weights of that size, or resized and cropped to it, and the report's note says which.

    Args:
        name: torchvision's, of the network.
        spec: of the network.
        of: turns torchvision's transforms into a Preprocess.
    """
    side = getattr(spec.network, "image_size", None) if name.startswith(_FAMILY) else None
    if side is None or side == spec.preprocess.crop:
        return spec
    known = [each for each in torchvision.models.get_model_weights(name) if each.transforms().crop_size[0] == side]
    if known:
        preprocess = of(known[0].transforms())
        how = f"they are prepared as for torchvision's {known[0]}"
    else:
        preprocess = replace(spec.preprocess, resize=side, crop=side)
        how = f"their shorter side is resized to {side}"
    note = f"The checkpoint takes images of {side} pixels: {how}"
    return replace(spec, preprocess=preprocess, note=". ".join(filter(None, [spec.note, note])))
