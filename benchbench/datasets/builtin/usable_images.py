"""The images of a data set that a network classifies correctly and with confidence, asked about in blocks."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor

from ...errors import BenchError, NotApplicable
from ...formatting import plural
from ...models.grid_cells import undivided
from ...types import Dataset, ModelSpec, Preprocess
from .grids import AnyTile, SourceTile, Tile, prepared

BLOCK = 32  # images that the network is asked about together


@dataclass(eq=False)
class UsableImages:
    """The images of a data set for the cells of mosaics, decoded and classified no further than they are asked for.

    An image is usable if its label is the network's most likely class with at least a probability of ``confidence``,
    and if it has the size of the usable images before it.

    Attributes:
        source: the data, with labels of the network's outputs.
        model: the network; one that reads a single cell is asked as the network that it was before.
        preprocess: of one cell.
        confidence: the least softmax probability of the label; 0 for none.
        shuffle: the seed of the order in which images are tried; None for the data's own order.
        keep: whether tiles keep their image, and do not decode it again.
        tried, right, usable: how many images so far were classified, correctly, and with the confidence.
    """

    source: Dataset
    model: ModelSpec
    preprocess: Preprocess
    confidence: float = 0.0
    shuffle: int | None = None
    keep: bool = False
    tried: int = 0
    right: int = 0
    usable: int = 0

    def __iter__(self) -> Iterator[AnyTile]:
        """The usable images, in the order in which they are tried."""
        order = list(range(len(self.source.ids)))
        if self.shuffle is not None:
            random.Random(self.shuffle).shuffle(order)
        known: Sequence[int | None] | None = getattr(self.source, "labels", None)
        if known is not None:
            order = [index for index in order if known[index] is not None]
        size: torch.Size | None = None
        for start in range(0, len(order), BLOCK):
            for tile, image in self._sure(order[start : start + BLOCK]):
                size = size or image.shape
                if image.shape == size:
                    self.usable += 1
                    yield tile

    @property
    def words(self) -> str:
        """How many images were tried and what is left of them."""
        tried = f"{self.tried} of {plural(len(self.source.ids), 'image')} tried"
        right = f"{tried}, {self.right} classified correctly by {self.model.name}"
        bound = f", {self.usable} of these with a probability of at least {self.confidence}"
        return right + bound * bool(self.confidence)

    def _sure(self, indices: Sequence[int]) -> list[tuple[AnyTile, Tensor]]:
        pairs = [pair for index in indices if (pair := self._tile(index)) is not None]
        chosen = []
        for (tile, image), (answer, probability) in zip(pairs, self._answers(pairs), strict=True):
            self.tried += 1
            self.right += answer == tile.label
            if answer == tile.label and probability >= self.confidence:
                chosen.append((tile, image))
        return chosen

    def _tile(self, index: int) -> tuple[AnyTile, Tensor] | None:
        """With its image; None where the image cannot be read or has no label."""
        try:
            sample = self.source[index]
            image = prepared(sample, self.preprocess)
        except BenchError:
            return None
        if sample.label is None:
            return None
        if self.keep:
            return Tile(sample.id, sample.label, image), image
        return SourceTile(sample.id, sample.label, self.source, index, self.preprocess), image

    def _answers(self, pairs: Sequence[tuple[AnyTile, Tensor]]) -> list[tuple[int, float]]:
        """By image, the network's most likely class and its probability.

        Raises:
            NotApplicable: a label is none of the network's classes.
        """
        images, largest = [image for _, image in pairs], max((tile.label for tile, _ in pairs), default=0)
        answers: dict[int, tuple[int, float]] = {}
        places = sorted(range(len(images)), key=lambda i: images[i].shape)
        for _, group in groupby(places, key=lambda i: images[i].shape):
            members = list(group)
            scores = _evaluated(self.model, torch.stack([images[i] for i in members])).double().softmax(1)
            if largest >= scores.shape[1]:
                message = (
                    f"{self.source.name} has labels up to {largest}, and {self.model.name} {scores.shape[1]} classes"
                )
                raise NotApplicable(message, hint="Use a network of the data's classes")
            best = scores.max(1)
            answers |= dict(zip(members, zip(best.indices.tolist(), best.values.tolist(), strict=True), strict=True))
        return [answers[i] for i in range(len(images))]


def number_of_outputs(model: ModelSpec) -> int:
    """How many classes the network has, by what it returns for a black image."""
    crop = model.preprocess.crop
    return _evaluated(model, torch.zeros(1, len(model.preprocess.mean), crop, crop)).shape[1]


def _evaluated(model: ModelSpec, images: Tensor) -> Tensor:
    """Logits (N, C); the network's mode is left as it was.

    Raises:
        NotApplicable: the network does not return logits.
    """
    network = model.network
    device = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
    modes = [(module, module.training) for module in network.modules()]
    try:
        with torch.no_grad(), undivided(network):
            logits = network.eval()(images.to(device))
    finally:
        for module, training in modes:
            module.training = training
    if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != len(images):
        raise NotApplicable(f"{model.name} returns no logits (B, classes), which say what it classifies correctly")
    return logits
