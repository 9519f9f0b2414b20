"""Scenes of two coloured objects and a grey one, their captions, and questions about them.

"a red disc left of a blue square": the upper object is named first. The grey object is never named.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

SIDE = 40
COLOURS = {"red": (205, 45, 45), "green": (40, 150, 70), "blue": (45, 80, 205), "yellow": (225, 185, 30)}
SHAPES = ("disc", "square", "cross")
WORDS = ["<start>", "a", "of", "left", "right", *COLOURS, *SHAPES, "what", "colour", "shape", "is", "the", "thing"]
LENGTH = 8  # words of a caption
BACKGROUND, GREY, GAP = 225, (150, 150, 150), 4


@dataclass(frozen=True)
class Thing:
    """An object: its colour ("" for grey), its shape, its centre and its radius in pixels."""

    colour: str
    shape: str
    x: float
    y: float
    radius: float


@dataclass(frozen=True)
class Picture:
    """A scene: the upper object, the lower one and the grey one; and the seed of the noise."""

    things: tuple[Thing, Thing, Thing]
    seed: int

    @property
    def caption(self) -> list[str]:
        """Eight words."""
        upper, lower, _ = self.things
        side = "left" if upper.x < lower.x else "right"
        return ["a", upper.colour, upper.shape, side, "of", "a", lower.colour, lower.shape]

    def question(self, which: int, kind: str) -> tuple[list[str], str]:
        """Five words and the answer: of object 0 or 1, its ``colour`` by its shape, or its ``shape`` by its colour."""
        thing = self.things[which]
        if kind == "colour":
            return ["what", "colour", "is", "the", thing.shape], thing.colour
        return ["what", "shape", "is", "the", thing.colour], thing.shape


def draw_scene(generator: np.random.Generator) -> Picture:
    """A scene whose two named objects differ in colour and in shape."""
    colours, shapes = generator.permutation(list(COLOURS)), generator.permutation(SHAPES)
    while True:
        x, y = generator.uniform(7, SIDE - 7, (2, 3))
        radius = generator.uniform(5, 6.5, 3)
        apart = [np.hypot(x[i] - x[j], y[i] - y[j]) > radius[i] + radius[j] + 1 for i, j in ((0, 1), (0, 2), (1, 2))]
        if all(apart) and y[1] - y[0] > GAP and abs(x[1] - x[0]) > GAP:
            break
    names = [(str(colours[0]), str(shapes[0])), (str(colours[1]), str(shapes[1])), ("", str(generator.choice(SHAPES)))]
    things = [Thing(*names[i], x[i], y[i], radius[i]) for i in range(3)]
    return Picture((things[0], things[1], things[2]), int(generator.integers(2**31)))


def image(picture: Picture, without: Collection[int] = ()) -> Tensor:
    """(3, 40, 40): pixels in [0, 1] less the background's grey, so that 0 is background. Objects can be left out."""
    canvas = Image.new("RGB", (SIDE, SIDE), (BACKGROUND,) * 3)
    for i, thing in enumerate(picture.things):
        if i not in without:
            _paint(canvas, thing, COLOURS.get(thing.colour, GREY))
    noise = np.random.default_rng(picture.seed).normal(0, 0.03, (3, SIDE, SIDE))
    pixels = torch.from_numpy(np.array(canvas)).permute(2, 0, 1).float()
    return (pixels - BACKGROUND) / 255 + torch.from_numpy(noise).float()


def mask(picture: Picture, *which: int) -> Tensor:
    """(40, 40) bool: the visible pixels of these objects."""
    canvas = Image.new("L", (SIDE, SIDE))
    for i, thing in enumerate(picture.things):
        _paint(canvas, thing, 255 if i in which else 0)
    return torch.from_numpy(np.array(canvas) > 0)


def ids(words: list[str]) -> list[int]:
    """The places of words in the vocabulary."""
    return [WORDS.index(word) for word in words]


def _paint(canvas: Image.Image, thing: Thing, colour: tuple[int, int, int] | int) -> None:
    pencil = ImageDraw.Draw(canvas)
    x, y, r = thing.x, thing.y, thing.radius
    if thing.shape == "disc":
        pencil.ellipse((x - r, y - r, x + r, y + r), fill=colour)
    elif thing.shape == "square":
        pencil.rectangle((x - 0.8 * r, y - 0.8 * r, x + 0.8 * r, y + 0.8 * r), fill=colour)
    else:
        pencil.rectangle((x - r, y - 0.35 * r, x + r, y + 0.35 * r), fill=colour)
        pencil.rectangle((x - 0.35 * r, y - r, x + 0.35 * r, y + r), fill=colour)
