"""What another library's code is asked for: a map of some images, from a network that it may hook."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from .token_grid import Layout


@dataclass(frozen=True, eq=False)
class LibraryCall:
    """A network as it is, a layer of it by its path, and images with the classes to explain.

    Attributes:
        network: in eval mode, with the modules and paths of the study's network.
        layer: the module's path; of a method that explains in pixels, INPUT, which is no module.
        layout: how the layer's output holds its map.
        images: (n, channels, H, W); n is 1 in a study.
        targets: (n,), the class explained for each image.
    """

    network: nn.Module
    layer: str
    layout: Layout
    images: Tensor
    targets: Tensor

    @property
    def module(self) -> nn.Module:
        """The layer."""
        return self.network.get_submodule(self.layer)

    @property
    def classes(self) -> list[int]:
        """The targets, as plain integers."""
        return [int(target) for target in self.targets]

    @property
    def reshape(self) -> Callable[[Tensor], Tensor] | None:
        """From the layer's output to a map (n, K, h, w), for a layer of tokens; None where it is a map already."""
        return None if self.layout.kind == "first" and not self.layout.turned else self.layout.map_of
