"""The outline of an object's mask, as a path of SVG."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from contourpy import contour_generator
from PIL import Image

from ...picture_file import read_picture

SIDE = 72  # cells of the longer side, on which the outline is drawn


def outline(mask: bytes, width: int, height: int) -> str:
    """The mask's border, in the coordinates of a photograph of ``width`` and ``height``; empty where it has none.

    Args:
        mask: a black and white PNG, in the frame of the photograph.
    """
    grey = read_picture(mask, lambda image: image.convert("L"), formats=["PNG"], name="the mask")
    scale = min(1.0, SIDE / max(grey.size))
    size = (max(1, round(grey.width * scale)), max(1, round(grey.height * scale)))
    shares = np.asarray(grey.resize(size, Image.Resampling.BOX), dtype=np.float64) / 255
    padded = np.pad(shares, 1)  # so that the border closes at the picture's edge
    lines: Any = contour_generator(z=padded, line_type="Separate").lines(0.5)
    steps = np.array([width / size[0], height / size[1]])
    # a cell's value is that of its centre: half a cell in, and one cell of padding out
    return "".join(_path(np.clip((line - 0.5) * steps, 0, [width, height])) for line in lines)


def _path(points: npt.NDArray[np.float64]) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in np.round(points[:-1], 1)) + "Z"
