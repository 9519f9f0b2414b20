"""Grids of images the network knows: where it should look is known by construction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from ...errors import BenchError, NotApplicable
from ...formatting import plural
from ...models.grid_cells import Division, division_of
from ...registry import DatasetPlugin, dataset
from ...registry.nested_parameter import AnyDataset, NestedDataset
from ...types import Dataset, ModelSpec, Preprocess
from ..sources.class_match import on_outputs
from ..sources.memory import as_dataset
from .grids import AnyTile, GridLayout, Mosaic, Mosaics, draw, each_once
from .usable_images import UsableImages, number_of_outputs

FEW = 64  # a data set with no more images is classified whole, and its images come again in several grids
Setting = Literal["gridpg", "difull", "dipart"]


@dataset(
    "mosaics",
    title="Mosaics",
    needs="model",
    paper="Rao et al., Towards Better Understanding Attribution Methods, CVPR 2022, arXiv:2205.10435",
)
def mosaics(
    model: ModelSpec,
    *,
    of: AnyDataset = NestedDataset("photos"),  # noqa: B008 - frozen
    grid: Annotated[int, Field(ge=2, le=3)] = 2,
    setting: Setting = "gridpg",
    confidence: Annotated[float, Field(ge=0, le=1)] = 0.0,
    repeat: bool = False,
    count: int = 16,
    seed: int = 0,
) -> Mosaics:
    """Grids of images that the network classifies correctly; the mask is the cell of the target.

    The grid pointing game (Böhle et al., CVPR 2021, arXiv:2104.00032), and the settings GridPG, DiFull and DiPart of
    Rao et al. (CVPR 2022, arXiv:2205.10435). A map that explains the target's class should lie in the target's cell.
    Each image is prepared alone, by the model's own Preprocess. Only images are used that the network classifies
    correctly with the confidence, and the classes of a grid are distinct.

    With ``gridpg`` the network is as it is, and the target takes every cell in turn. ``difull`` and ``dipart`` need a
    network ``disconnected`` with the same setting and grid, whose logits come of one cell; the target is always there.

    Of up to 64 images all are classified, and an image may be in several grids. Of more images, a seeded order is tried
    in blocks of 32 until there are enough, and no image is in two grids as long as there are others. A larger ``count``
    continues a smaller one.

    The mask belongs to the label, so study this dataset with ``target: label``; and explain logits. The network was
    trained on one object at a fraction of this size: EfficientNet-Lite0 ranks the target's class among the first four
    in 58 of 96 grids of ``photos``, with a median softmax probability of 0.005, so scores in probability say little
    under ``gridpg``.

    Args:
        of: the data of the cells, by name or as ``{name: ..., parameter: ...}``: any registered data set that needs no
            network. Its labels are matched with the network's classes by name, as everywhere.
        grid: cells a side, 2 or 3.
        setting: ``gridpg``, ``difull`` or ``dipart``.
        confidence: the least softmax probability of the label for an image to be used. Rao et al. take 0.99; of the
            photographs EfficientNet-Lite0 has it on two.
        repeat: whether the target's class is also in the opposite cell, by another image, as Rao et al. offer for
            ``difull`` and ``dipart``: a map that only follows the class then lies half in the wrong cell.
        count: how many (grid, target) pairs. A larger count continues a smaller one.
        seed: of the choice of images, places and targets.

    Raises:
        NotApplicable: the network classifies too few images correctly, or images of too few classes.
        BenchError: ``count`` is less than 1, or more than there are different pairs; the setting does not fit the
            network; or ``of`` needs a network itself.
    """
    division = division_of(model.network)
    _check_setting(setting, grid, division, model.name)
    layout = _layout(grid, division, repeat)
    if count < 1:
        raise BenchError(f"count is {count}", where="mosaics", hint="Give 1 or more")
    source = _source(of, model)
    few = len(source.ids) <= FEW
    images = UsableImages(
        source,
        model,
        _of_one_cell(model.preprocess, division),
        confidence,
        shuffle=None if few else seed,
        keep=few,
    )
    chosen = _drawn(images, count, seed, layout)
    concurrent = bool(getattr(source, "concurrent", False))
    return Mosaics("mosaics", chosen, _about(images, count, seed, layout, setting), concurrent)


def _check_setting(setting: Setting, grid: int, division: Division | None, name: str) -> None:
    """Refuse a setting, or a grid, that is not the network's.

    Raises:
        BenchError: they differ.
    """
    if division is None and setting != "gridpg":
        wrapped = f"{{name: disconnected, of: {name}, setting: {setting}, grid: {grid}}}"
        message = f"setting is {setting}, and {name} reads the whole image"
        raise BenchError(message, where="mosaics", hint=f"Use models: [{wrapped}], or setting: gridpg")
    if division is not None and (setting, grid) != (division.setting, division.grid):
        message = (
            f"setting is {setting} with grid {grid}, and {name} is cut for {division.setting} with grid {division.grid}"
        )
        hint = f"Use {{name: mosaics, setting: {division.setting}, grid: {division.grid}}}"
        raise BenchError(message, where="mosaics", hint=hint)


def _layout(grid: int, division: Division | None, repeat: bool) -> GridLayout:
    cell = None if division is None else division.cell
    if repeat and (cell is None or 2 * cell == grid * grid - 1):
        hint = "Use a disconnected network, whose target is in one cell; the middle of 3 x 3 has no opposite cell"
        raise BenchError(
            "repeat puts the target's class in the opposite cell, and there is none", where="mosaics", hint=hint
        )
    return GridLayout(grid, cell, repeat)


def _of_one_cell(preprocess: Preprocess, division: Division | None) -> Preprocess:
    """A disconnected network takes images of the grid's size."""
    if division is None:
        return preprocess
    resize = None if preprocess.resize is None else preprocess.resize // division.grid
    return replace(preprocess, resize=resize, crop=preprocess.crop // division.grid)


def _source(of: NestedDataset, model: ModelSpec) -> Dataset:
    """The data of the cells, with labels of the network's outputs.

    Raises:
        BenchError: the data need a network themselves.
    """
    plugin = of.plugin
    assert isinstance(plugin, DatasetPlugin)
    if "model" in plugin.needs:
        raise BenchError(f"{of.name} needs a network itself", where="mosaics.of", hint="Name the images of the cells")
    data = as_dataset(str(of), plugin.function(**of.params))
    if not getattr(data, "class_names", ()):
        return data
    return on_outputs(data, model.classes, len(model.classes) or number_of_outputs(model), model.name)


def _drawn(images: UsableImages, count: int, seed: int, layout: GridLayout) -> list[Mosaic]:
    """The mosaics: each image once as long as there are new ones, and then from all of them.

    Raises:
        NotApplicable: there are too few images or classes for one grid.
    """
    tiles: list[AnyTile] = []

    def noted() -> Iterator[AnyTile]:
        for tile in images:
            tiles.append(tile)
            yield tile

    once = [] if images.keep else each_once(noted(), count, seed, layout)
    if len(once) == count:
        return once
    tiles = tiles or list(images)
    classes = {tile.label for tile in tiles}
    twins = len(tiles) > len(classes) or not layout.repeat
    if len(classes) < layout.classes or not twins:
        raise _too_few(images, len(classes), layout)
    return draw(tiles, count, seed, layout, once)


def _too_few(images: UsableImages, classes: int, layout: GridLayout) -> NotApplicable:
    known = getattr(images.source, "labels", None)
    if known is not None and all(label is None for label in known):
        why = images.source.about.get("warning", "there are no labels")
        message = f"no image of {images.source.name} has a label of {images.model.name}: {why}"
        return NotApplicable(message, hint="Use a network of the data's classes, or of their names")
    needed = f"a grid takes {layout.classes} classes" + (", one of them with two images" if layout.repeat else "")
    if images.confidence and images.right > images.usable:
        hint = "Lower confidence, or use more images"
    else:
        hint = "Use trained weights, and the Preprocess they were trained with; or more images"
    return NotApplicable(f"{images.words}: they show {plural(classes, 'class', 'classes')}, and {needed}", hint=hint)


def _about(images: UsableImages, count: int, seed: int, layout: GridLayout, setting: Setting) -> Mapping[str, str]:
    side = f"{layout.side} x {layout.side}"
    twins = ", the target's class also in the opposite cell" if layout.repeat else ""
    return {
        **images.source.about,
        "made": f"{count} grids of {side}, {setting}, seed {seed}{twins}",
        "usable": images.words,
        "class names": "none: labels are outputs of the network already",
        "target": "the mask belongs to the label: study with target: label",
    }
