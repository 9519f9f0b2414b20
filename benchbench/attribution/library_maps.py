"""Another library's maps outside a study: of one image after the other, or of all images in one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..cost.ledger import Passes
from ..methods.implementations.implementation import LibraryMethod, checked_maps
from ..network.capture import capture
from ..network.lent_network import LentNetwork
from ..plugin_guard import contained, seeded
from ..types import INPUT, LibraryCall
from ..types.token_grid import Layout


@dataclass(frozen=True, eq=False)
class LibraryMaps:
    """Maps as a library returns them.

    Attributes:
        maps: (n, h, w), detached; at the image's or at the layer's size, as the library has it.
        remains: what its calls left in the network, in words; empty where they left nothing.
        passes: how many images went through the network, forwards and backwards.
    """

    maps: Tensor
    remains: tuple[str, ...]
    passes: Passes


def maps_of(
    plugin: LibraryMethod,
    network: nn.Module,
    layer: str,
    images: Tensor,
    targets: Tensor,
    *,
    params: Mapping[str, Any] | None = None,
    raw: bool = False,
    batch: bool = False,
    seeds: Sequence[int] | None = None,
) -> LibraryMaps:
    """The maps of another library's method for images of a network; the network stays as it is.

    Args:
        plugin: such as ``METHODS["torchcam:GradCAM"]``.
        layer: a module's path; it does not matter to a method that explains the input.
        images: (n, channels, H, W), as the network takes them.
        targets: (n,), the class explained for each image.
        params: the method's parameters that are not the defaults.
        raw: not normalised and not upsampled, where the method has a parameter for that.
        batch: whether the library gets all images in one call; otherwise one image after the other, as in a study.
        seeds: of the global random states, one per image; a batch takes the first. Their positions, if not given.

    Raises:
        BenchError: an unknown parameter or layer, or the library returned something else than maps.
        NotApplicable: the layer's output is no spatial map.

    Example:
        >>> from benchbench.attribution.library_maps import maps_of
        >>> plugin = bb.registry.METHODS["captum:LayerGradCam"]
        >>> maps_of(plugin, network, "features", images, torch.tensor([0, 1])).maps.shape
        torch.Size([2, 32, 32])
    """
    given = {**(params or {}), **({"raw": True} if raw and "raw" in plugin.parameters else {})}
    bound = plugin.bind(given)
    layer = INPUT if "input" in plugin.needs else layer
    size = Layout("first", images.shape[2], images.shape[3])
    layout = size if layer == INPUT else _layout(network, images[:1], layer)
    passes = Passes()
    lent = LentNetwork(network, passes)
    count = len(images) if batch else 1
    maps = []
    for start in range(0, len(images), count):
        rows = slice(start, start + count)
        with ExitStack() as stack:
            stack.enter_context(contained(f"method {plugin.name}"))
            copy, _ = stack.enter_context(lent.borrow(layout))
            stack.enter_context(seeded(start if seeds is None else seeds[start]))
            stack.enter_context(torch.enable_grad())
            call = LibraryCall(copy, layer, layout, images[rows].detach().clone(), targets[rows].clone())
            maps.append(checked_maps(plugin.run(call, bound), call))
    return LibraryMaps(torch.cat(maps), _together(lent.remains()), passes)


def _layout(network: nn.Module, images: Tensor, layer: str) -> Layout:
    return capture(network, images, [layer], lambda logits: logits.argmax(1), gradient=False).layouts[layer]


def _together(remains: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words for left in remains for words in left))
