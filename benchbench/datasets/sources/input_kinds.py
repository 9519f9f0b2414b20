"""The forms in which programs hold images, labels and masks: NumPy arrays, batches, one-hot labels, DataLoaders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, Sampler, SequentialSampler
from torch.utils.data import default_collate as plain_collate
from torch.utils.data import default_convert as plain_convert

from ...errors import BenchError

IMAGE_KEYS = ("pixel_values", "images", "image", "img", "inputs")
LABEL_KEYS = ("labels", "label", "targets", "target")
MASK_KEYS = ("masks", "mask")
BOX_KEYS = ("boxes", "bboxes")
_LIKE_LABELS = ("label", "target", "class")


class ImageForms(NamedTuple):
    """Images, and their labels, masks, groups and boxes where there are any."""

    images: Any
    labels: Any = None
    masks: Any = None
    groups: Any = None
    boxes: Any = None


def parts_of(value: Any) -> ImageForms:
    """The parts of a mapping by their usual keys, of (images, labels[, masks[, groups[, boxes]]]), or images alone.

    Args:
        value: what a program holds for several images. A list or tuple has parts if its first item is a batch (4-D) or
            a list; else it is a list of images.

    Raises:
        BenchError: a mapping without images, with several of them, or with labels under no usual key.
    """
    if isinstance(value, Mapping):
        return of_mapping(value)
    if isinstance(value, (list, tuple)) and len(value) in (1, 2, 3, 4, 5) and _is_batch(value[0]):
        return ImageForms(*value)
    return ImageForms(value)


def _is_batch(first: Any) -> bool:
    return getattr(first, "ndim", 0) == 4 or isinstance(first, (list, tuple))


def of_mapping(mapping: Mapping[Any, Any]) -> ImageForms:
    """The images, labels, masks and boxes of a mapping such as {"pixel_values": ..., "labels": ...}.

    Raises:
        BenchError: there is no key of images or there are several, or labels are under no usual key.
    """
    keys = ", ".join(map(repr, mapping))
    images = [key for key in IMAGE_KEYS if key in mapping]
    if len(images) != 1:
        hint = f"Give (images, labels), or a mapping with one of {', '.join(IMAGE_KEYS)}"
        problem = "several keys that may be its images" if images else "no key that is its images"
        raise BenchError(f"the mapping of {keys} has {problem}", hint=hint)
    labels = [key for key in LABEL_KEYS if key in mapping]
    others = [key for key in mapping if any(like in str(key).lower() for like in _LIKE_LABELS)]
    if len(labels) > 1 or (others and not labels):
        hint = f"Give (images, labels), or a mapping with one of {', '.join(LABEL_KEYS)}"
        problem = "several keys that may be its labels" if labels else "no key that is surely its labels"
        raise BenchError(f"the mapping of {keys} has {problem}", hint=hint)
    masks = [key for key in MASK_KEYS if key in mapping]
    boxes = [key for key in BOX_KEYS if key in mapping]
    values = [mapping[keys_of[0]] if keys_of else None for keys_of in (labels, masks, boxes)]
    return ImageForms(mapping[images[0]], labels=values[0], masks=values[1], boxes=values[2])


def as_tensor(value: Any) -> Any:
    """A NumPy array as a tensor; anything else as it is."""
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "biuf":
        return value
    if value.dtype.kind == "u" and value.dtype.itemsize > 1:  # torch does little with large unsigned integers
        value = value.astype(np.int64)
    native = value.astype(value.dtype.newbyteorder("="), copy=False)
    return torch.from_numpy(np.array(native, order="C"))  # a copy: read-only and reversed arrays have no tensor


def one_hot(rows: Tensor) -> bool:
    """Whether every row (..., C) has a single 1 and is 0 elsewhere."""
    return bool(((rows == 0) | (rows == 1)).all()) and bool((rows != 0).sum(-1).eq(1).all())


def class_of(label: Any, where: str) -> Any:
    """The class of a label that is one-hot, (C,); any other label as it is.

    Raises:
        BenchError: a vector that is not one-hot: several labels, or soft ones.
    """
    row = as_tensor(label)
    if isinstance(row, (list, tuple)):
        row = as_tensor(np.asarray(row))
    if not isinstance(row, Tensor) or row.ndim != 1 or len(row) < 2:
        return label
    if not one_hot(row):
        hint = "Give a class index, None, or a vector with a single 1; for soft labels say labels.argmax(1)"
        raise BenchError(f"a label of {len(row)} numbers that is not one-hot", where=where, hint=hint)
    return int(row.long().argmax())


def stacked(images: Any) -> Tensor:
    """Images (B, channels, H, W) from a tensor, an array, or a list of tensors or arrays (channels, H, W).

    Raises:
        BenchError: something else, with the conversion; or images of several shapes.
    """
    images = as_tensor(images)
    if isinstance(images, Tensor):
        return images
    if isinstance(images, Image.Image) or not isinstance(images, (list, tuple)):
        raise BenchError(f"images are {type(images).__name__}", where="images", hint=_conversion(images))
    parts = [as_tensor(image) for image in images]
    for i, part in enumerate(parts):
        if not isinstance(part, Tensor):
            raise BenchError(f"is {type(part).__name__}", where=f"images[{i}]", hint=_conversion(part))
        if part.shape != parts[0].shape:
            reason = f"the shape is {tuple(part.shape)}, and that of images[0] {tuple(parts[0].shape)}"
            raise BenchError(reason, where=f"images[{i}]", hint="Resize them to one size, or explain each alone")
    if not parts:
        raise BenchError("there are none", where="images", hint="Give at least one image")
    return torch.stack(parts)


def _conversion(value: Any) -> str:
    if isinstance(value, Image.Image):
        return (
            "Prepare photographs as the network expects them: "
            "images = torch.stack([transform(photo) for photo in photos]), with its transform, "
            "as torchvision.models.ResNet18_Weights.DEFAULT.transforms()"
        )
    return "Give a float tensor (B, channels, H, W), as the network takes it: torch.as_tensor(...), torch.stack(...)"


def each_batch(loader: DataLoader[Any]) -> Iterator[ImageForms]:
    """The batches of a DataLoader, in its order.

    Raises:
        BenchError: it shuffles, so that nobody could tell which map belongs to which image.
    """
    if not isinstance(_sampler(loader), SequentialSampler) and not _streams(loader):
        hint = "Give a DataLoader with shuffle=False, or one batch: images, labels = next(iter(loader))"
        raise BenchError("the DataLoader may shuffle: maps could not be matched with images", where="images", hint=hint)
    return map(parts_of, loader)


def dataset_of(loader: DataLoader[Any]) -> Any:
    """The dataset of a DataLoader that gives all of the dataset's items, as they are.

    Raises:
        BenchError: it streams, takes a part of the items or takes some twice, or has its own ``collate_fn``.
    """
    hint = "Give the dataset itself (loader.dataset), a Subset of it, or (images, labels)"
    if _streams(loader):
        raise BenchError("the DataLoader streams: its items have no index", hint=hint)
    sampler = _sampler(loader)
    whole = type(sampler) is SequentialSampler or (type(sampler) is RandomSampler and not sampler.replacement)
    count = len(sampler) if isinstance(sampler, Sampler) and hasattr(sampler, "__len__") else -1
    if not whole or count != len(loader.dataset):  # type: ignore[arg-type]
        reason = f"the DataLoader has a {type(sampler).__name__}, which need not give every item once"
        raise BenchError(reason, hint=hint)
    if loader.collate_fn not in (plain_collate, plain_convert):
        raise BenchError("the DataLoader has its own collate_fn, which may change the images", hint=hint)
    return loader.dataset


def _streams(loader: DataLoader[Any]) -> bool:
    return not hasattr(loader.dataset, "__getitem__") or not hasattr(loader.dataset, "__len__")


def _sampler(loader: DataLoader[Any]) -> object:
    """What gives the order of the items: the sampler inside torch's own BatchSampler, or the batch sampler itself."""
    batches: object = loader.batch_sampler
    if batches is None:
        return loader.sampler
    return batches.sampler if type(batches) is BatchSampler else batches


def labels_of(labels: Any, count: int) -> Sequence[Any]:
    """One label per image, a class index or None, from a list, array or tensor (B,), or one-hot labels (B, C).

    Raises:
        BenchError: of another number or shape.
    """
    values = as_tensor(labels)
    if isinstance(values, Tensor) and values.ndim in (1, 2):
        listed: Sequence[Any] = list(values.unbind())
    elif isinstance(values, (list, tuple)):
        listed = values
    else:
        shape = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
        raise BenchError(f"they are {shape}", where="labels", hint="Give a class for each image, (B,)")
    if len(listed) != count:
        reason = f"{len(listed)} of them for {count} images"
        raise BenchError(reason, where="labels", hint="Give one per image, or None")
    return [class_of(label, f"labels[{i}]") for i, label in enumerate(listed)]
