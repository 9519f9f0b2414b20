"""A photograph's two frames: the pixels as its file stores them, and upright, as its EXIF orientation turns them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from PIL import ExifTags, Image
from torch import Tensor

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # by EXIF orientation, what makes the stored pixels upright; 1 is upright already


@dataclass(frozen=True)
class Frame:
    """The size of a photograph's pixels as its file stores them, and how EXIF turns them.

    Boxes and masks of data sets are in the stored pixels; a photograph is shown upright.

    Attributes:
        height, width: of the stored pixels.
        orientation: EXIF's, 1 to 8; 1 where the file has none.

    Example:
        >>> from benchbench.datasets.sources.frame import Frame
        >>> turned = Frame(2, 3, orientation=6)  # the camera was turned: the left column is the top row
        >>> turned.upright, turned.turned_boxes(torch.tensor([[0.0, 0, 1, 2]])).tolist()
        ((3, 2), [[0.0, 0.0, 2.0, 1.0]])
    """

    height: int
    width: int
    orientation: int = 1

    @property
    def stored(self) -> tuple[int, int]:
        """Height and width as stored."""
        return self.height, self.width

    @property
    def upright(self) -> tuple[int, int]:
        """Height and width when turned."""
        return (self.width, self.height) if self.orientation > 4 else self.stored

    def turned(self, mask: Tensor) -> Tensor:
        """A mask of the stored pixels (H, W), upright."""
        stored = mask.T if self.orientation > 4 else mask
        sides = {2: (1,), 3: (0, 1), 4: (0,), 6: (1,), 7: (0, 1), 8: (0,)}.get(self.orientation, ())
        return stored.flip(sides).contiguous() if sides else stored.contiguous()

    def turned_boxes(self, boxes: Tensor) -> Tensor:
        """Boxes (n, 4) of the stored pixels, upright: x0, y0, x1, y1, half-open."""
        if self.orientation == 1:
            return boxes
        x0, y0, x1, y1 = (boxes.T[[1, 0, 3, 2]] if self.orientation > 4 else boxes.T).unbind()
        height, width = self.upright
        if self.orientation in (2, 3, 6, 7):
            x0, x1 = width - x1, width - x0
        if self.orientation in (3, 4, 7, 8):
            y0, y1 = height - y1, height - y0
        return torch.stack([x0, y0, x1, y1], 1)


def frame_of(shown: Image.Image, orientation: int | None) -> Frame:
    """The frame of an upright picture whose file has an EXIF orientation, or none."""
    height, width = shown.height, shown.width
    turned = orientation is not None and orientation > 4
    return Frame(*((width, height) if turned else (height, width)), orientation or 1)


def orientation_of(image: Image.Image) -> int | None:
    """The EXIF orientation of an opened picture, 1 to 8; None where its file has none, or none that is known.

    To be asked before the pixels are loaded: Pillow turns a TIFF while it loads it, and forgets the orientation.
    """
    value = image.getexif().get(ExifTags.Base.Orientation)
    return value if isinstance(value, int) and 1 <= value <= 8 else None
