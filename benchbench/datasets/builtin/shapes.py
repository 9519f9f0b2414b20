"""Seeded scenes of twelve classes with planted truth: where the class's objects are, and the scene without them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Annotated, ClassVar, Literal, TypeAlias

import numpy as np
import torch
from PIL import Image
from pydantic import Field
from torch import Tensor

from ...models.shape_classes import SHAPE_CLASSES
from ...registry import dataset
from ...types import Sample
from ..sources.file_dataset import fingerprint
from .shapes_paint import Painted, paint
from .shapes_plan import Recipe, Scene, label_of, plan

RECIPE = "1"  # of the pictures: a change of what paint(plan()) draws raises it, as a test of the pictures demands

Count: TypeAlias = Annotated[int, Field(ge=1, le=1_000_000)]
Side: TypeAlias = Annotated[int, Field(ge=32, le=1024)]


@dataclass(frozen=True, eq=False)
class Instance:
    """One object of a scene that shows at least one pixel.

    Attributes:
        label: its class index.
        decides: whether it is of the scene's class: its colours are warm. The others are distractors.
        size: small, medium or large: the radius of the circle that it is drawn in.
        mask: bool (H, W), true on its visible pixels.
        covered: the share of the object that a bar hides, 0 to 1.
    """

    label: int
    decides: bool
    size: str
    mask: Tensor
    covered: float

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of the visible pixels; right and bottom are the first pixel outside."""
        return _box(self.mask)


@dataclass(frozen=True)
class Shapes:
    """A Dataset of scenes, drawn when asked for: a scene is a function of split, seed and index alone."""

    concurrent: ClassVar[bool] = True  # threads may read it at once
    class_names: ClassVar[tuple[str, ...]] = SHAPE_CLASSES
    name: str
    stream: str
    count: int
    side: int
    recipe: Recipe
    about: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def ids(self) -> Sequence[str]:
        return [self._id(index) for index in range(self.count)]

    @cached_property
    def labels(self) -> Sequence[int]:
        """The class index of each scene, known without drawing it."""
        return [label_of(self.stream, index) for index in range(self.count)]

    def scene(self, index: int) -> Scene:
        """The plan of a scene: every figure with its place, its size and its colours."""
        return plan(self.stream, range(self.count)[index], self.recipe)

    def __getitem__(self, index: int) -> Sample:
        """An RGB picture; the mask is true on all visible pixels of the label's objects, a box is around each."""
        scene = self.scene(index)
        painted = paint(scene, self.side)
        deciding = [number for number, figure in enumerate(scene.figures) if figure.warm]
        mask = torch.from_numpy(np.isin(painted.owners, deciding))
        shown = [_shown(painted, number) for number in deciding]
        boxes = torch.tensor([_box(each) for each in shown if each.any()], dtype=torch.float32)
        return Sample(self._id(index), Image.fromarray(painted.pixels), scene.label, mask, boxes=boxes)

    def fingerprint(self, index: int) -> str:
        """Of the recipe and whatever decides the picture: split, seed, index, side and parameters."""
        return fingerprint(RECIPE, self.stream, str(range(self.count)[index]), str(self.side), repr(self.recipe))

    def instances(self, index: int) -> tuple[Instance, ...]:
        """Every object of the scene, distractors too, in the order of drawing.

        Args:
            index: of the scene.

        Example:
            >>> from benchbench.datasets.builtin.shapes import shapes
            >>> scenes = shapes(count=3, seed=0)
            >>> all(each.label == scenes[0].label for each in scenes.instances(0) if each.decides)
            True
        """
        scene = self.scene(index)
        painted = paint(scene, self.side)
        bare = replace(scene, figures=tuple(replace(figure, bar=None) for figure in scene.figures))
        whole = paint(bare, self.side)
        return tuple(
            Instance(figure.label, figure.warm, figure.size, _shown(painted, number), _covered(painted, whole, number))
            for number, figure in enumerate(scene.figures)
            if (painted.owners == number).any()
        )

    def boxes(self, index: int) -> tuple[tuple[int, int, int, int], ...]:
        """Left, top, right and bottom of each object of the label's class, as ``Instance.box``.

        Args:
            index: of the scene.
        """
        return tuple(instance.box for instance in self.instances(index) if instance.decides)

    def class_masks(self, index: int) -> dict[int, Tensor]:
        """By class index, the visible pixels, bool (H, W), of all objects of that class, distractors too."""
        masks: dict[int, Tensor] = {}
        for instance in self.instances(index):
            masks[instance.label] = masks.get(instance.label, torch.zeros_like(instance.mask)) | instance.mask
        return masks

    def twin(self, index: int) -> Sample:
        """The same scene without the objects of its class; all pixels outside the scene's mask are the same.

        The bars that covered these objects stay. The twin shows no object of the class, so that it has no label and no
        mask.

        Args:
            index: of the scene.

        Returns:
            A Sample whose id ends in ``/without``.

        Example:
            >>> import numpy as np
            >>> from benchbench.datasets.builtin.shapes import shapes
            >>> scenes = shapes(count=3, seed=0)
            >>> before, after = np.array(scenes[0].image), np.array(scenes.twin(0).image)
            >>> bool((before == after).all(2)[~scenes[0].mask.numpy()].all())
            True
        """
        scene = self.scene(index)
        deciding = [number for number, figure in enumerate(scene.figures) if figure.warm]
        return Sample(f"{self._id(index)}/without", Image.fromarray(paint(scene, self.side, deciding).pixels))

    def _id(self, index: int) -> str:
        place = range(self.count)[index]
        return f"{place:05d}-{SHAPE_CLASSES[label_of(self.stream, place)].replace(' ', '-')}"


def _box(mask: Tensor) -> tuple[int, int, int, int]:
    rows, columns = mask.any(1).nonzero()[:, 0], mask.any(0).nonzero()[:, 0]
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _shown(painted: Painted, number: int) -> Tensor:
    return torch.from_numpy(painted.owners == number)


def _covered(painted: Painted, whole: Painted, number: int) -> float:
    return 1 - float((painted.owners == number).sum() / (whole.owners == number).sum())


@dataset("shapes", title="Shapes")
def shapes(
    *,
    count: Count = 240,
    seed: int = 0,
    size: Side = 64,
    split: Literal["train", "test"] = "test",
    distractors: Annotated[int, Field(ge=0, le=6)] = 3,
    occlusion: Annotated[float, Field(ge=0, le=1)] = 0.3,
    clutter: Annotated[float, Field(ge=0, le=5)] = 1.0,
) -> Shapes:
    """Scenes of a shape with a texture among distractors, with exact masks: made on the spot, in any number.

    The twelve classes are disc, square, triangle and cross, each plain, striped and checked. A scene holds one to three
    objects of its class in warm colours (red to yellow), and up to three distractors, objects of other classes, in cold
    colours (green-blue to violet). So the class is that of the warm objects, and nothing else in the scene depends on
    it, but for that distractors are of other classes. Objects have three sizes and any angle; bars cover a part of
    some; strokes and specks of all colours are clutter. Edges are hard: each pixel shows one thing, and masks are
    exact. The networks of the zoo (``models: zoo``) are trained on the split ``train``.

    Args:
        count: how many scenes. A larger count continues a smaller one. Each twelve in a row have each class once.
        seed: of the scenes.
        size: the side of the pictures in pixels. The zoo takes 64, and resizes other pictures.
        split: ``test`` or ``train``: no scene of one is a scene of the other.
        distractors: the largest number of distractors in a scene; each number up to it is equally likely.
        occlusion: the probability that a bar covers a part of an object.
        clutter: how many strokes and specks, as a multiple of 16.
    """
    about = {
        "source": f"drawn by benchbench: {count} scenes of {size} x {size} pixels, split {split}, seed {seed}",
        "labels": "the class of the objects in warm colours; objects in cold colours are distractors",
        "masks": "the visible pixels of the label's objects, exact",
        "licence": "none needed: no picture comes from elsewhere",
    }
    return Shapes("shapes", f"{split}/{seed}", count, size, Recipe(distractors, occlusion, clutter), about)
