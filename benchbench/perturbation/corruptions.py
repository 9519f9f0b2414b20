"""The images of views: noise, shifts, JPEG. All but JPEG are exact in float32, and none depends on the batch."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..seeds import derived
from ..types import Pixels
from ..types.views import Noisy

_SLACK = 1e-3  # of [0, 1], for the rounding of what was normalised


def noisy(pixels: Pixels, noise: Noisy) -> Tensor:
    """(B, C, H, W): the images with noise of a size in pixels of [0, 1], drawn from each image's seed."""
    drawn = torch.stack([_drawn(seed, noise, pixels.images.shape[1:]) for seed in pixels.seeds])
    return pixels.images + drawn.to(pixels.images) * (noise.radius / pixels.std)[:, None, None]


def _drawn(seed: int, noise: Noisy, shape: torch.Size) -> Tensor:
    generator = torch.Generator().manual_seed(derived(f"{seed}/{noise.kind} noise/{noise.index}"))
    if noise.kind == "normal":
        return torch.randn(shape, generator=generator)
    return 2 * torch.rand(shape, generator=generator) - 1


def shifted(images: Tensor, dx: int, dy: int) -> Tensor:
    """Images or masks (..., H, W), moved right by ``dx`` and down by ``dy`` pixels; the edge is repeated."""
    height, width = images.shape[-2:]
    rows = (torch.arange(height, device=images.device) - dy).clamp(0, height - 1)
    columns = (torch.arange(width, device=images.device) - dx).clamp(0, width - 1)
    return images[..., rows, :][..., columns]


def jpeg(pixels: Pixels, quality: int) -> tuple[Tensor, tuple[str, ...]]:
    """(B, channels, H, W): the images after Pillow's JPEG; and per image why there is no JPEG of it, or "".

    Only a photograph has one: three channels, or one as grey, in [0, 1] before normalisation. Others stay as they are.
    """
    reasons = []
    images = pixels.images.clone()
    mean, std = pixels.mean[:, None, None], pixels.std[:, None, None]
    for i, image in enumerate(pixels.images):
        plain = image * std + mean
        reasons.append(_no_photograph(plain))
        if not reasons[-1]:
            levels = (plain.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
            file = BytesIO()
            Image.fromarray(levels.squeeze(2) if len(plain) == 1 else levels).save(file, format="JPEG", quality=quality)
            again = torch.from_numpy(np.atleast_3d(np.array(Image.open(file), dtype=np.float32))).to(image) / 255
            images[i] = (again.permute(2, 0, 1) - mean) / std
    return images, tuple(reasons)


def _no_photograph(plain: Tensor) -> str:
    if len(plain) not in (1, 3):
        return f"the image has {len(plain)} channels: JPEG needs three, or one"
    if plain.min() < -_SLACK or plain.max() > 1 + _SLACK:
        return "the image's pixels leave [0, 1]: there is no JPEG of it"
    return ""


def pixel_distance(pixels: Pixels, images: Tensor) -> Tensor:
    """(B,): the Euclidean distance of images (B, C, H, W) from the batch's own, in pixels of [0, 1]."""
    gap = (images - pixels.images).double() * pixels.std[:, None, None].double()
    return gap.square().sum((1, 2, 3)).sqrt()
