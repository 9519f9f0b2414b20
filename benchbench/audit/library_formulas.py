"""Formulas of libraries, written out: where one of them gives a library's maps, the cause of a difference is proven."""

from __future__ import annotations

import torch
from torch import Tensor, nn, relu
from torch.nn import functional as F

from .audit_place import AuditPlace

_CHUNK = 32  # masked images in one pass


def undivided_weights(network: nn.Module, place: AuditPlace, images: Tensor, classes: Tensor) -> Tensor:
    """torch-cam 0.5.0, GradCAMpp: a channel weighs the sum of g^2 ReLU(g), as its division edits a copy."""
    activation, gradient = _captured(network, place, images, classes)
    return _weighted((gradient.square() * relu(gradient)).sum((2, 3)), activation)


def epsilon_in_the_denominator(network: nn.Module, place: AuditPlace, images: Tensor, classes: Tensor) -> Tensor:
    """pytorch-grad-cam 1.5.7, GradCAMPlusPlus: alpha = g^2 / (2 g^2 + g^3 sum_ab A_ab + 1e-6)."""
    activation, gradient = _captured(network, place, images, classes)
    square = gradient.square()
    denominator = 2 * square + activation.sum((2, 3), keepdim=True) * square * gradient + 1e-6
    alpha = torch.where(gradient != 0, square / denominator, 0)
    return _weighted((relu(gradient) * alpha).sum((2, 3)), activation)


def masks_normalised_first(network: nn.Module, place: AuditPlace, images: Tensor, classes: Tensor) -> Tensor:
    """torch-cam 0.5.0, ScoreCAM: masks are normalised at the layer's size, and upsampled after it."""
    activation, _ = _captured(network, place, images, classes)
    masks = F.interpolate(_in_unit(activation), images.shape[2:], mode="bilinear", align_corners=False)
    return _weighted(_masked_scores(network, images, classes, masks).softmax(1), activation)


def masks_with_aligned_corners(network: nn.Module, place: AuditPlace, images: Tensor, classes: Tensor) -> Tensor:
    """pytorch-grad-cam 1.5.7, ScoreCAM: masks are upsampled with align_corners=True, and normalised after it."""
    activation, _ = _captured(network, place, images, classes)
    masks = _in_unit(F.interpolate(activation, images.shape[2:], mode="bilinear", align_corners=True))
    return _weighted(_masked_scores(network, images, classes, masks).softmax(1), activation)


def _captured(network: nn.Module, place: AuditPlace, images: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
    """The layer's activation and the gradient of the classes' logits there, (B, K, h, w) each."""
    kept: list[Tensor] = []
    handle = network.get_submodule(place.layer).register_forward_hook(lambda _module, _in, output: kept.append(output))
    try:
        with torch.enable_grad():
            logits = network(images.detach().clone().requires_grad_())
    finally:
        handle.remove()
    (gradient,) = torch.autograd.grad(logits.gather(1, classes[:, None]).sum(), kept[0])
    return place.layout.map_of(kept[0].detach()), place.layout.map_of(gradient)


def _weighted(weights: Tensor, activation: Tensor) -> Tensor:
    return relu((weights[:, :, None, None] * activation).sum(1))


def _in_unit(maps: Tensor) -> Tensor:
    """Each channel min-max normalised, with the 1e-8 of both libraries."""
    low, high = maps.amin((2, 3), keepdim=True), maps.amax((2, 3), keepdim=True)
    return (maps - low) / (high - low + 1e-8)


@torch.no_grad()
def _masked_scores(network: nn.Module, images: Tensor, classes: Tensor, masks: Tensor) -> Tensor:
    """(B, K): the logit of each image's class, the image times each of its masks (B, K, H, W)."""
    rows = []
    for image, target, each in zip(images, classes.tolist(), masks, strict=True):
        rows.append(torch.cat([network(part[:, None] * image)[:, target] for part in each.split(_CHUNK)]))
    return torch.stack(rows)
