"""CAM: Zhou et al. 2016, arXiv:1512.04150, equation 2."""

from __future__ import annotations

from torch import Tensor, einsum

from benchbench.registry import method
from benchbench.types import Layer


@method(
    "cam",
    title="CAM",
    needs=("activation", "head"),
    paper="arXiv:1512.04150",
    fails="On every head but global average pooling and one linear layer, where it does not apply. Its signed map "
    "keeps what speaks against the class.",
)
def cam(layer: Layer) -> Tensor:
    """Activations weighted by the class's row of the last linear layer, behind global average pooling.

    Not applicable where the network's head is anything else. Signed: no ReLU.
    """
    return einsum("bk,bkhw->bhw", layer.head.weight[layer.targets], layer.activation)
