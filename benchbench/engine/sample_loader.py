"""A shard's samples, decoded ahead by threads, in batches of one shape; what cannot be read becomes a reason."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from ..datasets.sources.accept import as_label
from ..digests import digest
from ..errors import BenchError, message_of
from ..failure_policy import as_bench_error
from ..maps.box_region import filled
from ..models.boxes import check_boxes, clipped, framed_boxes
from ..models.preprocess import denormalise, prepare
from ..plugin_guard import no_exit
from ..results.store import Store, mask_of
from ..study.plan import Shard
from ..study.spec import Target
from ..types import Dataset, Preprocess, Sample
from ..types.batch import ImageBatch

THUMBNAIL = 320  # pixels, the longer side


@dataclass(frozen=True, eq=False)
class LoadedSample:
    """One readable sample, as the network sees it."""

    id: str
    image: Tensor
    label: int | None
    mask: Tensor | None
    photo: str
    boxes: Tensor | None = None

    @property
    def kind(self) -> tuple[tuple[int, ...], bool]:
        return tuple(self.image.shape), self.mask is not None


@dataclass(frozen=True, eq=False)
class ShardSamples:
    """A shard's readable samples; by id, the reasons of the others, and every label that is known.

    ``origins``: by id of a readable sample, a digest of the picture as the network sees it, and its group. ``photos``:
    by name, the photographs and masks that the store lacked when the samples were loaded.
    """

    samples: tuple[LoadedSample, ...]
    failures: Mapping[str, str]
    labels: Mapping[str, int | None]
    origins: Mapping[str, dict[str, str | None]]
    photos: Mapping[str, bytes]


class Loader:
    """Loads shards, by threads and ahead of their use: images are decoded while the network works."""

    def __init__(self, store: Store, workers: int) -> None:
        """``workers`` threads; with none, a shard is loaded when it is asked for."""
        self._store = store
        self._pool = ThreadPoolExecutor(workers, "load", _alone) if workers else None
        self._begun: dict[Shard, list[Future[_SampleResult]]] = {}

    def begin(self, shard: Shard) -> None:
        """Start on a shard that ``load`` will be asked for; nothing without threads."""
        if self._pool is not None and shard not in self._begun:
            load_at = partial(_load, shard, store=self._store)
            self._begun[shard] = [self._pool.submit(load_at, k) for k in range(len(shard.indices))]

    def load(self, shard: Shard) -> ShardSamples:
        """The shard, decoded, with the photographs that the store lacks."""
        self.begin(shard)
        begun = self._begun.pop(shard, None)
        load_at = partial(_load, shard, store=self._store)
        results = [load_at(k) for k in range(len(shard.indices))] if begun is None else [f.result() for f in begun]
        return ShardSamples(
            tuple(result.sample for result in results if result.sample),
            {name: result.reason for name, result in zip(shard.ids, results, strict=True) if result.reason},
            {name: result.label for name, result in zip(shard.ids, results, strict=True) if result.known},
            {result.sample.id: result.origin for result in results if result.sample},
            {name: photo for result in results for name, photo in result.photos.items()},
        )

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


def _alone() -> None:
    """One thread each: torch's own threads under a loading thread would stay, and slow every forward pass down."""
    torch.set_num_threads(1)


@dataclass(frozen=True, eq=False)
class _SampleResult:
    """A sample, or the reason why it cannot be used; its label, if the dataset said one or none; what else is known."""

    sample: LoadedSample | None
    reason: str
    label: int | None
    known: bool
    origin: dict[str, str | None] = field(default_factory=dict)
    photos: Mapping[str, bytes] = field(default_factory=dict)


def _load(shard: Shard, k: int, store: Store) -> _SampleResult:
    """The k-th sample of a shard."""
    name, label, known = shard.ids[k], None, False
    try:
        sample, image, mask, boxes = load_sample(shard.dataset, shard.indices[k], shard.model.preprocess, name)
        label, known = sample.label, True
        _check_label(shard.target, label, shard.model.classes)
    except BenchError as error:
        return _SampleResult(None, message_of(error), label, known)
    shown = mask if mask is not None or boxes is None else filled(boxes, image.shape[1:])  # what the report outlines
    outlined = "" if shown is None else hashlib.sha256(shown.contiguous().numpy().tobytes()).hexdigest()
    photo = f"{digest('photo', shard.fingerprints[k], vars(shard.model.preprocess), name, outlined)}.jpg"
    photos = {} if store.has_photo(photo, shown is not None) else _drawn(photo, image, shown, shard)
    picture = hashlib.sha256(f"{tuple(image.shape)} ".encode() + image.contiguous().numpy().tobytes()).hexdigest()
    origin = {"picture": picture[:16], "group": sample.group}
    return _SampleResult(LoadedSample(name, image, label, mask, photo, boxes), "", label, known, origin, photos)


def chunks(loaded: Sequence[LoadedSample], size: int, device: torch.device) -> Iterator[ImageBatch]:
    """Batches of at most ``size`` images of one shape, all with a mask or all without."""
    for (_, masked), group in groupby(sorted(loaded, key=lambda s: s.kind), key=lambda s: s.kind):
        members = list(group)
        for start in range(0, len(members), size):
            part = members[start : start + size]
            yield ImageBatch(
                tuple(s.id for s in part),
                _stacked([s.image for s in part], device),
                tuple(s.label for s in part),
                _stacked([s.mask for s in part if s.mask is not None], device) if masked else None,
                tuple(s.photo for s in part),
                _boxes_of(part, device),
            )


def _boxes_of(part: Sequence[LoadedSample], device: torch.device) -> tuple[Tensor | None, ...]:
    """Per image; empty where no image has boxes."""
    if all(sample.boxes is None for sample in part):
        return ()
    return tuple(None if sample.boxes is None else sample.boxes.to(device) for sample in part)


def _stacked(tensors: Sequence[Tensor], device: torch.device) -> Tensor:
    """On the device; the way to a GPU goes through pinned memory and does not wait."""
    stack = torch.stack(list(tensors))
    return stack.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else stack.to(device)


def _check_label(target: Target, label: int | None, classes: int) -> None:
    if target == "label" and label is None:
        raise BenchError("target is label, and the sample has none")
    if target == "label" and label is not None and not 0 <= label < classes:
        raise BenchError(f"target is label, and label {label} is not one of the network's {classes} classes")


def _drawn(name: str, image: Tensor, mask: Tensor | None, shard: Shard) -> dict[str, bytes]:
    """By name, the picture as the network sees it, and the mask in its frame, both as thumbnails."""
    picture = Image.fromarray(denormalise(image, shard.model.preprocess).numpy())
    picture.thumbnail((THUMBNAIL, THUMBNAIL))
    photos = {name: _encoded(picture, format="JPEG", quality=88)}
    if mask is not None:
        drawn = Image.fromarray((mask > 0.5).numpy()).resize(picture.size, Image.Resampling.NEAREST)
        photos[mask_of(name)] = _encoded(drawn, format="PNG")
    return photos


def _encoded(picture: Image.Image, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, **options)
    return out.getvalue()


def load_sample(
    dataset: Dataset, index: int, preprocess: Preprocess, name: str = ""
) -> tuple[Sample, Tensor, Tensor | None, Tensor | None]:
    """A sample, its image (channels, H, W) as the network sees it, its mask (H, W) and boxes (n, 4) in the same frame.

    Args:
        name: its id, if it is known: a dataset may make all its ids anew when it is asked.

    Raises:
        BenchError: it cannot be decoded, or is not what the network takes.
    """
    sample = read_sample(dataset, index, name)
    if isinstance(sample.image, Tensor):
        boxes = None if sample.boxes is None else clipped(check_boxes(sample.boxes), sample.image.shape[1:])
        return sample, sample.image.float(), sample.mask, boxes
    image, mask = prepare(sample.image, sample.mask, preprocess)
    boxes = None if sample.boxes is None else framed_boxes(sample.boxes, sample.image.size, preprocess)
    return sample, image, mask, boxes


def read_sample(dataset: Dataset, index: int, name: str = "") -> Sample:
    """A sample of a dataset, which may be anyone's code, with its label as a plain number.

    Args:
        name: its id, if it is known: a dataset may make all its ids anew when it is asked.

    Raises:
        BenchError: the dataset raises something, or calls sys.exit; or the label is no class index.
    """

    def where() -> str:
        return f"image {name or dataset.ids[index]}"

    with as_bench_error("the dataset fails", where=where, contain_memory=True), no_exit("the dataset"):
        sample = dataset[index]
        label = as_label(sample.label, "label")
    return sample if label is sample.label else replace(sample, label=label)
