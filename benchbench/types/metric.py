"""The words between methods, metrics and the engine: what is scored, changed, differentiated; records of answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ..per_image import DERIVED, SHARED, PerImage
from .views import View


@dataclass(frozen=True, eq=False)
class Scored:
    """A metric's answer: one value per map, and what else it wants kept.

    Attributes:
        value: (B,), or a float for a cost metric. NaN is a failed row.
        parts: further named values, written as rows ``metric.part``.
        curve: x (S,) and y (B, S), written to curves.parquet.
        levels: x (S,) and y (B, S) for a metric with ``held_out``, which chooses among them on other images, or with
            ``pooled``, which sums them over images.
        inapplicable: per image why the metric does not apply to it, or ""; empty where it applies to all.

    Example:
        >>> bb.Scored(torch.tensor([0.25, 0.5]), parts={"half": torch.tensor([0.125, 0.25])}).value
        tensor([0.2500, 0.5000])
    """

    value: Tensor | float
    parts: Mapping[str, Tensor | float] = field(default_factory=dict)
    curve: tuple[Tensor, Tensor] | None = None
    inapplicable: tuple[str, ...] = ()
    levels: tuple[Tensor, Tensor] | None = None


@dataclass(frozen=True, eq=False)
class Pixels(PerImage):
    """Images, and what perturbed pictures of them are made of.

    Attributes:
        images: (B, C, H, W), as the network sees them.
        seeds: one integer per image, the same whatever the batch and the method: what random probes draw from.
        mean, std: (C,), what was subtracted from pixels in [0, 1], and what they were divided by.
        cache: what was computed of the images and is used again, by name.
    """

    images: Tensor
    seeds: tuple[int, ...]
    mean: Tensor = field(metadata=SHARED)
    std: Tensor = field(metadata=SHARED)
    cache: dict[str, Any] = field(default_factory=dict, metadata=DERIVED)

    @property
    def size(self) -> tuple[int, int]:
        return self.images.shape[2], self.images.shape[3]


@dataclass(frozen=True, eq=False)
class Reexplained(PerImage):
    """A method's maps on one view of a batch of images, and the network's answers there.

    Attributes:
        map: (B, h, w), at the layer's size, not normalised; zero where there is none.
        probability, logit: (B,), of the class that was explained; NaN where the network failed.
        kept: (B,) bool, whether the most likely class is that of the image itself.
        distance: (B,), the Euclidean distance of the shown image from the image, in pixels of [0, 1]; 0 where the view
            is of another network or class.
        reasons: per image why there is no map, or "". Whoever has one is not judged.
        statuses: per image "ok", or "failed" or "not_applicable".
    """

    map: Tensor
    probability: Tensor
    logit: Tensor
    kept: Tensor
    distance: Tensor
    reasons: tuple[str, ...]
    statuses: tuple[Literal["ok", "failed", "not_applicable"], ...]

    def copy(self, device: torch.device) -> Reexplained:
        """On the device, to be written into."""
        tensors = {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}
        copies: dict[str, Any] = {name: value.to(device, copy=True) for name, value in tensors.items()}
        return replace(self, **copies)


@dataclass(frozen=True, eq=False)
class Explainer(PerImage):
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


@dataclass(frozen=True, eq=False)
class Seen(PerImage):
    """What a metric is given: the network's answers to the metric's own probes, for a batch of maps.

    The engine lends what the metric's ``needs`` name: "probes" the answers and ``pixels``, "rivals"
    ``rival_probability``, "map" ``map`` and ``raw``,
    "signed-map" ``signed_map``, "mask" ``mask``, "boxes" ``boxes``, "label" ``label_place`` and ``label_explained``,
    "pixels" ``pixels``, "reexplain" ``reexplained``, "network" ``explainer`` and ``pixels``. To read anything else
    raises an error that says which need is missing.

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
        reexplained: by view, in the order of the metric's views, the method's maps there.
        explainer: what made the maps, for a metric that needs "network"; else None.
        boxes: per image the boxes (n, 4) of the object, x0, y0, x1, y1 in pixels of the map, half-open, clipped to it;
            (0, 4) where the crop left none, None where the dataset tells none of the image. Empty where it tells none.
        label_place: (B,) integers: 1 where the image's label is the most likely class of the undisturbed image, 2 where
            it is the next one, and so on; 0 where the image has no label that is one of the network's classes. None
            only in a test that does not need it.
        label_explained: (B,) bool, whether the class explained is the label.
        signed_map: (B, h, w), the attributions to the pixels with their sign, not normalised; None only in a test that
            does not need it.
        rival_probability: (B, P, R), on each probe the probabilities of the R classes, other than the target, that are
            most likely on the image itself, the likeliest first; fewer than the metric asks for where the network has
            fewer classes. None only in a test that does not need it.

    Example:
        >>> from benchbench.types import Remove
        >>> @bb.metric("drop-at-half", higher_is_better=True, needs="probes", probes=lambda: [Remove(0.5)],
        ...            protocols={"black": {}}, range=(-1, 1))
        ... def drop_at_half(seen: bb.Seen) -> bb.Scored:
        ...     return bb.Scored(seen.whole_probability - seen.probability[:, 0])
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
    reexplained: Mapping[View, Reexplained] = field(default_factory=dict)
    explainer: Explainer | None = None
    boxes: tuple[Tensor | None, ...] = ()
    label_place: Tensor | None = None
    label_explained: Tensor | None = None
    signed_map: Tensor | None = None
    rival_probability: Tensor | None = None
