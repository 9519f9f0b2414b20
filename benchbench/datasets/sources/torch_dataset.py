"""A map-style torch Dataset as one of ours, fetched lazily."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, TypeAlias

from torch import Tensor
from torch.utils.data import Subset

from ...errors import BenchError
from ...types import Sample
from .accept import as_boxes, as_image, as_label, as_mask, boxes_text, image_bytes
from .file_dataset import fingerprint
from .input_kinds import ImageForms, of_mapping

Named: TypeAlias = tuple[tuple[str, ...], Sequence[int] | None]


@dataclass(frozen=True, eq=False)
class Wrapped:
    """A Dataset of the (image, label) pairs, or mappings of both, of an object with ``__len__`` and ``__getitem__``.

    The fingerprint has to fetch the image: there is nothing else to tell two contents apart by. An item that is not
    the same when fetched again, as with a random transform, is an error: its rows could not be trusted or reused.
    """

    names_decide: ClassVar[bool] = False
    name: str
    inner: Any
    digests: dict[int, str] = field(default_factory=dict)

    @cached_property
    def ids(self) -> Sequence[str]:
        count = len(self.inner)
        width = max(4, len(str(count - 1)))
        return [f"{i:0{width}d}" for i in range(count)]

    @property
    def about(self) -> Mapping[str, str]:
        kind = type(self.inner)
        return {"source": f"{kind.__module__}.{kind.__qualname__}, {len(self.inner)} items, wrapped"}

    @property
    def class_names(self) -> tuple[str, ...]:
        """By label, of torchvision's own data sets with ``classes`` and ``targets``, or a Subset of one; else empty."""
        return self._named[0]

    @property
    def labels(self) -> Sequence[int] | None:
        """By index, without fetching, where there are class names; else None."""
        return self._named[1]

    @cached_property
    def _named(self) -> Named:
        return _named(self.inner)

    def __getitem__(self, index: int) -> Sample:
        """The pair as a Sample.

        Raises:
            BenchError: fetching failed, the item is not (image, label), or it is not what it was before.
        """
        try:
            return self._fetch(index)
        except BenchError as error:
            raise error.at(f"datasets: {self.name}[{index}]") from None

    def fingerprint(self, index: int) -> str:
        """Of the image's values and the label; fetches the item.

        An item that cannot be fetched has its reason's digest, so that ``dataset[index]`` is left to tell it.
        """
        try:
            self[index]
        except BenchError as error:
            return fingerprint("error", str(error))
        return self.digests[index]

    def _fetch(self, index: int) -> Sample:
        try:
            item = self.inner[index]
        except Exception as error:  # whatever the user's dataset raises belongs to this sample alone
            raise BenchError(f"cannot be fetched: {type(error).__name__}: {error}") from error
        if not isinstance(item, Mapping) and (not isinstance(item, (tuple, list)) or len(item) != 2):
            raise BenchError(
                f"is {_described(item)}, not a pair (image, label)", hint="Wrap it in a dataset that returns pairs"
            )
        parts = of_mapping(item) if isinstance(item, Mapping) else ImageForms(*item)
        image = as_image(parts.images, "image")
        mask = as_mask(parts.masks, image, "mask")
        boxes = as_boxes(parts.boxes, "boxes")
        sample = Sample(self.ids[index], image, as_label(parts.labels, "label"), mask, boxes=boxes)
        shown = b"" if mask is None else mask.numpy().tobytes()
        digest = fingerprint(image_bytes(sample.image), str(sample.label), shown, *boxes_text(boxes))
        if self.digests.setdefault(index, digest) != digest:
            raise BenchError("is not the same when fetched again", hint="Take the random transforms out of the dataset")
        return sample


def _named(inner: Any) -> Named:
    """The class names and labels of torchvision's own data sets and of their Subsets; none of other objects.

    A subclass, or a transform of targets, may return other labels than ``targets`` has.
    """
    if type(inner) is Subset:
        names, labels = _named(inner.dataset)
        return names, None if labels is None else [labels[index] for index in inner.indices]
    listed, targets = (getattr(inner, key, None) for key in ("classes", "targets"))
    numbers = targets.tolist() if isinstance(targets, Tensor) else targets
    changed = getattr(inner, "target_transform", None) is not None
    if changed or not type(inner).__module__.startswith("torchvision.") or not isinstance(numbers, list):
        return (), None
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed) or len(numbers) != len(inner):
        return (), None
    known = all(type(number) is int and 0 <= number < len(listed) for number in numbers)
    return (tuple(listed), numbers) if known else ((), None)


def looks_map_style(value: object) -> bool:
    """Whether it has a length and items by index, and is none of Python's own containers."""
    return (
        hasattr(value, "__len__")
        and hasattr(value, "__getitem__")
        and not isinstance(value, (str, bytes, Mapping, Sequence))
        and not hasattr(value, "dtype")
    )


def _described(item: object) -> str:
    if isinstance(item, (tuple, list)):
        return f"{len(item)} values ({', '.join(type(part).__name__ for part in item)})"
    return type(item).__name__
