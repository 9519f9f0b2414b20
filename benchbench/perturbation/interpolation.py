"""A picture made of few of its pixels: linear between those that are known, as PAIR's `saliency` blurs for PIC.

Kapishnikov et al. 2019 (XRAI), arXiv:1906.02825, section 4.2; rules read in PAIR-code/saliency, metrics/pic.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy.ndimage import minimum_filter
from torch import Tensor

from ..seeds import derived

ALWAYS = 0.01  # the share of pixels, drawn from the image's seed, that are known whatever is hidden


def always_known(seeds: Sequence[int], size: tuple[int, int]) -> Tensor:
    """(B, H, W) bool: for each image a hundredth of its pixels, drawn from its seed, and the four corners."""
    height, width = size
    count, known = height * width, np.zeros((len(seeds), height * width), dtype=bool)
    for i, seed in enumerate(seeds):
        generator = np.random.default_rng(derived(f"{seed}/interpolated", size=8))
        known[i, generator.choice(count, int(count * ALWAYS), replace=False)] = True
    known[:, [0, width - 1, count - width, count - 1]] = True
    return torch.from_numpy(known).view(-1, height, width)


def interpolated(images: Tensor, known: Tensor) -> Tensor:
    """The images (N, C, H, W) with the pixels that are not ``known`` (N, H, W) linear between those that are.

    Between the corners of the triangles of Delaunay's triangulation of the known pixels. A known pixel among eight
    known ones touches no triangle with another pixel in it, and is left out of the triangulation.
    """
    done = [_interpolated(image, mask) for image, mask in zip(images, known, strict=True)]
    return torch.stack(done)


def _interpolated(image: Tensor, known: Tensor) -> Tensor:
    from scipy.interpolate import LinearNDInterpolator  # half a second to import, and few studies need it

    mask = known.cpu().numpy()
    if mask.all():
        return image
    values = image.permute(1, 2, 0).cpu().double().numpy()
    inner = minimum_filter(mask, 3, mode="constant", cval=True)
    corners = mask & ~inner
    between = LinearNDInterpolator(np.argwhere(corners), values[corners])(np.argwhere(~mask))
    picture = values.copy()
    picture[~mask] = np.where(np.isnan(between), values.mean((0, 1)), between)
    return torch.from_numpy(picture).permute(2, 0, 1).to(image)
