"""Datasets made of what a program already holds: tensors, PIL images, a torch Dataset, or a Dataset of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader

from ...errors import BenchError
from ...types import Dataset, Sample
from .accept import as_boxes, as_group, as_image, as_label, as_mask, boxes_text, image_bytes
from .file_dataset import fingerprint
from .input_kinds import as_tensor, dataset_of, labels_of, parts_of
from .torch_dataset import Wrapped, looks_map_style

_HINT = (
    "Give a float tensor or array (N, channels, H, W), a list of tensors or PIL images, a tuple (images, labels), "
    "(images, labels, masks), (images, labels, masks, groups) or (images, labels, masks, groups, boxes), a mapping of "
    "pixel_values and labels, masks or boxes, a torch Dataset of (image, label), a DataLoader, or an object with "
    "benchbench's Dataset interface"
)
_INTERFACE = ("name", "ids", "about", "__getitem__", "fingerprint")


@dataclass(frozen=True, eq=False)
class InMemory:
    """A Dataset of samples that are all in memory."""

    name: str
    samples: Sequence[Sample]
    about: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def ids(self) -> Sequence[str]:
        return [sample.id for sample in self.samples]

    @property
    def masked(self) -> bool:
        """Whether any sample has a mask."""
        return any(sample.mask is not None for sample in self.samples)

    @property
    def boxed(self) -> bool:
        """Whether any sample has boxes."""
        return any(sample.boxes is not None for sample in self.samples)

    @cached_property
    def labels(self) -> Sequence[int | None]:
        return [sample.label for sample in self.samples]

    @cached_property
    def groups(self) -> Sequence[str | None]:
        return [sample.group for sample in self.samples]

    def __getitem__(self, index: int) -> Sample:
        return self.samples[index]

    def fingerprint(self, index: int) -> str:
        """Of the image's and the mask's bytes, the label, and the boxes, if any."""
        sample = self.samples[index]
        mask = b"" if sample.mask is None else sample.mask.numpy().tobytes()
        return fingerprint(image_bytes(sample.image), str(sample.label), mask, *boxes_text(sample.boxes))


def as_dataset(name: str, value: object) -> Dataset:
    """Whatever a program holds, as a Dataset; what already is one is returned as it is.

    Raises:
        BenchError: it is none of the things that can be made one, or its parts do not fit together.
    """
    if all(hasattr(value, part) for part in _INTERFACE):
        return value  # type: ignore[return-value]
    try:
        if isinstance(value, DataLoader):
            return as_dataset(name, dataset_of(value))
        parts = parts_of(value)
    except BenchError as error:
        raise error.at(f"datasets: {name}") from None
    if isinstance(parts.images, (Tensor, np.ndarray, list)) or parts.images is not value:
        return in_memory(name, *parts)
    if looks_map_style(value):
        return Wrapped(name, value)
    raise BenchError(f"{type(value).__name__} cannot be made a dataset", where=f"datasets: {name}", hint=_HINT)


def in_memory(
    name: str,
    images: object,
    labels: object = None,
    masks: object = None,
    groups: object = None,
    boxes: object = None,
) -> InMemory:
    """A Dataset of images in memory, with the ids "0000", "0001", ...

    Args:
        name: what the dataset is called in errors.
        images: a float tensor or array (N, channels, H, W), or a list of them (channels, H, W), already normalised as
            the network expects; or a list of PIL images, which the model's own Preprocess prepares.
        labels: N integers (a list, a tensor or an array), or one-hot (N, C); None where a label, or all, is unknown.
        masks: N masks, bool or integer (H, W), at their images' sizes; None where a mask, or all, is unknown.
        groups: N texts or integers: images with the same one are not independent (one patient, one object), and tests
            and intervals count them once; None where an image, or all of them, is independent.
        boxes: N tensors, arrays or lists (n, 4) of numbers, the boxes of the objects that the labels name: x0, y0, x1,
            y1 in pixels of their image, x1 - x0 the width; None where the boxes of an image, or of all, are unknown.

    Raises:
        BenchError: a dtype or shape is not that, or the counts differ. The place is named: ``images[3]``.
    """
    try:
        pictures = [
            as_image(image, f"images[{i}]") for i, image in enumerate(_each(images, "images", 4, "(N, channels, H, W)"))
        ]
        count = len(pictures)
        if not count:
            raise BenchError("there are none", where="images", hint="Give at least one image")
        given_labels = [None] * count if labels is None else labels_of(labels, count)
        given_masks = _each(masks, "masks", 3, "(N, H, W)", count)
        given_groups = _each(groups, "groups", 1, "(N,)", count)
        given_boxes = _each(boxes, "boxes", 3, "(N, n, 4)", count)
        width = max(4, len(str(count - 1)))
        samples = [
            Sample(
                f"{i:0{width}d}",
                image,
                as_label(label, f"labels[{i}]"),
                as_mask(mask, image, f"masks[{i}]"),
                as_group(group, f"groups[{i}]"),
                as_boxes(around, f"boxes[{i}]"),
            )
            for i, (image, label, mask, group, around) in enumerate(
                zip(pictures, given_labels, given_masks, given_groups, given_boxes, strict=True)
            )
        ]
    except BenchError as error:
        raise error.at(f"datasets: {name}") from None
    return InMemory(name, samples, _about(samples))


def _each(values: object, what: str, dimensions: int, shape: str, count: int | None = None) -> Sequence[object]:
    """The parts of a tensor, an array or a list, one per image; as many Nones for None."""
    values = as_tensor(values)
    if values is None and count is not None:
        return [None] * count
    if isinstance(values, Tensor):
        if values.ndim != dimensions:
            raise BenchError(
                f"a tensor {tuple(values.shape)}, not {shape}", where=what, hint=_reshape(values, dimensions)
            )
        parts: Sequence[object] = list(values.unbind())
    elif isinstance(values, (list, tuple)):
        parts = list(values)
    else:
        raise BenchError(f"{type(values).__name__} is neither a tensor nor a list", where=what, hint=_HINT)
    if count is not None and len(parts) != count:
        raise BenchError(f"{len(parts)} of them for {count} images", where=what, hint="Give one per image, or None")
    return parts


def _reshape(tensor: Tensor, dimensions: int) -> str:
    if tensor.ndim == dimensions - 1 and dimensions == 4:
        return "Use images[None] for a single image, images[:, None] for images of one channel"
    if tensor.ndim == dimensions + 1 and 1 in tensor.shape:
        return f"Use .squeeze({list(tensor.shape).index(1)})"
    return _HINT


def _about(samples: Sequence[Sample]) -> dict[str, str]:
    tensors = [sample.image for sample in samples if isinstance(sample.image, Tensor)]
    labels = sum(sample.label is not None for sample in samples)
    masks = sum(sample.mask is not None for sample in samples)
    about = {
        "source": "in memory",
        "images": f"{len(samples)}, {len(tensors)} of them tensors, the others PIL images",
        "labels": f"{labels} of {len(samples)} images",
        "masks": f"{masks} of {len(samples)} images",
    }
    boxes = sum(sample.boxes is not None for sample in samples)
    about |= {"boxes": f"{boxes} of {len(samples)} images"} if boxes else {}
    if tensors:
        low, high = min(float(t.min()) for t in tensors), max(float(t.max()) for t in tensors)
        about["tensor values"] = f"{low:.2f} to {high:.2f}, taken as already normalised"
    return about
