"""The words between methods, metrics and the engine: what is scored, changed, differentiated; records of answers."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn

from ..errors import BenchError
from .views import View

ScoreKind: TypeAlias = Literal["probability", "logit"]
Activation: TypeAlias = Literal["softmax", "sigmoid"]  # from logits to probabilities
Precision: TypeAlias = Literal["float32", "bf16"]
Change: TypeAlias = Callable[[Tensor, Tensor], Tensor]
Pictures: TypeAlias = Callable[[Tensor, Tensor], Tensor]
AttentionGradient: TypeAlias = Literal["none", "logit", "block"]
Score: TypeAlias = Callable[[Tensor], Tensor]
INPUT = "input image"  # the layer of methods that explain in pixels: no module's path has a space in it


def streamed(seeds: tuple[int, ...], stream: str) -> tuple[int, ...]:
    """Seeds for draws that are independent of those with other streams; the same seeds for the empty stream."""
    if not stream:
        return seeds
    return tuple(int.from_bytes(hashlib.sha256(f"{seed}/{stream}".encode()).digest()[:7], "big") for seed in seeds)


@dataclass(frozen=True)
class Head:
    """The last linear layer of a network that ends in global average pooling: weight (C, K), bias (C,) or None."""

    weight: Tensor
    bias: Tensor | None


@dataclass(frozen=True, eq=False)
class Attention:
    """One block's softmax weights (B, heads, tokens, tokens), and the gradient in them, or None."""

    weight: Tensor
    gradient: Tensor | None


@dataclass(frozen=True)
class Cost:
    """What one method alone cost on a batch: see cost.py for how it is measured.

    ``seconds``: one entry per timed call, of all ``images`` together. ``peak_bytes``: above what was live before the
    call. Passes are per image; ``rests`` are those through what is behind the layer alone. ``forward_seconds``: the
    same of one forward of the network as it is, without a gradient, on the same images. ``host_bytes`` and
    ``device_bytes``: the same peak in the host's memory, and in a CUDA device's; the latter None where there is none.
    ``reference_seconds``: of one call of a fixed piece of work, before and after: how fast the machine was meanwhile.
    """

    seconds: tuple[float, ...]
    peak_bytes: int
    forwards: float
    backwards: float
    rests: float = 0
    images: int = 1
    forward_seconds: tuple[float, ...] = ()
    host_bytes: int | None = None
    device_bytes: int | None = None
    reference_seconds: tuple[float, ...] = ()


@dataclass(frozen=True)
class Count:
    """The passes of one method alone, per image; ``rests`` are those through what is behind the layer alone."""

    forwards: float
    backwards: float
    rests: float = 0
    images: int = 1


@dataclass(frozen=True)
class Share:
    """What one method's maps took inside a study, per image; see sharing.py for what is attributed to whom.

    ``seconds``: its own work and its parts of what it had in common with others; ``own_seconds``: the former alone.
    Passes are counted alike. ``images``: how many it is the mean over.
    """

    seconds: float
    own_seconds: float
    forwards: float
    backwards: float
    rests: float
    images: int


@dataclass(frozen=True, eq=False)
class Scored:
    """A metric's answer: one value per map, and what else it wants kept.

    Attributes:
        value: (B,), or a float for a cost metric. NaN is a failed row.
        parts: further named values, written as rows ``metric.part``.
        curve: x (S,) and y (B, S), written to curves.parquet.
        levels: x (S,) and y (B, S) for a metric with ``across``, which chooses among them on other images, or with
            ``pooled``, which sums them over images.
        inapplicable: per image why the metric does not apply to it, or ""; empty where it applies to all.
    """

    value: Tensor | float
    parts: Mapping[str, Tensor | float] = field(default_factory=dict)
    curve: tuple[Tensor, Tensor] | None = None
    inapplicable: tuple[str, ...] = ()
    levels: tuple[Tensor, Tensor] | None = None


@dataclass(frozen=True)
class Preprocess:
    """How a photograph becomes a network's input: resize the shorter side, centre crop, scale, normalise.

    Attributes:
        resize: the length of the shorter side, in pixels, after resizing.
        crop: the side of the square that is cut from the centre, in pixels.
        mean, std: one number per channel of the network's input: pixels in [0, 1] become (pixel - mean) / std. With
            three channels a photograph is taken as RGB, with one as grey. With another number of channels the data
            must be tensors. Metrics use ``mean`` and ``std`` to express noise and colours in pixels of [0, 1].
        interpolation: the filter that resizes.

    Raises:
        BenchError: ``mean`` and ``std`` are empty or of two lengths, or a ``std`` is not positive.
    """

    resize: int = 256
    crop: int = 224
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"

    def __post_init__(self) -> None:
        for name in ("mean", "std"):
            object.__setattr__(self, name, _per_channel(getattr(self, name), name))
        if len(self.mean) != len(self.std):
            said = f"mean has {len(self.mean)} numbers and std {len(self.std)}"
            raise BenchError(said, where="Preprocess", hint="Give both one number per channel")
        if min(self.std) <= 0:
            raise BenchError(f"std is {self.std}", where="Preprocess", hint="Give positive numbers")


def _per_channel(given: Any, name: str) -> tuple[float, ...]:
    try:
        found = tuple(float(value) for value in given)
    except (TypeError, ValueError):
        found = ()
    if not found or not all(math.isfinite(value) for value in found):
        hint = f"Give one number per channel: {name}=(0.5,) for one channel"
        raise BenchError(f"{name} is {given!r}", where="Preprocess", hint=hint)
    return found


@dataclass(frozen=True, eq=False)
class Pixels:
    """Images, and what perturbed pictures of them are made of.

    Attributes:
        images: (B, C, H, W), as the network sees them.
        seeds: one integer per image, the same whatever the batch and the method: what random probes draw from.
        mean, std: (C,), what was subtracted from pixels in [0, 1], and what they were divided by.
        made: what was made of the images and is used again, by name.
    """

    images: Tensor
    seeds: tuple[int, ...]
    mean: Tensor
    std: Tensor
    made: dict[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> tuple[int, int]:
        return self.images.shape[2], self.images.shape[3]

    def one(self, i: int) -> Pixels:
        return Pixels(self.images[i : i + 1], self.seeds[i : i + 1], self.mean, self.std)


@dataclass(frozen=True, eq=False)
class Again:
    """A method's maps on one view of a batch of images, and the network's answers there.

    Attributes:
        map: (B, h, w), at the layer's size, not normalised; zero where there is none.
        probability, logit: (B,), of the class that was explained; NaN where the network failed.
        kept: (B,) bool, whether the most likely class is that of the image itself.
        moved: (B,), the Euclidean distance of the shown image from the image, in pixels of [0, 1]; 0 where the view is
            of another network or class.
        reasons: per image why there is no map, or "". Whoever has one is not judged.
        statuses: per image "ok", or "failed" or "not_applicable".
    """

    map: Tensor
    probability: Tensor
    logit: Tensor
    kept: Tensor
    moved: Tensor
    reasons: tuple[str, ...]
    statuses: tuple[Literal["ok", "failed", "not_applicable"], ...]

    def one(self, i: int) -> Again:
        s = slice(i, i + 1)
        answers = (self.map[s], self.probability[s], self.logit[s], self.kept[s], self.moved[s])
        return Again(*answers, self.reasons[s], self.statuses[s])

    def copy(self, device: torch.device) -> Again:
        """On the device, to be written into."""
        tensors = {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}
        moved: dict[str, Any] = {name: value.to(device, copy=True) for name, value in tensors.items()}
        return replace(self, **moved)


@dataclass(frozen=True, eq=False)
class Subject:
    """What made the maps, for metrics of other libraries that run it themselves.

    Attributes:
        network: in eval mode while a metric runs; to be left as it is.
        targets: (B,), the classes explained.
        ids: of the images.
        explain: from a network, images (n, C, H, W), targets (n,) and ids, whose seeds the method draws from, to maps
            (n, H, W), upsampled and min-max normalised.
    """

    network: nn.Module
    targets: Tensor
    ids: tuple[str, ...]
    explain: Callable[[nn.Module, Tensor, Tensor, tuple[str, ...]], Tensor]

    def one(self, i: int) -> Subject:
        return replace(self, targets=self.targets[i : i + 1], ids=self.ids[i : i + 1])


@dataclass(frozen=True, eq=False)
class Seen:
    """What a metric is given: the network's answers to the metric's own probes, for a batch of maps.

    The engine lends what the metric's ``needs`` name: "probes" the answers and ``pixels``, "map" ``map`` and ``raw``,
    "mask" ``mask``, "pixels" ``pixels``, "again" ``again``, "network" ``subject`` and ``pixels``. To read anything
    else raises an error that says which need is missing.

    Attributes:
        probability: (B, P), the target's softmax probability on each probe, in the order of the metric's probes.
        logit: (B, P), the same in logits.
        correct: (B, P), whether the target was the most likely class.
        whole_probability: (B,), on the unperturbed image.
        whole_logit: (B,).
        map: (B, H, W), at the image's size, min-max normalised per image.
        mask: (B, H, W) bool, or None where the dataset has none.
        raw: (B, h, w), the map at its layer's size, not normalised; None only in a test that does not need it.
        pixels: the images; None only in a test that does not need them.
        again: by view, in the order of the metric's views, the method's maps there.
        subject: what made the maps, for a metric that needs "network"; else None.
    """

    probability: Tensor
    logit: Tensor
    correct: Tensor
    whole_probability: Tensor
    whole_logit: Tensor
    map: Tensor
    mask: Tensor | None = None
    raw: Tensor | None = None
    pixels: Pixels | None = None
    again: Mapping[View, Again] = field(default_factory=dict)
    subject: Subject | None = None
