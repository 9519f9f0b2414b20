"""What images come as, and networks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from PIL import Image
from torch import Tensor, nn

from ..errors import BenchError


@dataclass(frozen=True)
class Preprocess:
    """How a photograph becomes a network's input: resize the shorter side, centre crop, scale, normalise.

    Attributes:
        resize: the length of the shorter side, in pixels, after resizing; None resizes both sides to ``crop``, whatever
            the photograph's shape, so that nothing is cut away.
        crop: the side of the square that is cut from the centre, in pixels.
        mean, std: one number per channel of the network's input: pixels in [0, 1] become (pixel - mean) / std. With
            three channels a photograph is taken as RGB, with one as grey. With another number of channels the data
            must be tensors. Metrics use ``mean`` and ``std`` to express noise and colours in pixels of [0, 1].
        interpolation: the filter that resizes.

    Raises:
        BenchError: ``mean`` and ``std`` are empty or of two lengths, or a ``std`` is not positive.

    Example:
        >>> bb.Preprocess(resize=36, crop=32, mean=(0.5,), std=(0.25,)).mean
        (0.5,)
    """

    resize: int | None = 256
    crop: int = 224
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"

    def __post_init__(self) -> None:
        for name in ("mean", "std"):
            object.__setattr__(self, name, _per_channel(getattr(self, name), name))
        if len(self.mean) != len(self.std):
            message = f"mean has {len(self.mean)} numbers and std {len(self.std)}"
            raise BenchError(message, where="Preprocess", hint="Give both one number per channel")
        if min(self.std) <= 0:
            raise BenchError(f"std is {self.std}", where="Preprocess", hint="Give positive numbers")


def _per_channel(values: Any, name: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(value) for value in values)
    except (TypeError, ValueError):
        numbers = ()
    if not numbers or not all(math.isfinite(value) for value in numbers):
        hint = f"Give one number per channel: {name}=(0.5,) for one channel"
        raise BenchError(f"{name} is {values!r}", where="Preprocess", hint=hint)
    return numbers


@dataclass(frozen=True)
class Sample:
    """One image of a dataset, decoded.

    Attributes:
        id: unique in the dataset; names the rows of the table.
        image: a photograph as RGB, which the model's own Preprocess makes the network's input, in RGB or in grey; or a
            float tensor (channels, H, W) that is already what the network expects.
        label: the class index, or None where unknown.
        mask: bool (H, W) at the image's size, true on the object that ``label`` names; None where unknown.
        group: what the image shares with others that are not independent of it: a patient, an object, a film; None
            where it is independent. Tests and intervals count each group once.
        boxes: float (N, 4), the N boxes of the objects that ``label`` names, each x0, y0, x1, y1 in pixels of ``image``
            as it is here, half-open: x1 - x0 is the width. None where unknown. VOC's corners (1-based, inclusive) are
            x - 1, y - 1, x, y of this form; COCO's x, y, width, height are x, y, x + width, y + height.
        void: bool (H, W), true on pixels that a segmentation does not judge, such as VOC's white borders; None where
            every pixel counts. Read by the seeds of the suite ``localisation`` alone.

    Example:
        >>> bb.Sample("scan-7", torch.zeros(1, 8, 8), label=1, group="patient-3").group
        'patient-3'
    """

    id: str
    image: Image.Image | Tensor
    label: int | None = None
    mask: Tensor | None = None
    group: str | None = None
    boxes: Tensor | None = None
    void: Tensor | None = None


class Dataset(Protocol):
    """Samples by index, decoded when asked for.

    ``dataset[i]`` raises BenchError where a file cannot be decoded: the sample's rows
    become ``failed``, with its reason. A dataset may have an attribute ``groups``, the ``Sample.group`` of each id in
    order: groups are then known of images that cannot be decoded, and may change without any work done again. Other
    attributes that it may have: ``labels``, the ``Sample.label`` of each id, so that a subset is chosen without
    decoding; ``masked`` and ``boxed``, whether any sample has a mask or boxes; ``decoded_by``, the modules of libraries
    that decode samples and that benchbench itself does not need, so that results are not reused with other versions;
    ``class_names``, by label, where the labels are the data's own numbers, so that they are matched with the network's
    classes by name (``names_decide = False``: only if all names agree).

    Example:
        >>> class Two:
        ...     name, about = "two", {}
        ...     ids = ["first", "second"]
        ...     def __getitem__(self, index: int) -> bb.Sample:
        ...         return bb.Sample(self.ids[index], images[index], label=0)
        ...     def fingerprint(self, index: int) -> str:
        ...         return f"version 1 of {index}"
        >>> run = bb.Study(models={"mine": network}, datasets={"two": Two()}, methods=["gradcam"],
        ...                metrics=["deletion"]).run("runs/two", report=False)
        >>> list(run.table["sample"])
        ['first', 'second']
    """

    @property
    def name(self) -> str: ...
    @property
    def ids(self) -> Sequence[str]:
        """One id per sample; known without decoding anything."""
        ...

    @property
    def about(self) -> Mapping[str, str]:
        """What the report says of the data: where it is, its licence, how it was made."""
        ...

    def __getitem__(self, index: int) -> Sample: ...
    def fingerprint(self, index: int) -> str:
        """A digest of the sample's content (file bytes and label), without decoding it."""
        ...


@dataclass(frozen=True, eq=False)
class ModelSpec:
    """A network, with what it takes to feed it and to say which one it was.

    Attributes:
        name: how tables and reports call the network.
        network: returns logits (B, C) from images (B, channels, H, W).
        preprocess: makes the network's input of a photograph; the default is ImageNet's, 224 x 224.
        weights: where the weights come from, in words.
        warning: what the run and the report must say loudly, such as random weights; empty where nothing.
        note: what run.json and the report say of the network besides, such as which part of its output the logits are.
        classes: the names of the C classes, where known.

    Example:
        >>> spec = bb.ModelSpec("mine", network, bb.Preprocess(resize=36, crop=32), classes=("cat", "dog", "bird"))
        >>> bb.explain(spec, images, layer="features").shape
        torch.Size([2, 1, 32, 32])
    """

    name: str
    network: nn.Module
    preprocess: Preprocess = field(default_factory=Preprocess)
    weights: str = "as given"
    warning: str = ""
    classes: tuple[str, ...] = ()
    note: str = ""
