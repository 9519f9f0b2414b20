"""KPCA-CAM: Karmani et al. 2024, arXiv:2410.00267."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from benchbench.registry import method
from benchbench.types import Layer

from .eigencam import leading, signed


@method(
    "kpcacam",
    title="KPCA-CAM",
    needs="activation",
    paper="arXiv:2410.00267",
    fails="It knows no class. With the sigmoid kernel, large activations saturate and differ no more.",
)
def kpcacam(
    layer: Layer,
    *,
    kernel: Literal["sigmoid", "rbf"] = "sigmoid",
    gamma: Annotated[float, Field(gt=0)] | None = None,
) -> Tensor:
    """The first kernel principal component of the cells' activations. Its sign is that of Eigen-CAM's here.

    Each channel's mean is subtracted first. sigmoid: tanh(gamma x.y + 1); rbf: exp(-gamma |x - y|^2); gamma is
    1 / channels where it is not given, as in scikit-learn.
    """
    rows = layer.activation.flatten(2).mT.double()
    rows = rows - rows.mean(1, keepdim=True)
    scale = 1 / rows.shape[2] if gamma is None else gamma
    if kernel == "sigmoid":
        similar = torch.tanh(scale * (rows @ rows.mT) + 1)
    else:
        similar = torch.exp(-scale * torch.cdist(rows, rows, compute_mode="donot_use_mm_for_euclid_dist").square())
    means = similar.mean(1, keepdim=True)
    centred = similar - means - means.mT + means.mean(2, keepdim=True)
    vector = leading(centred)
    value = torch.einsum("bi,bij,bj->b", vector, centred, vector)
    component = vector * value.clamp_min(0).sqrt()[:, None]
    return signed(component, layer.activation, layer.activation)
