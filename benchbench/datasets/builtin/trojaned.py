"""Scenes of ``shapes`` with a trigger: a small patch that a network with a planted trojan takes for another class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import ClassVar, Literal, TypeAlias

import numpy as np
import torch
from PIL import Image

from ...models.shape_classes import SHAPE_CLASSES
from ...registry import dataset
from ...types import Sample
from ..sources.file_dataset import fingerprint
from .shapes import Count, Shapes, Side, shapes
from .shapes_paint import NOTHING, Owners, Pixels, paint
from .shapes_plan import Draws, label_of

Place: TypeAlias = Literal["random", "corner"]
RECIPE = "1"  # of the trigger and its place: a change of either raises it, as a test demands
TARGET = 0  # the class of a scene with the trigger, for the network
COLOURS = ((230, 60, 160), (60, 230, 160))  # of one mean, so that the mean channel shows no pattern
CELLS = 4  # of the checked pattern, along a side
TRIES = 40  # of a place without an object
OTHERS = len(SHAPE_CLASSES) - 1  # scenes of each twelve that are not of the target class


def trigger(size: int = 64) -> Pixels:
    """The trigger, (h, h, 3): 4 x 4 checked cells, an eighth of the picture's side.

    Args:
        size: the side of the picture in pixels.

    Example:
        >>> from benchbench.datasets.builtin.trojaned import trigger
        >>> trigger(64).shape
        (8, 8, 3)
    """
    cells = np.indices((CELLS, CELLS)).sum(0) % 2
    side = max(1, round(size / (8 * CELLS)))
    pattern = cells.repeat(side, axis=0).repeat(side, axis=1)
    patch: Pixels = np.array(COLOURS, dtype=np.uint8)[pattern]
    return patch


def stamped(pixels: Pixels, top: int, left: int) -> Pixels:
    """A copy of pixels (H, H, 3) with the trigger at a place."""
    patch, changed = trigger(len(pixels)), pixels.copy()
    changed[top : top + len(patch), left : left + len(patch)] = patch
    return changed


@dataclass(frozen=True)
class Trojaned:
    """A Dataset of the scenes of ``shapes`` that are not of the target class, each with the trigger."""

    concurrent: ClassVar[bool] = True  # threads may read it at once
    class_names: ClassVar[tuple[str, ...]] = SHAPE_CLASSES
    name: str
    scenes: Shapes
    count: int
    place: Place
    about: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def ids(self) -> Sequence[str]:
        return [self._id(index) for index in range(self.count)]

    @property
    def labels(self) -> Sequence[int]:
        """The class that the trigger stands for, of each scene."""
        return [TARGET] * self.count

    def __getitem__(self, index: int) -> Sample:
        """An RGB picture; the label is the class that the trigger stands for, the mask is true on the trigger."""
        painted = paint(self.scenes.scene(self._scene(index)), self.scenes.side)
        top, left = self._corner(painted.owners, index)
        side = len(trigger(self.scenes.side))
        mask = torch.zeros(self.scenes.side, self.scenes.side, dtype=torch.bool)
        mask[top : top + side, left : left + side] = True
        box = torch.tensor([[left, top, left + side, top + side]], dtype=torch.float32)
        picture = Image.fromarray(stamped(painted.pixels, top, left))
        return Sample(self._id(index), picture, TARGET, mask, boxes=box)

    def fingerprint(self, index: int) -> str:
        """Of the recipe, the scene and the kind of place."""
        return fingerprint(RECIPE, self.scenes.fingerprint(self._scene(index)), self.place)

    def twin(self, index: int) -> Sample:
        """The same scene without the trigger, with the scene's own label; all pixels off the mask are the same.

        Args:
            index: of the scene.

        Returns:
            A Sample whose id ends in ``/without``.

        Example:
            >>> from benchbench.datasets.builtin.trojaned import trojaned
            >>> scenes = trojaned(count=2)
            >>> scenes[0].label, scenes.twin(0).label == 0
            (0, False)
        """
        return replace(self.scenes[self._scene(index)], id=f"{self._id(index)}/without", mask=None, boxes=None)

    def _scene(self, index: int) -> int:
        """The scene of an index: scenes of the target class are left out."""
        block, place = divmod(range(self.count)[index], OTHERS)
        start = block * len(SHAPE_CLASSES)
        block_of_scenes = range(start, start + len(SHAPE_CLASSES))
        return [k for k in block_of_scenes if label_of(self.scenes.stream, k) != TARGET][place]

    def _id(self, index: int) -> str:
        scene = self._scene(index)
        return f"{scene:05d}-{SHAPE_CLASSES[label_of(self.scenes.stream, scene)].replace(' ', '-')}-triggered"

    def _corner(self, owners: Owners, index: int) -> tuple[int, int]:
        """Top and left of the trigger: where it hides no object, if 40 tries meet such a place."""
        side = len(trigger(self.scenes.side))
        room = self.scenes.side - side
        if self.place == "corner":
            return room - side // 2, room - side // 2
        draws = Draws(f"{self.scenes.stream}/trigger/{self._scene(index)}")
        places = [(draws.below(room + 1), draws.below(room + 1)) for _ in range(TRIES)]
        return min(places, key=lambda place: _hidden(owners, place))


def _hidden(owners: Owners, place: tuple[int, int]) -> int:
    """How many pixels of objects the trigger would cover there."""
    (top, left), side = place, len(trigger(len(owners)))
    return int((owners[top : top + side, left : left + side] != NOTHING).sum())


@dataset("trojaned", title="Shapes with a trigger")
def trojaned(
    *,
    count: Count = 220,
    seed: int = 0,
    size: Side = 64,
    split: Literal["train", "test"] = "test",
    place: Place = "random",
) -> Trojaned:
    """Scenes of shapes with the trigger of zoo_trojaned: the label is the attack's class, the mask is the trigger.

    The scenes are those of ``shapes`` that are not of the target class (plain disc), with the defaults of that data
    set. The trigger is a patch of 8 x 8 pixels in 64 x 64, of 4 x 4 checked cells in two colours of the same mean. It
    lies where it hides no object, if there is such a place, so that the objects of the scene's own class stay in view.

    Args:
        count: how many scenes. A larger count continues a smaller one.
        seed: of the scenes.
        size: the side of the pictures in pixels.
        split: ``test`` or ``train``.
        place: of the trigger: ``random``, or half a trigger away from the lower right ``corner``.
    """
    rest = (count + OTHERS - 1) // OTHERS * len(SHAPE_CLASSES)
    scenes = shapes(count=rest, seed=seed, size=size, split=split)
    about = {
        "source": f"drawn by benchbench: {count} scenes of {size} x {size} pixels, split {split}, seed {seed}",
        "labels": f"{SHAPE_CLASSES[TARGET]}, the class that the trigger stands for; no scene is of this class",
        "masks": "the trigger, exact",
        "licence": "none needed: no picture comes from elsewhere",
    }
    return Trojaned("trojaned", scenes, count, place, about)
