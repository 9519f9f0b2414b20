"""A sheet for suites: a photograph in each row, and the maps of some methods beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image
from torch import Tensor
from torch.nn.functional import max_pool2d

from ...models.preprocess import denormalise
from ...results.suite_answer import SuitePicture
from ...types import Preprocess
from ...viz.overlay import Overlay, laid

SIDE = 192  # pixels at least, of a picture's shorter side


@dataclass(frozen=True, eq=False)
class SheetRow:
    """An image (channels, H, W) as the network sees it, the mask (H, W) that is outlined, and maps by column."""

    image: Tensor
    mask: Tensor
    maps: Mapping[str, Tensor]
    caption: str = ""


def sheet(name: str, title: str, caption: str, rows: Sequence[SheetRow], preprocess: Preprocess) -> SuitePicture:
    """Draw it. A column without a map of a row shows the plain picture.

    Args:
        name, title, caption: of the answer's picture.
        rows: all with the same columns.
        preprocess: of the network, by which pictures are shown.
    """
    drawn = []
    for row in rows:
        plain = _enlarged(Image.fromarray(denormalise(row.image, preprocess).numpy()))
        outlined = _outlined(plain, row.mask)
        drawn.append((outlined, *(laid(plain, each) for each in row.maps.values())))
    heads = ("image and truth", *rows[0].maps)
    overlay = Overlay(tuple(drawn), heads, tuple(row.caption for row in rows))
    return SuitePicture(name, title, caption, overlay._repr_png_())


def _enlarged(picture: Image.Image) -> Image.Image:
    times = max(1, -(-SIDE // min(picture.size)))
    return picture.resize((picture.width * times, picture.height * times), Image.Resampling.NEAREST)


def _outlined(picture: Image.Image, mask: Tensor) -> Image.Image:
    """With a white line around the mask."""
    region = Image.fromarray(mask.cpu().numpy()).resize(picture.size, Image.Resampling.NEAREST)
    inside = np.asarray(region, dtype=bool)
    grown = max_pool2d(mask.new_tensor(inside).float()[None, None], 5, 1, 2)[0, 0].numpy() > 0
    pixels = np.array(picture)
    pixels[grown & ~inside] = 255
    return Image.fromarray(pixels)
