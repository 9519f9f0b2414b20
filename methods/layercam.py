"""Layer-CAM: Jiang et al. 2021, doi:10.1109/TIP.2021.3089943, equations 6 and 7."""

from __future__ import annotations

from torch import Tensor, relu

from benchbench.registry import method
from benchbench.types import Layer


@method(
    "layercam",
    title="Layer-CAM",
    needs="gradient",
    paper="doi:10.1109/TIP.2021.3089943",
    fails="Behind a saturated score it vanishes. Channels that speak against the class are left out, not set off.",
)
def layercam(layer: Layer) -> Tensor:
    """Each cell of the activations weighted by its own positive gradient, then ReLU."""
    return relu((relu(layer.gradient) * layer.activation).sum(1))
