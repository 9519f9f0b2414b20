"""Opti-CAM: Zhang, Torres, Sicre, Avrithis and Ayache 2023, arXiv:2301.07002."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, relu

from benchbench.registry import method
from benchbench.types import Layer

from ..maps.normalise import minmax, upsample


@method(
    "opticam",
    title="Opti-CAM",
    needs=("activation", "look"),
    paper="arXiv:2301.07002",
    fails="It finds a mask that raises the score, which need not be what made it: dark borders and cut-out shapes may.",
)
def opticam(
    layer: Layer, *, steps: Annotated[int, Field(ge=1)] = 50, rate: Annotated[float, Field(gt=0)] = 0.1
) -> Tensor:
    """The convex combination of the activations that, as a mask, gives the image the highest logit.

    S = sum_k softmax(u)_k ReLU(A_k); u starts at equal weights and follows Adam for ``steps`` steps towards a higher
    logit of image times minmax(upsampled S). The authors' code stops early when the whole batch's loss has risen:
    here every image takes all steps, whatever its neighbours do.
    """
    activation = relu(layer.activation)
    u = torch.full(activation.shape[:2], 0.5, dtype=activation.dtype, device=activation.device, requires_grad=True)
    optimiser = torch.optim.Adam([u], lr=rate)
    for _ in range(steps):
        with torch.enable_grad():
            mask = minmax(upsample(_combined(u, activation)[:, None], layer.images.shape[2:]))
            logits = layer.forward(layer.images * mask)
            (u.grad,) = torch.autograd.grad(-logits.gather(1, layer.targets[:, None]).sum(), u)
        optimiser.step()
    return _combined(u, activation).detach()


def _combined(u: Tensor, activation: Tensor) -> Tensor:
    return torch.einsum("bk,bkhw->bhw", u.softmax(1), activation)
