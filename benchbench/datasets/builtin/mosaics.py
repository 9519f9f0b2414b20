"""Grids of photographs the network knows: where it should look is known by construction."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from math import prod
from typing import ClassVar

import torch
from torch import Tensor, nn

from ...errors import BenchError, NotApplicable
from ...models.preprocess import prepare
from ...registry import dataset
from ...types import ModelSpec, Sample
from ..sources.files import Files, fingerprint
from .photos import photos

CLASSES = 1000  # the photographs' labels are ImageNet-1k's
QUADRANTS = ("top-left", "top-right", "bottom-left", "bottom-right")


@dataclass(frozen=True, eq=False)
class Tile:
    """One photograph as the network sees it: image (3, crop, crop), already normalised."""

    id: str
    label: int
    image: Tensor


@dataclass(frozen=True, eq=False)
class Mosaic:
    """Four tiles, row by row, and which of them is the target."""

    tiles: tuple[Tile, Tile, Tile, Tile]
    quadrant: int

    @property
    def name(self) -> str:
        parts = "+".join(tile.id.removeprefix("imagenet_") for tile in self.tiles)
        return f"{QUADRANTS[self.quadrant]}-of-{parts}"

    @property
    def label(self) -> int:
        return self.tiles[self.quadrant].label

    @property
    def image(self) -> Tensor:
        """(3, 2 * crop, 2 * crop)."""
        a, b, c, d = (tile.image for tile in self.tiles)
        return torch.cat([torch.cat([a, b], dim=2), torch.cat([c, d], dim=2)], dim=1)

    @property
    def mask(self) -> Tensor:
        """Bool (2 * crop, 2 * crop), true in the target's quadrant."""
        crop = self.tiles[0].image.shape[-1]
        row, column = divmod(self.quadrant, 2)
        mask = torch.zeros(2 * crop, 2 * crop, dtype=torch.bool)
        mask[row * crop : (row + 1) * crop, column * crop : (column + 1) * crop] = True
        return mask


@dataclass(frozen=True, eq=False)
class Mosaics:
    """A Dataset of mosaics, put together when asked for."""

    concurrent: ClassVar[bool] = True  # threads may read it at once
    name: str
    mosaics: Sequence[Mosaic]
    about: Mapping[str, str] = field(default_factory=dict)

    @property
    def ids(self) -> Sequence[str]:
        return [f"{i:02d}-{mosaic.name}" for i, mosaic in enumerate(self.mosaics)]

    def __getitem__(self, index: int) -> Sample:
        mosaic = self.mosaics[index]
        return Sample(self.ids[index], mosaic.image, mosaic.label, mosaic.mask)

    def fingerprint(self, index: int) -> str:
        """Of the tiles' values and labels and the target."""
        mosaic = self.mosaics[index]
        parts = [part for t in mosaic.tiles for part in (t.image.numpy().tobytes(), str(t.label))]
        return fingerprint(*parts, str(mosaic.quadrant))


@dataset(
    "mosaics",
    title="Mosaics",
    needs="model",
    paper="Rao et al., Towards Better Understanding Attribution Methods, CVPR 2022, arXiv:2205.10435",
)
def mosaics(model: ModelSpec, *, count: int = 16, seed: int = 0) -> Mosaics:
    """2 x 2 grids of ImageNet photographs the network classifies right; the mask is the target's quadrant.

    The grid pointing game (Böhle et al., CVPR 2021, arXiv:2104.00032), as Rao et al. (2022) play it: a map that
    explains the target's class should lie in the target's quadrant. Each photograph is prepared alone, by the model's
    own Preprocess, and only those the network gets right are used; the four classes of a grid are distinct. (Rao et
    al. also ask for a confidence of 0.99, which EfficientNet-Lite0 has on two of the twenty.) Each four targets in a
    row take the four quadrants, in a seeded order, so that no quadrant is preferred.

    The mask belongs to the label, so study this dataset with ``target: label``; and explain logits. The network was
    trained on one object at half this size: EfficientNet-Lite0 ranks the target's class among the first four in 58 of
    96 grids, with a median softmax probability of 0.005, so scores in probability say little here.

    Args:
        model: the network; it must have ImageNet-1k's 1000 classes.
        count: how many (grid, target) pairs. A larger count continues a smaller one.
        seed: of the choice of photographs, places and targets.

    Raises:
        NotApplicable: the network has other classes, or gets photographs of fewer than four classes right.
        BenchError: ``count`` is less than 1, or more than there are different pairs.
    """
    source = photos()
    known = right(model, source)
    if len({tile.label for tile in known}) < 4:
        raise NotApplicable(
            f"{model.name} gets {len(known)} of the {len(source.items)} photographs right; a grid takes four classes",
            hint="Use trained weights, and the Preprocess they were trained with",
        )
    about = {
        **source.about,
        "made": f"{count} grids of 2 x 2, seed {seed}, of the {len(known)} of {len(source.items)} photographs "
        f"that {model.name} gets right",
        "target": "the mask belongs to the label: study with target: label",
    }
    return Mosaics("mosaics", draw(known, count, seed), about)


def right(model: ModelSpec, source: Files) -> list[Tile]:
    """The photographs whose class the network ranks first, alone and prepared; its mode is left as it was.

    Raises:
        NotApplicable: the network does not have 1000 classes.
    """
    samples = [source[i] for i in range(len(source.items))]
    tiles = [
        Tile(s.id, s.label, prepare(s.image, None, model.preprocess)[0])
        for s in samples
        if s.label is not None and not isinstance(s.image, Tensor)
    ]
    answers = [_answer(model, tile.image) for tile in tiles]
    return [tile for tile, answer in zip(tiles, answers, strict=True) if answer == tile.label]


def draw(tiles: Sequence[Tile], count: int, seed: int) -> list[Mosaic]:
    """``count`` different mosaics: the first n are the same whatever the count.

    Raises:
        BenchError: there are not that many.
    """
    classes: dict[int, list[Tile]] = {}
    for tile in tiles:
        classes.setdefault(tile.label, []).append(tile)
    possible = 4 * 24 * sum(prod(map(len, four)) for four in combinations(classes.values(), 4))
    if not 1 <= count <= possible:
        raise BenchError(f"count is {count}", where="mosaics", hint=f"Give 1 to {possible}: there are no more")
    source = random.Random(seed)
    drawn: dict[str, Mosaic] = {}
    order: list[int] = []
    while len(drawn) < count:
        order = order or source.sample(range(4), 4)
        labels = source.sample(sorted(classes), 4)
        a, b, c, d = (source.choice(classes[label]) for label in labels)
        mosaic = Mosaic((a, b, c, d), order[-1])
        if mosaic.name not in drawn:
            drawn[mosaic.name] = mosaic
            order.pop()
    return list(drawn.values())


def _answer(model: ModelSpec, image: Tensor) -> int:
    device = next((p.device for p in model.network.parameters()), torch.device("cpu"))
    logits = _evaluated(model.network, image[None].to(device))
    if logits.shape != (1, CLASSES):
        raise NotApplicable(
            f"the photographs are labelled with ImageNet's {CLASSES} classes, and {model.name} answers "
            f"{tuple(logits.shape)} for one image"
        )
    return int(logits.argmax(1))


def _evaluated(network: nn.Module, images: Tensor) -> Tensor:
    modes = {module: module.training for module in network.modules()}
    try:
        with torch.no_grad():
            network.eval()
            answer: Tensor = network(images)
            return answer
    finally:
        for module, training in modes.items():
            module.training = training
