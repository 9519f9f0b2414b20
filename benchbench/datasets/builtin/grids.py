"""Grids of images of distinct classes, and how they are drawn: each image once, or from a few again and again."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import factorial, isqrt

import torch
from torch import Tensor

from ...digests import digest
from ...errors import BenchError
from ...models.preprocess import prepare
from ...types import Dataset, Preprocess, Sample
from ..sources.file_dataset import fingerprint

QUADRANTS = ("top-left", "top-right", "bottom-left", "bottom-right")
LONGEST = 120  # letters of an id that lists its tiles


@dataclass(frozen=True, eq=False)
class Tile:
    """One image as the network sees it: (channels, h, w), already normalised."""

    id: str
    label: int
    image: Tensor

    @property
    def marks(self) -> tuple[bytes | str, ...]:
        """What a fingerprint is made of."""
        return self.image.numpy().tobytes(), str(self.label)


@dataclass(frozen=True, eq=False)
class SourceTile:
    """One image of a data set, decoded and prepared when asked for."""

    id: str
    label: int
    source: Dataset
    index: int
    preprocess: Preprocess

    @property
    def image(self) -> Tensor:
        """(channels, h, w), normalised."""
        return prepared(self.source[self.index], self.preprocess)

    @property
    def marks(self) -> tuple[bytes | str, ...]:
        """What a fingerprint is made of: the image is not decoded."""
        return self.source.fingerprint(self.index), repr(self.preprocess), str(self.label)


AnyTile = Tile | SourceTile


def prepared(sample: Sample, preprocess: Preprocess) -> Tensor:
    """The sample's image (channels, h, w), as the network sees it."""
    return sample.image if isinstance(sample.image, Tensor) else prepare(sample.image, None, preprocess)[0]


@dataclass(frozen=True, eq=False)
class Mosaic:
    """The n x n tiles of a grid, row by row, and which of them is the target."""

    tiles: tuple[AnyTile, ...]
    cell: int

    @property
    def side(self) -> int:
        """Cells a side."""
        return isqrt(len(self.tiles))

    @property
    def place(self) -> str:
        """Where the target is, in words."""
        row, column = divmod(self.cell, self.side)
        return QUADRANTS[self.cell] if self.side == 2 else f"row-{row + 1}-column-{column + 1}"

    @property
    def name(self) -> str:
        """Of the place and all tiles."""
        return f"{self.place}-of-" + "+".join(tile.id.removeprefix("imagenet_") for tile in self.tiles)

    @property
    def id(self) -> str:
        """The name; of many or long ids the target's, and a digest of all."""
        if len(self.name) <= LONGEST:
            return self.name
        return f"{self.place}-of-{self.tiles[self.cell].id}-{digest(self.name)[:8]}"

    @property
    def label(self) -> int:
        """The target's."""
        return self.tiles[self.cell].label

    @property
    def image(self) -> Tensor:
        """(channels, n h, n w)."""
        images, n = [tile.image for tile in self.tiles], self.side
        return torch.cat([torch.cat(images[row * n : (row + 1) * n], dim=2) for row in range(n)], dim=1)

    def mask(self, size: tuple[int, int]) -> Tensor:
        """Bool (H, W) of the grid's ``size``, true in the target's cell."""
        (row, column), height, width = divmod(self.cell, self.side), size[0] // self.side, size[1] // self.side
        mask = torch.zeros(size, dtype=torch.bool)
        mask[row * height : (row + 1) * height, column * width : (column + 1) * width] = True
        return mask


@dataclass(frozen=True, eq=False)
class Mosaics:
    """A Dataset of mosaics, put together when asked for. ``concurrent``: whether threads may read it at once."""

    name: str
    mosaics: Sequence[Mosaic]
    about: Mapping[str, str] = field(default_factory=dict)
    concurrent: bool = True

    @cached_property
    def ids(self) -> Sequence[str]:
        return [f"{i:02d}-{mosaic.id}" for i, mosaic in enumerate(self.mosaics)]

    @cached_property
    def labels(self) -> Sequence[int | None]:
        """By index, without decoding."""
        return [mosaic.label for mosaic in self.mosaics]

    def __getitem__(self, index: int) -> Sample:
        mosaic = self.mosaics[index]
        image = mosaic.image
        mask = mosaic.mask((image.shape[1], image.shape[2]))
        return Sample(f"{index:02d}-{mosaic.id}", image, mosaic.label, mask)

    def fingerprint(self, index: int) -> str:
        """Of the tiles' values and labels and the target."""
        mosaic = self.mosaics[index]
        return fingerprint(*(part for tile in mosaic.tiles for part in tile.marks), str(mosaic.cell))


@dataclass(frozen=True)
class GridLayout:
    """What a grid holds.

    Attributes:
        side: cells a side, n of an n x n grid.
        cell: where the target is, row by row from 0; None for every cell in turn.
        repeat: whether the target's class is in the opposite cell too, by another image.
    """

    side: int = 2
    cell: int | None = None
    repeat: bool = False

    @property
    def cells(self) -> int:
        """How many cells a grid has."""
        return self.side * self.side

    @property
    def classes(self) -> int:
        """How many classes a grid has."""
        return self.cells - self.repeat

    @property
    def targets(self) -> list[int]:
        """The cells that the target may take."""
        return list(range(self.cells)) if self.cell is None else [self.cell]


def draw(
    tiles: Sequence[AnyTile],
    count: int,
    seed: int,
    layout: GridLayout = GridLayout(),
    earlier: Sequence[Mosaic] = (),
) -> list[Mosaic]:
    """``count`` different mosaics of tiles that may come again: the first ones are the same whatever the count.

    Args:
        tiles: of at least as many classes as a grid has.
        count: how many, ``earlier`` ones included.
        seed: of the choice.
        layout: what a grid holds.
        earlier: mosaics that are there already, and come first.

    Raises:
        BenchError: there are not that many.
    """
    classes: dict[int, list[AnyTile]] = {}
    for tile in tiles:
        classes.setdefault(tile.label, []).append(tile)
    possible = number_of_grids([len(images) for images in classes.values()], layout)
    if not 1 <= count <= possible:
        raise BenchError(f"count is {count}", where="mosaics", hint=f"Give 1 to {possible}: there are no more")
    source = random.Random(seed)
    drawn = {mosaic.name: mosaic for mosaic in earlier}
    order: list[int] = []
    while len(drawn) < count:
        order = order or source.sample(layout.targets, len(layout.targets))
        mosaic = Mosaic(_drawn_tiles(classes, order[-1], layout, source), order[-1])
        if mosaic.name not in drawn:
            drawn[mosaic.name] = mosaic
            order.pop()
    return list(drawn.values())


def _drawn_tiles(
    classes: Mapping[int, list[AnyTile]], cell: int, layout: GridLayout, source: random.Random
) -> tuple[AnyTile, ...]:
    if not layout.repeat:
        return tuple(source.choice(classes[label]) for label in source.sample(sorted(classes), layout.cells))
    target = source.choice(sorted(label for label, images in classes.items() if len(images) > 1))
    others = source.sample(sorted(set(classes) - {target}), layout.cells - 2)
    return _with_twins(source.sample(classes[target], 2), [source.choice(classes[each]) for each in others], cell)


def _with_twins(twins: Sequence[AnyTile], others: Sequence[AnyTile], cell: int) -> tuple[AnyTile, ...]:
    """The first twin in the cell, the second in the opposite one, the others row by row."""
    opposite = len(others) + 1 - cell
    left = iter(others)
    places = {cell: twins[0], opposite: twins[1]}
    return tuple(places[i] if i in places else next(left) for i in range(len(others) + 2))


def each_once(tiles: Iterator[AnyTile], count: int, seed: int, layout: GridLayout) -> list[Mosaic]:
    """At most ``count`` mosaics in which no tile comes twice, each as soon as the tiles so far allow it.

    Whether a tile is read does not depend on the count, so that a larger count continues a smaller one.
    """
    source = random.Random(seed)
    waiting: dict[int, list[AnyTile]] = {}  # by class, in the order in which classes came
    mosaics: list[Mosaic] = []
    order: list[int] = []
    while len(mosaics) < count:
        if not _enough(waiting, layout):
            tile = next(tiles, None)
            if tile is None:
                break
            waiting.setdefault(tile.label, []).append(tile)
            continue
        order = order or source.sample(layout.targets, len(layout.targets))
        cell = order.pop()
        mosaics.append(Mosaic(_taken(waiting, cell, layout), cell))
    return mosaics


def _enough(waiting: Mapping[int, list[AnyTile]], layout: GridLayout) -> bool:
    return len(waiting) >= layout.classes and (not layout.repeat or any(len(tiles) > 1 for tiles in waiting.values()))


def _taken(waiting: dict[int, list[AnyTile]], cell: int, layout: GridLayout) -> tuple[AnyTile, ...]:
    """The tiles of a grid, removed from those that wait."""
    if not layout.repeat:
        return tuple(_first(waiting, label) for label in list(waiting)[: layout.cells])
    target = next(label for label, tiles in waiting.items() if len(tiles) > 1)
    others = [label for label in waiting if label != target][: layout.cells - 2]
    twins = [_first(waiting, target), _first(waiting, target)]
    return _with_twins(twins, [_first(waiting, label) for label in others], cell)


def _first(waiting: dict[int, list[AnyTile]], label: int) -> AnyTile:
    tile = waiting[label].pop(0)
    if not waiting[label]:
        del waiting[label]
    return tile


def number_of_grids(sizes: Sequence[int], layout: GridLayout) -> int:
    """How many different (grid, target) pairs there are, of classes with so many images each.

    Example:
        >>> number_of_grids([1, 1, 1, 1], GridLayout()), number_of_grids([2, 1, 1], GridLayout(cell=0, repeat=True))
        (96, 4)
    """
    most = layout.cells - 2 * layout.repeat
    plain = [1] + [0] * most  # by how many classes were chosen, in how many ways; none of them twice
    twins = [0] * (most + 1)  # besides, a class with two images in order
    for size in sizes:
        for k in range(most, -1, -1):
            twins[k] += plain[k] * size * (size - 1) + (twins[k - 1] * size if k else 0)
            plain[k] += plain[k - 1] * size if k else 0
    ways = twins[most] if layout.repeat else plain[most]
    return ways * factorial(most) * len(layout.targets)
