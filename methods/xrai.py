"""XRAI: Kapishnikov, Bolukbasi, Viegas and Terry 2019, arXiv:1906.02825."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from benchbench.registry import method
from benchbench.types import Layer

Values = NDArray[np.float64]
Masks = NDArray[np.bool_]
_SCALES = (50, 100, 150, 250, 500, 1200)  # of Felzenszwalb's segmentation, on values in -1 .. 1
_SMOOTHING = 0.8
_FEWEST = 150  # pixels of a segment, at the segmentation's size
_GROWN = 5  # pixels by which a segment is dilated
_NEW = 50  # pixels that a segment must add


@method(
    "xrai",
    title="XRAI",
    needs=("input", "gradient", "look"),
    paper="arXiv:1906.02825",
    fails="An object is as sharp as its segments: where object and background look alike they share a segment, and "
    "texture is cut into pieces that compete. Segments follow the image's edges, whatever the network sees.",
)
def xrai(layer: Layer, *, steps: Annotated[int, Field(ge=1)] = 100, side: Annotated[int, Field(ge=16)] = 224) -> Tensor:
    """Regions ranked by their mean integrated gradients: each pixel has the density of the region that first took it.

    Integrated gradients from an image of the smallest value and one of the largest, averaged, the largest of the
    channels; Felzenszwalb's segments at six scales, of the image at ``side`` x ``side``, each dilated by 5 pixels.
    Regions are added in the order of the mean over what they add, at least 50 pixels; the rest has its own mean.
    """
    attribution = _attribution(layer, steps).amax(1).double().cpu().numpy()
    images = layer.images.permute(0, 2, 3, 1).double().cpu().numpy()
    maps = [_ranked(values, _segments(image, side)) for values, image in zip(attribution, images, strict=True)]
    return torch.from_numpy(np.stack(maps)).to(layer.images)


def _attribution(layer: Layer, steps: int) -> Tensor:
    """(B, 3, H, W): the mean of integrated gradients from each image's smallest and from its largest value."""
    total = torch.zeros_like(layer.images)
    for baseline in (layer.images.amin((1, 2, 3), keepdim=True), layer.images.amax((1, 2, 3), keepdim=True)):
        way, gradients = layer.images - baseline, torch.zeros_like(layer.images)
        for i in range(steps):
            gradients += layer.look(baseline + way * ((i + 0.5) / steps)).gradient
        total += way * gradients / steps
    return total / 2


def _segments(image: Values, side: int) -> Masks:
    """(n, H, W): the segments of all scales of an image (H, W, channels), dilated; they overlap."""
    from skimage.morphology import isotropic_dilation  # half a second to import, and few studies need it
    from skimage.segmentation import felzenszwalb
    from skimage.transform import resize

    span = float(np.ptp(image)) or 1.0
    scaled = resize(
        (image - image.min()) / span * 2 - 1,
        (side, side),
        order=3,
        mode="constant",
        preserve_range=True,
        anti_aliasing=True,
    )
    masks = []
    for scale in _SCALES:
        labels = felzenszwalb(scaled, scale=scale, sigma=_SMOOTHING, min_size=_FEWEST)
        labels = resize(labels, image.shape[:2], order=0, mode="constant", preserve_range=True, anti_aliasing=False)
        labels = labels.astype(int)
        masks += [isotropic_dilation(labels == label, _GROWN) for label in range(labels.min(), labels.max() + 1)]
    return np.stack(masks)


def _ranked(values: Values, masks: Masks) -> Values:
    """(H, W), from values (H, W) and masks (n, H, W): the greedy order of the masks by the mean of what each adds."""
    flat, members = values.ravel(), masks.reshape(len(masks), -1)
    free, ranked = np.ones(flat.size, dtype=bool), np.empty(flat.size)
    sums, counts = members @ flat, members.sum(1)
    while (usable := counts >= _NEW).any():
        density = np.where(usable, sums / np.maximum(counts, 1), -np.inf)
        added = members[int(density.argmax())] & free
        ranked[added] = flat[added].mean()
        free &= ~added
        taken = members[:, added]
        sums, counts = sums - taken @ flat[added], counts - taken.sum(1)
    ranked[free] = flat[free].mean() if free.any() else 0.0
    return ranked.reshape(values.shape)
