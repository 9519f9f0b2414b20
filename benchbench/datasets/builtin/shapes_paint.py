"""A scene of ``shapes`` as pixels, with the figure that each pixel shows.

Edges are hard: each pixel shows one thing, so that masks are exact, and a scene without some of its figures has the
same values in all other pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageDraw

from ...models.shape_classes import parts_of
from .shapes_plan import COARSE, Bar, Figure, Scene, Stroke

Pixels: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
Owners: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.int8]]
Mask: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
Values: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
PERIOD = 0.08  # of stripes and checks
BAR = (1.1, 1.15)  # where a bar ends, in radii from the figure's centre: across it, and along it
NOTHING = -1


@dataclass(frozen=True, eq=False)
class Painted:
    """Pixels (H, W, 3), and by pixel (H, W) the index of the figure that it shows, or -1."""

    pixels: Pixels
    owners: Owners


def paint(scene: Scene, size: int, without: Collection[int] = ()) -> Painted:
    """The scene at ``size`` x ``size`` pixels.

    Args:
        scene: the plan.
        size: the side in pixels.
        without: indices of figures that are not drawn; their bars are.
    """
    pixels = _background(scene, size)
    owners = np.full((size, size), NOTHING, dtype=np.int8)
    for index, figure in enumerate(scene.figures):
        window, across, down = _window(figure, size)
        inside = _INSIDE[parts_of(figure.label)[0]](*_turned(across, down, figure.turn))
        if index not in without:
            colours = np.array([figure.light, figure.dark], dtype=np.uint8)[_texture(figure, across, down)]
            pixels[window][inside] = colours[inside]
            owners[window][inside] = index
        if figure.bar is not None:
            covered = _covered(figure.bar, across, down) & np.isin(owners[window], (NOTHING, index))
            pixels[window][covered] = figure.bar.colour
            owners[window][covered] = NOTHING
    return Painted(pixels, owners)


def _background(scene: Scene, size: int) -> Pixels:
    coarse = np.array(scene.background, dtype=np.uint8).reshape(COARSE, COARSE, 3)
    picture = Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC)
    pencil = ImageDraw.Draw(picture)
    for stroke in scene.strokes:
        _draw(pencil, stroke, size)
    return np.array(picture)


def _draw(pencil: ImageDraw.ImageDraw, stroke: Stroke, size: int) -> None:
    (left, top), (right, bottom) = stroke.start, stroke.end
    if stroke.start == stroke.end:
        box = [(left - stroke.width) * size, (top - stroke.width) * size]
        pencil.ellipse([*box, (left + stroke.width) * size, (top + stroke.width) * size], fill=stroke.colour)
    else:
        ends = [left * size, top * size, right * size, bottom * size]
        pencil.line(ends, fill=stroke.colour, width=max(1, round(stroke.width * size)))


def _window(figure: Figure, size: int) -> tuple[tuple[slice, slice], Values, Values]:
    """The pixels around a figure, and how far right and down of its centre each lies, in radii."""
    reach = 1.6 * figure.radius  # of a bar's corners
    sides = []
    for centre in (figure.y, figure.x):
        first, last = math.floor((centre - reach) * size), math.ceil((centre + reach) * size)
        sides.append(slice(max(0, first), min(size, last)))
    down, across = (_along(side, centre * size) for side, centre in zip(sides, (figure.y, figure.x), strict=True))
    radius = figure.radius * size
    return (sides[0], sides[1]), across[None, :] / radius, down[:, None] / radius


def _along(side: slice, centre: float) -> Values:
    """How far the middle of each pixel of a side lies behind a centre, in pixels."""
    middles: Values = np.arange(side.start, side.stop, dtype=np.float64) + (0.5 - centre)
    return middles


def _turned(across: Values, down: Values, turn: float) -> tuple[Values, Values]:
    cosine, sine = math.cos(turn), math.sin(turn)
    return across * cosine + down * sine, down * cosine - across * sine


def _texture(figure: Figure, across: Values, down: Values) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """0 where a pixel has the light colour, and 1 where it has the dark one."""
    texture = parts_of(figure.label)[1]
    scale = 2 * figure.radius / PERIOD
    first, second = _turned(across * scale, down * scale, figure.grain)
    stripes = np.floor(first + 2 * figure.phase[0]).astype(np.int64)
    if texture == "plain":
        return np.zeros_like(stripes)
    if texture == "striped":
        return stripes % 2
    return (stripes + np.floor(second + 2 * figure.phase[1]).astype(np.int64)) % 2


def _covered(bar: Bar, across: Values, down: Values) -> Mask:
    beyond, along = _turned(across, down, bar.turn)
    covered: Mask = (beyond > bar.edge) & (beyond < BAR[0]) & (abs(along) < BAR[1])
    return covered


def _disc(across: Values, down: Values) -> Mask:
    inside: Mask = across**2 + down**2 < 0.88**2
    return inside


def _square(across: Values, down: Values) -> Mask:
    inside: Mask = np.maximum(abs(across), abs(down)) < 0.7
    return inside


def _triangle(across: Values, down: Values) -> Mask:
    lean = math.sqrt(3) / 2
    inside: Mask = np.maximum(np.maximum(lean * across, -lean * across) - down / 2, down) < 0.5
    return inside


def _cross(across: Values, down: Values) -> Mask:
    inside: Mask = (np.minimum(abs(across), abs(down)) < 0.3) & (np.maximum(abs(across), abs(down)) < 0.95)
    return inside


_INSIDE: dict[str, Callable[[Values, Values], Mask]] = {
    "disc": _disc,
    "square": _square,
    "triangle": _triangle,
    "cross": _cross,
}
