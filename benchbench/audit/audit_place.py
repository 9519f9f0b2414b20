"""Where a method that is audited explains a network."""

from __future__ import annotations

from dataclasses import dataclass

from ..types.token_grid import Layout


@dataclass(frozen=True)
class AuditPlace:
    """Where a method explains a network.

    Attributes:
        network: the network's name.
        layer: a module's path.
        layout: how the layer's output holds its map.
        stages: the paths of the stages up to the layer, the layer last, for methods that join several.
    """

    network: str
    layer: str
    layout: Layout
    stages: tuple[str, ...]
