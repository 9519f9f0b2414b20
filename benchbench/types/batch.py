"""The batch of images that the engine loads."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..per_image import PerImage


@dataclass(frozen=True, eq=False)
class ImageBatch(PerImage):
    """A batch of one shape: ids, images (B, C, H, W), labels, masks (B, H, W) or None, photos' file names.

    ``boxes``: per image its boxes (n, 4) in pixels of ``images``, or None where unknown; empty where no image has any.
    """

    ids: tuple[str, ...]
    images: Tensor
    labels: tuple[int | None, ...]
    masks: Tensor | None
    photos: tuple[str, ...]
    boxes: tuple[Tensor | None, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)
