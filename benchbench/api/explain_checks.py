"""What a user gives to explain, checked before anything runs, and the maps that go out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor

from ..errors import BenchError


def check_images(images: Tensor) -> Tensor:
    """The images (B, channels, H, W) in float32, as tensors that autograd may use.

    Raises:
        BenchError: another shape, integers, or values that are not finite.
    """
    if images.ndim != 4 or not images.numel():
        hint = "Give (B, channels, H, W): images[None] for a single image, images[:, None] for one channel"
        raise BenchError(f"images have the shape {tuple(images.shape)}", where="explain", hint=hint)
    if not images.is_floating_point():
        hint = "Give what the network takes: images.float() / 255, normalised"
        raise BenchError(f"images are {images.dtype}", where="explain", hint=hint)
    if not torch.isfinite(images).all():
        raise BenchError("images have values that are not finite", where="explain", hint="Look at their normalisation")
    plain = images.float()
    return plain.clone() if plain.is_inference() else plain.detach()


def check_answers(logits: Tensor) -> None:
    """Every image's logits (B, C) are finite.

    Raises:
        BenchError: the first image whose logits are not.
    """
    broken = (~torch.isfinite(logits).all(1)).nonzero()[:, 0].tolist()
    if broken:
        message = f"the network's answer of image {broken[0]} has values that are not finite"
        raise BenchError(message, where="explain", hint="Look at the network's weights")


def check_maps(maps: Tensor, sound: Sequence[bool], method: str) -> None:
    """Every map is finite, and so is what it was made of.

    Raises:
        BenchError: the first image whose map is none.
    """
    finite = torch.isfinite(maps).flatten(1).all(1).tolist()
    for i, (map_is, layer_is) in enumerate(zip(finite, sound, strict=True)):
        if not map_is or not layer_is:
            what = "the map" if layer_is else "the layer's activation or gradient"
            raise BenchError(f"{what} of image {i} has values that are not finite", where=f"explain: {method}")


def names_of(images: Tensor) -> list[str]:
    """A name per image from its content, so that what is drawn for it does not depend on its place in the batch."""
    return [hashlib.sha256(image.contiguous().cpu().numpy().tobytes()).hexdigest()[:16] for image in images]
