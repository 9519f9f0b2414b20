"""The network before which its input is rewritten, as a copy: what it answers to a rewritten image is known beforehand.

The rewriting is a hook before the network's first module, so that layers keep their names, and derivatives reach the
image through it.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ..types.views import AddedConstant, MirrorSymmetric
from .randomise import copied


def rewrites_input(network: nn.Module, view: AddedConstant | MirrorSymmetric, std: Tensor) -> nn.Module:
    """A copy in eval mode that first subtracts the view's constant, or averages its input with the mirror image.

    Args:
        std: (C,), what pixels in [0, 1] were divided by.

    Raises:
        NotApplicable: the network cannot be copied.
    """
    network = copied(network, "to rewrite its input")
    rewrite = mirror_mean if isinstance(view, MirrorSymmetric) else partial(_minus, constant=view.constant, std=std)
    network.register_forward_pre_hook(partial(_before, rewrite))
    return network


def shown_to(view: AddedConstant | MirrorSymmetric, images: Tensor, std: Tensor) -> Tensor:
    """(B, C, H, W): the images of the view: plus the constant, or averaged with the mirror image."""
    return mirror_mean(images) if isinstance(view, MirrorSymmetric) else _minus(images, -view.constant, std)


def mirror_mean(images: Tensor) -> Tensor:
    """The mean of images (B, C, H, W) and their mirror images, left to right: its own mirror to the last bit."""
    return (images + images.flip(-1)) / 2


def _minus(images: Tensor, constant: float, std: Tensor) -> Tensor:
    return images - (constant / std.to(images))[:, None, None]


def _before(rewrite: Any, _network: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    images, *others = inputs
    return (rewrite(images) if isinstance(images, torch.Tensor) else images, *others)
