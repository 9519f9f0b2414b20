"""A shard's samples, decoded and stacked into batches of one shape; what cannot be read becomes a reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby

import torch
from PIL import Image
from torch import Tensor

from .errors import BenchError
from .plan import Shard
from .preprocess import denormalise
from .ready import load_sample
from .store import Store, digest
from .study import Target

THUMBNAIL = 320  # pixels, the longer side


@dataclass(frozen=True, eq=False)
class Chunk:
    """A batch of one shape: ids, images (B, 3, H, W), labels, masks (B, H, W) or None, photos' file names."""

    ids: tuple[str, ...]
    images: Tensor
    labels: tuple[int | None, ...]
    masks: Tensor | None
    photos: tuple[str, ...]

    def one(self, i: int) -> Chunk:
        masks = None if self.masks is None else self.masks[i : i + 1]
        return Chunk(self.ids[i : i + 1], self.images[i : i + 1], self.labels[i : i + 1], masks, self.photos[i : i + 1])


@dataclass(frozen=True, eq=False)
class Loaded:
    """One readable sample, as the network sees it."""

    id: str
    image: Tensor
    label: int | None
    mask: Tensor | None
    photo: str

    @property
    def kind(self) -> tuple[tuple[int, ...], bool]:
        return tuple(self.image.shape), self.mask is not None


@dataclass(frozen=True, eq=False)
class Loading:
    """A shard's readable samples; by id, the reasons of the others, and every label that is known."""

    samples: tuple[Loaded, ...]
    failures: Mapping[str, str]
    labels: Mapping[str, int | None]


def load(shard: Shard, store: Store, target: Target) -> Loading:
    """Decode a shard, and store the photographs that the store lacks."""
    loaded: list[Loaded] = []
    failures: dict[str, str] = {}
    labels: dict[str, int | None] = {}
    for index, name, content in zip(shard.indices, shard.ids, shard.fingerprints, strict=True):
        try:
            sample, image, mask = load_sample(shard.dataset, index, shard.model.spec)
            labels[name] = sample.label
            _check_label(target, sample.label, shard.model.classes)
        except BenchError as error:
            failures[name] = str(error)
            continue
        photo = f"{digest('photo', content, vars(shard.model.spec.preprocess), name)}.jpg"
        if not store.has_photo(photo):
            thumbnail = _thumbnail(image, shard)
            store.write_photo(photo, partial(thumbnail.save, format="JPEG", quality=88))
        loaded.append(Loaded(name, image, sample.label, mask, photo))
    return Loading(tuple(loaded), failures, labels)


def chunks(loaded: Sequence[Loaded], size: int, device: torch.device) -> Iterator[Chunk]:
    """Batches of at most ``size`` images of one shape, all with a mask or all without."""
    for (_, masked), group in groupby(sorted(loaded, key=lambda s: s.kind), key=lambda s: s.kind):
        members = list(group)
        for start in range(0, len(members), size):
            part = members[start : start + size]
            yield Chunk(
                tuple(s.id for s in part),
                torch.stack([s.image for s in part]).to(device),
                tuple(s.label for s in part),
                torch.stack([s.mask for s in part if s.mask is not None]).to(device) if masked else None,
                tuple(s.photo for s in part),
            )


def _check_label(target: Target, label: int | None, classes: int) -> None:
    if target == "label" and label is None:
        raise BenchError("target is label, and the sample has none")
    if target == "label" and label is not None and not 0 <= label < classes:
        raise BenchError(f"target is label, and label {label} is not one of the network's {classes} classes")


def _thumbnail(image: Tensor, shard: Shard) -> Image.Image:
    picture = Image.fromarray(denormalise(image, shard.model.spec.preprocess).numpy())
    picture.thumbnail((THUMBNAIL, THUMBNAIL))
    return picture
