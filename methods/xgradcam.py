"""XGrad-CAM: Fu et al. 2020, arXiv:2008.02312."""

from __future__ import annotations

import torch
from torch import Tensor, relu

from benchbench.registry import method
from benchbench.types import Layer


@method(
    "xgradcam",
    title="XGrad-CAM",
    needs="gradient",
    paper="arXiv:2008.02312",
    fails="Where a channel's activations sum to nearly zero, its weight grows without bound. Behind a saturated "
    "score it vanishes.",
)
def xgradcam(layer: Layer) -> Tensor:
    """Activations weighted by the activation-weighted mean of the logit's gradient, then ReLU.

    w_k = sum(g A_k) / sum(A_k), 0 where sum(A_k) = 0: no epsilon. On a layer that
    is signed, before its ReLU, the sums come near zero, and the map is at the mercy of rounding.
    """
    activation = layer.activation
    total = activation.sum((2, 3), keepdim=True, dtype=torch.float64)
    share = (layer.gradient * activation).sum((2, 3), keepdim=True, dtype=torch.float64)
    weight = torch.where(total != 0, share / torch.where(total != 0, total, 1), 0).to(activation.dtype)
    return relu((weight * activation).sum(1))
