"""A batch of images."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class ImageBatch:
    """A batch of one shape: ids, images (B, 3, H, W), labels, masks (B, H, W) or None, photos' file names."""

    ids: tuple[str, ...]
    images: Tensor
    labels: tuple[int | None, ...]
    masks: Tensor | None
    photos: tuple[str, ...]

    def one(self, i: int) -> ImageBatch:
        return self.part(i, i + 1)

    def part(self, start: int, stop: int) -> ImageBatch:
        s = slice(start, stop)
        masks = None if self.masks is None else self.masks[s]
        return ImageBatch(self.ids[s], self.images[s], self.labels[s], masks, self.photos[s])
