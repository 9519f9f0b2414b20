"""Boxes of wsolevaluation's contours, restated with scipy's labels and none of benchbench."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Array = npt.NDArray[Any]
EIGHT = np.ones((3, 3), int)


def contour_boxes(binary: Array) -> Array:
    """(n, 4): x0, y0, x1, y1, the last two one past it, of each outer contour and of each hole with its rim."""
    boxes = [_box(part) for part in _parts(binary, EIGHT)]
    for hole in _holes(binary):
        x0, y0, x1, y1 = _box(hole)
        boxes.append((x0 - 1, y0 - 1, x1 + 1, y1 + 1))
    return np.array(boxes)


def largest_box(binary: Array) -> Array:
    """(1, 4): of the region whose outer contour encloses the most; the first by rows and columns of equals."""
    parts = _parts(binary, EIGHT)
    areas = [enclosed(part) for part in parts]
    return np.array([_box(parts[areas.index(max(areas))])])


def enclosed(part: Array) -> float:
    """The area of the polygon through the centres of a region's outer pixels.

    A square of four pixel centres counts 1 if all are in the region or its holes, and 1/2 if three are.
    """
    filled = ndimage.binary_fill_holes(part).astype(int)
    corners = filled[:-1, :-1] + filled[:-1, 1:] + filled[1:, :-1] + filled[1:, 1:]
    return float((corners == 4).sum() + (corners == 3).sum() / 2)


def _parts(binary: Array, neighbours: Array | None = None) -> list[Array]:
    labels, count = ndimage.label(binary, neighbours)
    return [labels == k for k in range(1, count + 1)]


def _holes(binary: Array) -> list[Array]:
    """Parts of the background, joined at their sides, that reach no border."""
    return [
        part
        for part in _parts(~binary)
        if not (part[0].any() or part[-1].any() or part[:, 0].any() or part[:, -1].any())
    ]


def _box(part: Array) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero(part)
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1
