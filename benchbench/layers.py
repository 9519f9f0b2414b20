"""Which layers: module paths, ``last`` (the last stage with a spatial map) or ``stages`` (one per resolution)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from .capture import hook, quiet
from .errors import BenchError, nearest

_POOLS_TO_SIZE = re.compile(r"(Select)?Adaptive.*Pool")


@dataclass(frozen=True)
class Spatial:
    """A module that ran once and returned a spatial map."""

    name: str
    channels: int
    height: int
    width: int


def spatial_layers(network: nn.Module, images: Tensor) -> list[Spatial]:
    """Every module that runs exactly once and returns (B, K, h, w) larger than 1 x 1, in the order of finishing.

    Left out: pooling to a fixed size, which belongs to the head, and outputs whose last two sides are not the
    image's in proportion (channels-last tensors look like maps, but are not).
    """
    seen: list[tuple[str, Any]] = []
    with ExitStack() as stack:
        for name, module in network.named_modules():
            if name and not _POOLS_TO_SIZE.match(type(module).__name__):
                note = partial(lambda name, _m, _i, output: seen.append((name, _shape(output))), name)
                stack.enter_context(hook(module, note))
        with quiet(network), torch.no_grad():
            network(images[:1])
    runs: dict[str, int] = {}
    for name, _ in seen:
        runs[name] = runs.get(name, 0) + 1
    return [
        Spatial(name, shape[1], shape[2], shape[3])
        for name, shape in seen
        if shape is not None and runs[name] == 1 and shape[2] * shape[3] > 1 and _proportional(shape, images)
    ]


def stages(found: Sequence[Spatial]) -> list[str]:
    """One layer for each resolution, from the finest: of the least nested modules there, the last to finish.

    The least nested, since the first layers inside a block that reduces the resolution still run at the finer one.
    """
    best: dict[tuple[int, int], Spatial] = {}
    for layer in found:
        key = (layer.height, layer.width)
        if key not in best or layer.name.count(".") <= best[key].name.count("."):
            best[key] = layer
    return [best[key].name for key in sorted(best, reverse=True)]


def resolve(network: nn.Module, images: Tensor, wanted: str | Sequence[str]) -> list[str]:
    """The module paths that ``last``, ``stages`` or a list of paths stand for on this network.

    Args:
        images: (1, 3, H, W), an example of what the network sees.

    Raises:
        BenchError: a path is not a layer of the network (the nearest and the valid are named), or no layer has a
            spatial map.
    """
    names = dict(network.named_modules())
    if isinstance(wanted, str) and wanted not in ("last", "stages"):
        wanted = [wanted]
    if not isinstance(wanted, str):
        known = set(names) - {""}
        for name in wanted:
            if name not in known:
                spatial = [layer.name for layer in spatial_layers(network, images)]
                hint = nearest(name, spatial, most=12)
                raise BenchError(f"the network has no layer {name!r}", hint=f"{hint}. Or say last, or stages")
        return list(dict.fromkeys(wanted))
    found = stages(spatial_layers(network, images))
    if not found:
        raise BenchError("no layer of the network returns a spatial map (B, K, h, w)", hint="Name the layers")
    return found[-1:] if wanted == "last" else found


def _shape(output: Any) -> tuple[int, ...] | None:
    return tuple(output.shape) if isinstance(output, Tensor) and output.ndim == 4 else None


def _proportional(shape: tuple[int, ...], images: Tensor) -> bool:
    height, width = images.shape[-2:]
    return abs(shape[2] * width - shape[3] * height) <= 2 * max(height, width)
