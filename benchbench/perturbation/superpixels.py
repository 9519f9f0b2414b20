"""Superpixels of images: SLIC (Achanta et al. 2012, IEEE TPAMI)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..types import Pixels


def segments_of(pixels: Pixels, wanted: int) -> Tensor:
    """(B, H, W): SLIC's segments, numbered from 0, of each image in [0, 1]: see ``slic_segments``."""
    shown = pixels.images * pixels.std[:, None, None] + pixels.mean[:, None, None]
    return slic_segments(shown.clamp(0, 1) if shown.shape[1] in (1, 3) else shown, wanted)  # CIELAB is defined there


def slic_segments(shown: Tensor, wanted: int) -> Tensor:
    """(B, H, W): SLIC's segments, numbered from 0, of each picture (B, C, H, W), about ``wanted`` of them.

    Distances of colours are CIELAB's where the picture is RGB or grey, with values in [0, 1]. Pictures of other
    channels have distances in their own values: the mean square over the channels, times 100, which is the range of
    CIELAB's lightness.
    """
    from skimage.segmentation import slic  # half a second to import, and few studies need it

    labels = []
    for image in shown.permute(0, 2, 3, 1).cpu().double().numpy():
        channels = image.shape[2]
        image, colour = (np.repeat(image, 3, axis=2) if channels == 1 else image), channels in (1, 3)
        compactness = 10 if colour else 0.1 * np.sqrt(channels)  # SLIC scales values to [0, 1], where L reaches 100
        segments = slic(image, n_segments=wanted, compactness=compactness, start_label=0, convert2lab=colour)
        labels.append(torch.from_numpy(np.unique(segments, return_inverse=True)[1].reshape(segments.shape)))
    return torch.stack(labels)
