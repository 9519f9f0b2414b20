"""What a user gives to ``explain``, checked before anything runs: images, network, target; and the maps that go out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .errors import BenchError


def check_images(images: Any) -> Tensor:
    """The images (B, C, H, W), as tensors that autograd may use.

    Raises:
        BenchError: they are something else.
    """
    if not isinstance(images, Tensor):
        hint = "Give a float tensor (B, 3, H, W), as the network takes it: torch.from_numpy(...), torch.stack(...)"
        raise BenchError(f"images are {type(images).__name__}", where="explain", hint=hint)
    if images.ndim != 4 or not len(images):
        raise BenchError(f"images have the shape {tuple(images.shape)}", where="explain", hint="Give (B, 3, H, W)")
    if images.dtype != torch.float32:
        raise BenchError(f"images are {images.dtype}", where="explain", hint="Give images.float(), normalised")
    if not torch.isfinite(images).all():
        raise BenchError("images have values that are not finite", where="explain", hint="Look at their normalisation")
    return images.clone() if images.is_inference() else images.detach()


def check_network(network: Any, where: str) -> nn.Module:
    """The network, in float32.

    Raises:
        BenchError: it is no module, or of another type.
    """
    if not isinstance(network, nn.Module):
        hint = "Give an nn.Module that returns logits (B, C)"
        raise BenchError(f"the network is {type(network).__name__}", where=where, hint=hint)
    kinds = {p.dtype for p in network.parameters() if p.is_floating_point()} - {torch.float32}
    if kinds:
        said = f"the network's parameters are {', '.join(map(str, kinds))}, where float32 is needed"
        raise BenchError(said, where=where, hint="Give network.float()")
    return network


def check_target(target: Any, count: int, *, only: bool) -> None:
    """A class, or (B,) or (B, T) of them, or None.

    Raises:
        BenchError: something else; or a class of a network with a score, which is its only target.
    """
    if target is None:
        return
    if only:
        raise BenchError("the network is scored: its score is the target", where="explain", hint="Leave target out")
    if isinstance(target, Tensor):
        integers = target.dtype in (torch.int64, torch.int32, torch.int16)
        if (
            integers
            and target.numel()
            and (target.shape in ((), (count,)) or (target.ndim == 2 and len(target) == count))
        ):
            return
        said = f"a tensor of {target.dtype} {tuple(target.shape)}"
    elif isinstance(target, int) and not isinstance(target, bool):
        return
    else:
        said = repr(target)
    raise BenchError(f"target is {said}", where="explain", hint=f"Give a class, or a tensor of {count} classes")


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
