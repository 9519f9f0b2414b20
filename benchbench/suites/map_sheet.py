"""A sheet for suites: a photograph in each row, and beside it the maps of some methods laid over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import fill

import numpy as np
from PIL import Image
from torch import Tensor
from torch.nn.functional import max_pool2d

from ..results.suite_answer import SuitePicture
from ..viz.overlay import Overlay

SIDE = 192  # pixels at least, of a picture's shorter side
PANEL = 1.6  # inches of a picture: with eight columns, the page still shows headings at a size that can be read
HEAD = 16  # characters of a line of a heading
BLANK = "image"


@dataclass(frozen=True, eq=False)
class SheetRow:
    """A picture, and by column the pictures beside it, such as ``laid`` makes them; the caption is beneath the first.

    Example:
        >>> plain = Image.new("RGB", (8, 8))
        >>> sorted(SheetRow(plain, {"Grad-CAM": plain}).columns)
        ['Grad-CAM']
    """

    picture: Image.Image
    columns: Mapping[str, Image.Image]
    caption: str = ""


def sheet(name: str, title: str, caption: str, rows: Sequence[SheetRow], *, first: str = BLANK) -> SuitePicture:
    """Draw the rows.

    Args:
        name, title, caption: of the answer's picture.
        rows: one or more, all with the same columns.
        first: the heading of the pictures themselves.
    """
    drawn = tuple((row.picture, *row.columns.values()) for row in rows)
    heads = tuple(fill(head, HEAD) for head in (first, *rows[0].columns))
    overlay = Overlay(drawn, heads, tuple(row.caption for row in rows), PANEL)
    return SuitePicture(name, title, caption, overlay._repr_png_())


def enlarged(picture: Image.Image) -> Image.Image:
    """A small picture at a whole multiple of its size; a larger one as it is.

    Example:
        >>> enlarged(Image.new("RGB", (64, 64))).size
        (192, 192)
    """
    times = max(1, -(-SIDE // min(picture.size)))
    return picture.resize((picture.width * times, picture.height * times), Image.Resampling.NEAREST)


def outlined(picture: Image.Image, mask: Tensor) -> Image.Image:
    """The picture with a white line around the mask.

    Args:
        mask: bool (H, W); the picture has this size or a multiple of it.
    """
    region = Image.fromarray(mask.cpu().numpy()).resize(picture.size, Image.Resampling.NEAREST)
    inside = np.asarray(region, dtype=bool)
    grown = max_pool2d(mask.new_tensor(inside).float()[None, None], 5, 1, 2)[0, 0].numpy() > 0
    pixels = np.array(picture)
    pixels[grown & ~inside] = 255
    return Image.fromarray(pixels)
