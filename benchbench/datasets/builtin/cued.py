"""Scenes of two classes with a spurious cue: a coloured tag that agrees with the class or does not."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from PIL import Image
from pydantic import Field
from torch import Tensor

from ...models.cue_classes import CUE_CLASSES, CUE_LABELS
from ...registry import dataset
from ...types import Sample
from ..sources.file_dataset import fingerprint
from .shapes import Count, Side
from .shapes_paint import NOTHING, Painted, paint
from .shapes_plan import Draws, Recipe, Scene, block_labels, plan

RECIPE = "1"  # of the pictures: a change of what is drawn raises it, as a test of the pictures demands
SCENES = Recipe(distractors=2, occlusion=0.0, clutter=0.5)  # of shapes, beneath the tag
TAG = 0.16  # the side of the tag, as a share of the picture's
MARGIN = 0.04  # around the tag, free of objects where the scene has room
HUES = ((0.28, 0.36), (0.8, 0.88))  # of each class's tag: green and magenta, which no object has


@dataclass(frozen=True)
class Cue:
    """The tag of a scene.

    Attributes:
        kind: the class index that the tag stands for.
        left, top, side: of the square, in pixels.
    """

    kind: int
    left: int
    top: int
    side: int

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the square."""
        return slice(self.top, self.top + self.side), slice(self.left, self.left + self.side)


@dataclass(frozen=True, eq=False)
class _Drawn:
    """A scene with its tag, painted."""

    scene: Scene
    painted: Painted
    cue: Cue


@dataclass(frozen=True)
class Cued:
    """A Dataset of scenes with a tag, drawn when asked for: a function of split, seed, index and rho alone."""

    concurrent: ClassVar[bool] = True  # threads may read it at once
    class_names: ClassVar[tuple[str, ...]] = CUE_CLASSES
    name: str
    stream: str
    count: int
    side: int
    rho: float
    shown: Literal["object", "cue"] = "object"
    about: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def ids(self) -> Sequence[str]:
        return [self._id(index) for index in range(self.count)]

    @cached_property
    def labels(self) -> Sequence[int]:
        """The class index of each scene, known without drawing it."""
        return [self._label(index) for index in range(self.count)]

    @cached_property
    def kinds(self) -> Sequence[int]:
        """The class index for which the tag of each scene stands, known without drawing it."""
        return [self._kind(index) for index in range(self.count)]

    def __getitem__(self, index: int) -> Sample:
        """An RGB picture; the mask is the objects' or the cue's, as the parameter ``mask`` says."""
        return self._sample(index, self._kind(index), "")

    def cue(self, index: int) -> Cue:
        """Where the tag of a scene is, and for which class it stands."""
        return self._drawn(index, self._kind(index)).cue

    def cue_mask(self, index: int) -> Tensor:
        """bool (H, W), true on the tag's pixels."""
        return _cue_mask(self.cue(index), self.side)

    def object_mask(self, index: int) -> Tensor:
        """bool (H, W), true on the visible pixels of the class's objects."""
        return _object_mask(self._drawn(index, self._kind(index)))

    def cue_twin(self, index: int) -> Sample:
        """The same scene with the other class's tag: the pixels outside ``cue_mask`` are the same.

        The label and the mask stay, as the objects do.

        Returns:
            A Sample whose id ends in ``/swapped``.

        Example:
            >>> import numpy as np
            >>> from benchbench.datasets.builtin.cued import cued
            >>> scenes = cued(count=3)
            >>> before, after = np.array(scenes[0].image), np.array(scenes.cue_twin(0).image)
            >>> bool(((before != after).any(2) == scenes.cue_mask(0).numpy()).all())
            True
        """
        return self._sample(index, 1 - self._kind(index), "/swapped")

    def without_cue(self, index: int) -> Sample:
        """The same scene without a tag: what the tag covered shows. The id ends in ``/without``."""
        sample = self[index]
        picture = Image.fromarray(paint(self._scene(index), self.side).pixels)
        return replace(sample, id=f"{sample.id}/without", image=picture)

    def fingerprint(self, index: int) -> str:
        """Of the recipe and whatever decides the picture: split, seed, index, side, the tag's kind and the mask."""
        kind, label = str(self._kind(index)), str(self._label(index))
        return fingerprint(RECIPE, self.stream, str(range(self.count)[index]), str(self.side), kind, label, self.shown)

    def _sample(self, index: int, kind: int, change: str) -> Sample:
        drawn = self._drawn(index, kind)
        mask = _cue_mask(drawn.cue, self.side) if self.shown == "cue" else _object_mask(drawn)
        picture = Image.fromarray(drawn.painted.pixels)
        return Sample(f"{self._id(index)}{change}", picture, self._label(index), mask)

    def _drawn(self, index: int, kind: int) -> _Drawn:
        return _draw(self._scene(index), self.side, kind, self._seed(index))

    def _scene(self, index: int) -> Scene:
        return plan(self.stream, scene_of(self.stream, range(self.count)[index])[0], SCENES)

    def _seed(self, index: int) -> str:
        return f"{self.stream}/{range(self.count)[index]}/cue"

    def _kind(self, index: int) -> int:
        return kind_of(self._seed(index), self._label(index), self.rho)

    def _label(self, index: int) -> int:
        return scene_of(self.stream, range(self.count)[index])[1]

    def _id(self, index: int) -> str:
        place = range(self.count)[index]
        return f"{place:05d}-{CUE_CLASSES[self._label(index)].replace(' ', '-')}"


def scene_of(stream: str, index: int) -> tuple[int, int]:
    """The scene of ``shapes`` beneath a tag, and its class here: of each twelve, those of the two classes in order.

    Returns:
        The index of the scene in ``shapes``, and the class index.
    """
    block, place = divmod(index, len(CUE_LABELS))
    labels = block_labels(stream, block)
    wanted = [k for k, label in enumerate(labels) if label in CUE_LABELS][place]
    return block * len(labels) + wanted, CUE_LABELS.index(labels[wanted])


def kind_of(seed: str, label: int, rho: float) -> int:
    """The class for which a scene's tag stands: its own with probability ``rho``, and the other otherwise.

    One uniform draw per scene decides: a scene whose tag agrees at some rho agrees at every larger one.
    """
    return label if Draws(f"{seed}/kind").between(0, 1) < rho else 1 - label


def _draw(scene: Scene, side: int, kind: int, seed: str) -> _Drawn:
    """A scene of ``shapes`` with its tag.

    The tag covers as few pixels of figures as any place of the scene allows, mostly none; among such places it is
    anywhere. The pixels that it covers belong to no figure.
    """
    painted = paint(scene, side)
    left, top = _place(painted, side, Draws(f"{seed}/place"))
    cue = Cue(kind, left, top, round(TAG * side))
    painted.pixels[cue.window] = _colour(seed, kind)
    painted.owners[cue.window] = NOTHING
    return _Drawn(scene, painted, cue)


def _place(painted: Painted, side: int, draws: Draws) -> tuple[int, int]:
    """The left and top pixel of the tag."""
    length, margin = round(TAG * side), round(MARGIN * side)
    taken = np.pad(painted.owners != NOTHING, ((margin + 1, margin), (margin + 1, margin))).cumsum(0).cumsum(1)
    reach = length + 2 * margin
    covered = taken[reach:, reach:] - taken[:-reach, reach:] - taken[reach:, :-reach] + taken[:-reach, :-reach]
    tops, lefts = np.nonzero(covered == covered.min())
    chosen = draws.below(len(tops))
    return int(lefts[chosen]), int(tops[chosen])


def _colour(seed: str, kind: int) -> tuple[int, int, int]:
    draws = Draws(f"{seed}/colour")
    share, value = draws.between(0, 1), draws.between(0.7, 1.0)
    low, high = HUES[kind]
    red, green, blue = colorsys.hsv_to_rgb(low + (high - low) * share, 0.85, value)
    return round(255 * red), round(255 * green), round(255 * blue)


def _cue_mask(cue: Cue, side: int) -> Tensor:
    mask = torch.zeros(side, side, dtype=torch.bool)
    mask[cue.window] = True
    return mask


def _object_mask(drawn: _Drawn) -> Tensor:
    deciding = [number for number, figure in enumerate(drawn.scene.figures) if figure.warm]
    return torch.from_numpy(np.isin(drawn.painted.owners, deciding))


@dataset("cued", title="Shapes with a cue")
def cued(
    *,
    count: Count = 240,
    seed: int = 0,
    size: Side = 64,
    split: Literal["train", "test"] = "test",
    rho: Annotated[float, Field(ge=0, le=1)] = 0.5,
    mask: Literal["object", "cue"] = "object",
) -> Cued:
    """Scenes of discs or squares with a spurious cue, a coloured tag away from the objects, and exact masks of both.

    A scene is one of ``shapes``, of the classes plain disc and plain square in equal numbers, with up to two
    distractors and nothing that covers objects. A tag is green or magenta: it agrees with the class (green for discs)
    with probability ``rho``. At 0.5 the tag says nothing of the class, at 1 it says as much as the objects, at 0 it
    always contradicts them. ``cue_twin(i)`` is the same scene with the other tag, ``without_cue(i)`` has none, and all
    other pixels stay. The suite ``bias`` and its networks (``models: bias``) use these data: docs/suites/bias.md.

    Args:
        count: how many scenes. A larger count continues a smaller one. Each two in a row have each class once.
        seed: of the scenes and of the tags.
        size: the side of the pictures in pixels. The networks of the suite take 64.
        split: ``test`` or ``train``: no scene of one is a scene of the other.
        rho: the probability that the tag agrees with the class.
        mask: whose pixels are the samples' masks, which metrics of localisation read: the objects' or the cue's.
    """
    about = {
        "source": f"drawn by benchbench: {count} scenes of {size} x {size} pixels, split {split}, seed {seed}",
        "labels": f"the class of the objects in warm colours; a tag agrees with it with probability {rho:g}",
        "masks": "the visible pixels of the label's objects, exact" if mask == "object" else "the tag, exact",
        "licence": "none needed: no picture comes from elsewhere",
    }
    return Cued("cued", f"{split}/{seed}", count, size, rho, mask, about)
