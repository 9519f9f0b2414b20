"""Winsor-CAM: Wall, Wang, Rizk and Santosh 2026, arXiv:2507.10846."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn, relu
from torch.nn import functional as F

from benchbench.errors import NotApplicable
from benchbench.registry import method
from benchbench.types import Layer

from ..maps.normalise import minmax

_LEAST = 0.1  # the weight of the least important layer with a positive importance
_ROUNDING = 1e-5  # of the gradient's mean size: a mean below it is zero, as before a norm over channels


@method(
    "winsorcam",
    title="Winsor-CAM",
    needs=("input", "modules"),
    paper="arXiv:2507.10846",
    fixed_score="it reads the gradient of the target's logit at every convolution",
    fails="A layer whose mean gradient is not positive is left out, though its map may be right; before a norm over "
    "channels the mean is zero, and on a vision transformer the map is constant. Early layers answer to edges and "
    "texture, and a low percentile weighs them like the last.",
)
def winsorcam(
    layer: Layer,
    *,
    percentile: Annotated[float, Field(ge=0, le=100)] = 90,
    interpolation: Literal["bilinear", "nearest"] = "bilinear",
) -> Tensor:
    """Grad-CAM at every convolution, min-max normalised, weighted by the layers' winsorised importance and summed.

    A layer's importance is the positive part of its gradient's mean over channels and space. Importances above the
    ``percentile`` of the positive ones are set to it, then the positive ones are scaled to 0.1 .. 1. Maps are brought
    to the finest layer's size, then to the image's. The parameters are those of the authors' example.
    """
    activations, gradients = _convolutions(layer)
    importance = torch.stack([_importance(g) for g in gradients], 1)
    weights = torch.stack([_winsorised(row, percentile / 100) for row in importance])
    maps = [
        minmax(relu((g.mean((2, 3), keepdim=True) * a).sum(1))) for a, g in zip(activations, gradients, strict=True)
    ]
    finest = (max(m.shape[1] for m in maps), max(m.shape[2] for m in maps))
    total = torch.zeros_like(layer.images[:, :1])
    for weight, layer_map in zip(weights.unbind(1), maps, strict=True):
        large = F.interpolate(layer_map[:, None], finest, mode=interpolation)
        total += weight[:, None, None, None] * F.interpolate(large, layer.images.shape[2:], mode=interpolation)
    return total[:, 0]


def _convolutions(layer: Layer) -> tuple[list[Tensor], list[Tensor]]:
    """The output (B, K, h, w) of every convolution that the logit depends on, and its gradient.

    Raises:
        NotApplicable: there is none.
    """
    network, outputs = layer.network, list[Tensor]()
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    hooks = [module.register_forward_hook(lambda _m, _i, output: outputs.append(output)) for module in convolutions]
    try:
        with torch.enable_grad():
            logits = network(layer.images.detach().clone().requires_grad_())
            chosen = logits.gather(1, layer.targets[:, None]).sum()
    finally:
        for hook in hooks:
            hook.remove()
    if not outputs or not chosen.requires_grad:
        raise NotApplicable("Winsor-CAM reads the gradients of convolutions, and the network has none")
    gradients = torch.autograd.grad(chosen, outputs, allow_unused=True)
    used = [(a.detach(), g) for a, g in zip(outputs, gradients, strict=True) if g is not None]
    return [a for a, _ in used], [g for _, g in used]


def _importance(gradient: Tensor) -> Tensor:
    """(B,): the positive part of the mean, 0 where it is rounding."""
    mean, size = gradient.mean((1, 2, 3)), gradient.abs().mean((1, 2, 3))
    return torch.where(mean > _ROUNDING * size, mean, 0)


def _winsorised(importance: Tensor, share: float) -> Tensor:
    """(L,): zero where not positive; of the rest the largest set to their quantile, then scaled to 0.1 .. 1."""
    positive = importance > 0
    if not positive.any():
        return importance
    values = importance[positive]
    cut = values.clamp(max=float(torch.quantile(values, share)))
    least, most = cut.min(), cut.max()
    scaled = torch.ones_like(cut) if least == most else _LEAST + (1 - _LEAST) * (cut - least) / (most - least)
    return torch.zeros_like(importance).masked_scatter(positive, scaled)
