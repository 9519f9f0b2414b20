"""Superpixels of images, which methods keep or hide: SLIC's, of the image alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from benchbench.types import Layer

from ..perturbation.superpixels import slic_segments
from ._hidden import Hiding, hiding

Array: TypeAlias = NDArray[np.float64]
Segments: TypeAlias = Annotated[int, Field(ge=2, le=2000)]
SuperpixelFill: TypeAlias = Literal["superpixel"] | Hiding


@dataclass(frozen=True, eq=False)
class Superpixels:
    """The superpixels of B images (C, H, W).

    Attributes:
        labels: (B, H, W), the number of each pixel's superpixel, from 0.
        counts: how many superpixels each image has.
        images: (B, C, H, W). hidden: the same size, what stands where a superpixel is hidden.
    """

    labels: Tensor
    counts: tuple[int, ...]
    images: Tensor
    hidden: Tensor

    @classmethod
    def of(cls, layer: Layer, segments: int, fill: SuperpixelFill) -> Superpixels:
        """About ``segments`` superpixels of each of the layer's images.

        SLIC (Achanta et al. 2012) sees the image min-max normalised over all its values, as a method is not told the
        network's pre-processing. ``fill``: a fill of the metrics, or the mean colour of each ``superpixel``.
        """
        images = layer.images
        low, high = images.amin((1, 2, 3), keepdim=True), images.amax((1, 2, 3), keepdim=True)
        shown = (images - low) / torch.where(high > low, high - low, 1)
        labels = slic_segments(shown, segments).to(images.device)
        counts = tuple(int(each) + 1 for each in labels.flatten(1).amax(1))
        hidden = _means(images, labels, max(counts)) if fill == "superpixel" else hiding(layer, fill)
        return cls(labels, counts, images, hidden)

    @property
    def most(self) -> int:
        """Of the image that has the most superpixels."""
        return max(self.counts)

    @property
    def sizes(self) -> Tensor:
        """(B, most): pixels; 0 beyond an image's last superpixel."""
        flat = self.labels.flatten(1)
        return torch.zeros(len(flat), self.most, device=flat.device).scatter_add(1, flat, torch.ones_like(flat).float())

    def picture(self, image: Tensor, kept: Tensor) -> Tensor:
        """(m, C, H, W): the ``image`` (m,) of each row with those superpixels that are ``kept`` (m, most), bool."""
        labels = self.labels[image]
        seen = kept.gather(1, labels.flatten(1)).view_as(labels)[:, None]
        return torch.where(seen, self.images[image], self.hidden[image])

    def spread(self, values: Tensor) -> Tensor:
        """(B, H, W): each superpixel's value, of ``values`` (B, most), at its pixels."""
        return values.gather(1, self.labels.flatten(1)).view(self.labels.shape)

    def draws(self, layer: Layer, count: int) -> Tensor:
        """(B, count, most), uniform in [0, 1): a superpixel's draws do not depend on how many others there are."""
        return torch.stack([layer.uniform(count, stream=f"superpixel {k}") for k in range(self.most)], 2)

    def solved(self, kept: Tensor, scores: Tensor, fit: Callable[[int, Array, Array], Array]) -> Tensor:
        """(B, most): what ``fit`` makes of each image's number, its rows ``kept`` (n, count) of 0 and 1, and scores.

        Args:
            kept: (B, n, most), bool. scores: (B, n).
        """
        values = torch.zeros(len(self.counts), self.most, dtype=torch.float64)
        for i, count in enumerate(self.counts):
            rows = kept[i, :, :count].double().cpu().numpy()
            values[i, :count] = torch.from_numpy(fit(i, rows, scores[i].double().cpu().numpy()))
        return values.to(self.images)


def _means(images: Tensor, labels: Tensor, most: int) -> Tensor:
    """(B, C, H, W): each pixel has the mean colour of its superpixel."""
    index = labels.flatten(1)[:, None].expand(-1, images.shape[1], -1)
    flat = images.flatten(2).double()
    empty = flat.new_zeros(*images.shape[:2], most)
    means = empty.scatter_add(2, index, flat) / empty.scatter_add(2, index, torch.ones_like(flat)).clamp_min(1)
    return means.gather(2, index).view(images.shape).to(images)
