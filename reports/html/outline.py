"""The outline of an object's mask, as a path of SVG and as a picture of it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import numpy as np
import numpy.typing as npt
from contourpy import contour_generator
from PIL import Image

from ...untrusted_picture import read_picture

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


def outline_uri(mask: bytes, width: int, height: int) -> str:
    """The mask's border as a picture to lay over the photograph, as a data address; empty where it has none."""
    path = outline(mask, width, height)
    look = "fill='none' stroke='#fff' stroke-width='2.5' vector-effect='non-scaling-stroke'"
    size = f"width='{width}' height='{height}' viewBox='0 0 {width} {height}'"
    code = quote(f"<svg xmlns='http://www.w3.org/2000/svg' {size}><path {look} d='{path}'/></svg>", safe=" =:/'")
    return f"data:image/svg+xml,{code}" if path else ""


def _path(points: npt.NDArray[np.float64]) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in np.round(points[:-1], 1)) + "Z"
