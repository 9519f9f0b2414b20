"""What a scene of ``shapes`` holds, drawn from a seed: figures, bars over them, strokes and a background.

Lengths are shares of the picture's side, so that a plan fits a picture of any size.
"""

from __future__ import annotations

import colorsys
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from ...models.shape_classes import SHAPE_CLASSES
from ...seeds import derived

Colour: TypeAlias = tuple[int, int, int]
T = TypeVar("T")
RADII = {"small": 0.11, "medium": 0.155, "large": 0.21}  # of the circle that a figure is drawn in
WARM, COLD = (-0.06, 0.15), (0.45, 0.72)  # hues: red to yellow, and green-blue to violet
GAP = 0.02  # between the circles of two figures
COVER = (0.2, 0.55)  # where a bar's edge lies, in radii from the figure's centre
COARSE = 6  # cells of the background along a side
MOST_INSTANCES = 3


@dataclass(frozen=True)
class Recipe:
    """The parameters of every scene of a data set.

    Attributes:
        distractors: the largest number of objects of other classes.
        occlusion: the probability that a bar covers a part of a figure, 0 to 1.
        clutter: strokes and specks, as a multiple of the usual number.
    """

    distractors: int
    occlusion: float
    clutter: float


@dataclass(frozen=True)
class Bar:
    """A bar that covers what lies beyond ``edge`` radii from the figure's centre, in the direction ``turn``."""

    turn: float
    edge: float
    colour: Colour


@dataclass(frozen=True)
class Figure:
    """An object of a class, or a distractor.

    Attributes:
        warm: whether its colours are warm, as those of the scene's class alone are.
        x, y, radius: of its circle.
        size: a word of ``RADII``.
        turn, grain: the angles of the shape and of its texture.
        phase: where the texture starts, in periods.
        light, dark: its two colours; a plain figure has the first alone.
    """

    label: int
    warm: bool
    x: float
    y: float
    radius: float
    size: str
    turn: float
    grain: float
    phase: tuple[float, float]
    light: Colour
    dark: Colour
    bar: Bar | None


@dataclass(frozen=True)
class Stroke:
    """A thin line of clutter, or a speck where both ends are the same."""

    start: tuple[float, float]
    end: tuple[float, float]
    width: float
    colour: Colour


@dataclass(frozen=True)
class Scene:
    """All that is drawn, in the order of drawing: background, strokes, then each figure with its bar."""

    label: int
    background: tuple[Colour, ...]
    strokes: tuple[Stroke, ...]
    figures: tuple[Figure, ...]


class Draws:
    """Draws from a text as the seed. Only ``random()`` is used, whose sequence no version of Python changes."""

    def __init__(self, text: str) -> None:
        self._next = random.Random(derived(text)).random

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self._next()

    def below(self, count: int) -> int:
        return int(self._next() * count)

    def choice(self, options: Sequence[T]) -> T:
        return options[self.below(len(options))]

    def shuffled(self, options: Sequence[T]) -> list[T]:
        return [option for _, option in sorted(((self._next(), i), o) for i, o in enumerate(options))]


def label_of(stream: str, index: int) -> int:
    """Each twelve scenes in a row have each class once, in a seeded order."""
    block, place = divmod(index, len(SHAPE_CLASSES))
    return block_labels(stream, block)[place]


def block_labels(stream: str, block: int) -> list[int]:
    """The class indices of a block of twelve scenes in a row."""
    return Draws(f"{stream}/labels/{block}").shuffled(range(len(SHAPE_CLASSES)))


def plan(stream: str, index: int, recipe: Recipe) -> Scene:
    """The scene of an index.

    Args:
        stream: the text that seeds all scenes of a data set.
        index: from 0.
        recipe: the data set's parameters.
    """
    draws, label = Draws(f"{stream}/{index}"), label_of(stream, index)
    background = tuple(_colour(draws, (0, 1), (0.0, 0.35), (0.25, 0.75)) for _ in range(COARSE * COARSE))
    strokes = tuple(_stroke(draws) for _ in range(round(16 * recipe.clutter)))
    labels = [label] * (1 + draws.below(MOST_INSTANCES))
    others = [other for other in range(len(SHAPE_CLASSES)) if other != label]
    labels += [draws.choice(others) for _ in range(draws.below(recipe.distractors + 1))]
    figures: list[Figure] = []
    for each in labels:
        placed = _place(draws, figures)
        if placed is not None:
            figures.append(_figure(draws, each, each == label, placed, recipe.occlusion))
    return Scene(label, background, strokes, tuple(draws.shuffled(figures)))


def _place(draws: Draws, figures: Sequence[Figure]) -> tuple[str, float, float] | None:
    """A size and a centre that leave the other figures free; None where forty tries meet no room."""
    size = draws.choice(tuple(RADII))
    radius = RADII[size]
    for _ in range(40):
        x, y = draws.between(radius, 1 - radius), draws.between(radius, 1 - radius)
        if all(math.hypot(x - other.x, y - other.y) > radius + other.radius + GAP for other in figures):
            return size, x, y
    return None


def _figure(draws: Draws, label: int, warm: bool, place: tuple[str, float, float], occlusion: float) -> Figure:
    size, x, y = place
    hue = draws.between(*(WARM if warm else COLD))
    light = _colour(draws, (hue, hue), (0.75, 1.0), (0.8, 1.0))
    dark = _colour(draws, (hue, hue), (0.75, 1.0), (0.2, 0.38))
    turn, grain = draws.between(0, 2 * math.pi), draws.between(0, 2 * math.pi)
    phase = (draws.between(0, 1), draws.between(0, 1))
    covered = draws.between(0, 1) < occlusion
    bar = Bar(draws.between(0, 2 * math.pi), draws.between(*COVER), _colour(draws, (0, 1), (0, 0.2), (0.1, 0.9)))
    return Figure(label, warm, x, y, RADII[size], size, turn, grain, phase, light, dark, bar if covered else None)


def _stroke(draws: Draws) -> Stroke:
    x, y, turn = draws.between(0, 1), draws.between(0, 1), draws.between(0, 2 * math.pi)
    length = draws.between(0.1, 0.4) if draws.between(0, 1) < 0.5 else 0.0
    end = (x + length * math.cos(turn), y + length * math.sin(turn))
    width = draws.between(0.012, 0.03) if length else draws.between(0.02, 0.05)
    return Stroke((x, y), end, width, _colour(draws, (0, 1), (0.2, 1.0), (0.2, 1.0)))


def _colour(
    draws: Draws, hue: tuple[float, float], saturation: tuple[float, float], value: tuple[float, float]
) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(draws.between(*hue) % 1, draws.between(*saturation), draws.between(*value))
    return round(255 * red), round(255 * green), round(255 * blue)
