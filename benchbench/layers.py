"""Which layers: module paths, ``last`` (the last stage with a spatial map) or ``stages`` (one per resolution)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from .capture import capture, hook, quiet
from .errors import BenchError, NotApplicable, nearest
from .layout import Tokens, layout_of, proportional, tokens_of
from .unmapped import no_map

_POOLS_TO_SIZE = re.compile(r"(Select)?Adaptive.*Pool")


@dataclass(frozen=True)
class Spatial:
    """A module that ran once and returned a spatial map; ``norm``: it is a layer norm of tokens."""

    name: str
    channels: int
    height: int
    width: int
    norm: bool = False


def spatial_layers(network: nn.Module, images: Tensor) -> list[Spatial]:
    """Every module that runs exactly once and returns a map larger than 1 x 1, in the order of finishing.

    Left out: pooling to a fixed size, which belongs to the head, and maps without the image's proportions.
    """
    seen: list[tuple[str, Spatial | None]] = []
    tokens, size = tokens_of(network), (images.shape[2], images.shape[3])

    def note(name: str, module: nn.Module, _inputs: Any, output: Any) -> None:
        seen.append((name, _spatial(name, module, output, size, tokens)))

    with ExitStack() as stack:
        for name, module in network.named_modules():
            if name and not _POOLS_TO_SIZE.match(type(module).__name__):
                stack.enter_context(hook(module, partial(note, name)))
        with quiet(network), torch.no_grad():
            network(images[:1])
    runs: dict[str, int] = {}
    for name, _ in seen:
        runs[name] = runs.get(name, 0) + 1
    return [layer for name, layer in seen if layer is not None and runs[name] == 1]


def _spatial(name: str, module: nn.Module, output: Any, size: tuple[int, int], tokens: Tokens) -> Spatial | None:
    if not isinstance(output, Tensor) or len(output) != 1 or _is_attention(output):
        return None
    try:
        layout = layout_of(output.shape, size, tokens, module)
    except NotApplicable:
        return None
    if layout is None or layout.height * layout.width == 1:
        return None
    if (layout.height, layout.width) != tokens.grid and not proportional(layout.height, layout.width, size):
        return None
    channels = output.shape[1] if layout.kind == "first" else output.shape[-1]
    norm = layout.kind != "first" and hasattr(module, "normalized_shape")
    return Spatial(name, channels, layout.height, layout.width, norm)


def _is_attention(output: Tensor) -> bool:
    """Whether it is softmax weights, each row summing to 1: no map, whatever its shape."""
    if output.ndim != 4 or not output.is_floating_point() or bool((output < 0).any()):
        return False
    return bool(((output.sum(-1) - 1).abs() < 1e-3).all())


def stages(found: Sequence[Spatial], heard: Callable[[str], bool] = lambda _: True) -> list[str]:
    """One layer for each resolution, from the finest: of the least nested modules there, the last to finish.

    The least nested, since the first layers inside a block that reduces the resolution still run at the finer one.
    Where the logits do not listen to that layer's map (``heard``), as behind the last attention to a class token, it
    is the last layer norm to which they do: what the last attention reads.
    """
    best: dict[tuple[int, int], Spatial] = {}
    for layer in found:
        key = (layer.height, layer.width)
        if key not in best or layer.name.count(".") <= best[key].name.count("."):
            best[key] = layer
    for key, layer in best.items():
        norms = [n for n in reversed(found) if n.norm and (n.height, n.width) == key]
        if norms and not heard(layer.name):
            best[key] = next((n for n in norms if heard(n.name)), layer)
    order = [layer.name for layer in found]
    kept: list[str] = []
    for key in sorted(best):  # from the coarsest: a stage comes before every coarser one, or it is none
        name = best[key].name
        if not kept or order.index(name) < order.index(kept[-1]):
            kept.append(name)
    return kept[::-1]


def before(network: nn.Module, images: Tensor, layer: str) -> tuple[str, ...]:
    """The layers of ``stages`` that are finer than ``layer``, from the finest, and the layer itself."""
    found = spatial_layers(network, images)
    order = [each.name for each in found]
    if layer not in order:
        return (layer,)
    own = found[order.index(layer)]
    finer = [each for each in found[: order.index(layer)] if each.height * each.width > own.height * own.width]
    return (*stages(finer), layer)


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
        listed: list[str] = []
        for name in wanted:
            if name not in known and name not in ("last", "stages"):
                spatial = [layer.name for layer in spatial_layers(network, images)]
                hint = nearest(name, spatial, most=12)
                raise BenchError(f"the network has no layer {name!r}", hint=f"{hint}. Or say last, or stages")
            listed += [name] if name in known else resolve(network, images, name)
        return list(dict.fromkeys(listed))
    found = stages(spatial_layers(network, images), lambda name: _heard(network, images, name))
    if not found:
        raise no_map(network, images)
    return found[-1:] if wanted == "last" else found


def _heard(network: nn.Module, images: Tensor, layer: str) -> bool:
    """Whether the most likely class's logit depends on the layer's map."""
    try:
        seen = capture(network, images[:1], [layer], lambda logits: logits.argmax(1))
    except NotApplicable:
        return False
    return bool(seen.gradients[layer].any())
