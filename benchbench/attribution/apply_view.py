"""What a view shows to a method: a network, images, their masks, and which class to explain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import torch
from torch import Tensor, nn

from ..errors import NotApplicable
from ..maps.normalise import saliency
from ..network.custom_score import is_scored
from ..network.randomise import layers_of, layers_with_weights, randomised, with_noisy_weights
from ..network.reference_batch import ReferenceBatch
from ..network.rewritten_input import rewrites_input, shown_to
from ..network.scorer import Scorer
from ..per_image import PerImage
from ..perturbation.corruptions import jpeg, noisy, shifted
from ..types.views import (
    AddedConstant,
    Jpeg,
    Masked,
    MirrorSymmetric,
    Noisy,
    NoisyWeights,
    OtherTarget,
    RandomWeights,
    Shifted,
    Single,
)

Changing: TypeAlias = RandomWeights | NoisyWeights | AddedConstant | MirrorSymmetric  # the network


@dataclass(frozen=True, eq=False)
class ViewBatch(PerImage):
    """What a method is shown of a batch: a network, images, their masks, and which class.

    ``reasons``: per image why there is no such view of it, or "".
    """

    view: Single
    original: ReferenceBatch
    network: nn.Module
    scorer: Scorer
    images: Tensor
    masks: Tensor | None
    reasons: tuple[str, ...]

    def choose(self, logits: Tensor) -> Tensor:
        """The classes (B,) to explain, from the logits (B, C) of what is shown."""
        if not isinstance(self.view, OtherTarget):
            return self.original.targets
        return other_classes(logits, self.original.targets, self.original.pixels.seeds, self.view)


@dataclass(eq=False)
class RandomisedNetworks:
    """Networks with other weights, or that rewrite their input, one at a time: views of the same layers follow."""

    original: ReferenceBatch
    key: object = None
    current: tuple[nn.Module, Scorer] | None = None
    order: list[str] = field(default_factory=list)

    def of(self, view: Changing) -> tuple[nn.Module, Scorer]:
        """The network, and a scorer on it whose passes are counted with all others."""
        base = self.original.scorer
        key = self.layers_of(view) if isinstance(view, RandomWeights) else view
        if self.current is None or key != self.key:
            self.current = None  # before the next one is made: one copy at a time
            network = self._network(view)
            scorer = Scorer(network, base.batch, passes=base.passes, advance=base.advance, activation=base.activation)
            scorer.watch = base.watch
            self.key, self.current = key, (network, scorer)
        return self.current

    def _network(self, view: Changing) -> nn.Module:
        if isinstance(view, (AddedConstant, MirrorSymmetric)):
            return rewrites_input(self.original.network, view, self.original.pixels.std)
        if isinstance(view, NoisyWeights):
            return with_noisy_weights(self.original.network, view, self.original.seed)
        return randomised(self.original.network, self.layers_of(view), self.original.seed)

    def layers_of(self, view: RandomWeights) -> tuple[str, ...]:
        if not self.order:
            self.order = layers_with_weights(self.original.network, self.original.pixels.images)
            self.original.scorer.passes.forwards += 1
        return layers_of(view, self.order)


def apply_view(view: Single, maps: Tensor, original: ReferenceBatch, weights: RandomisedNetworks) -> ViewBatch:
    """What a method is shown; ``maps`` (B, h, w) are its own, finite, where the view is Masked."""
    pixels = original.pixels
    who = (original.network, original.scorer)
    shown = ViewBatch(view, original, *who, pixels.images, original.masks, ("",) * len(original.ids))
    match view:
        case Noisy():
            return replace(shown, images=noisy(pixels, view))
        case Shifted(dx, dy):
            masks = None if original.masks is None else shifted(original.masks, dx, dy)
            return replace(shown, images=shifted(pixels.images, dx, dy), masks=masks)
        case Jpeg(quality):
            images, reasons = jpeg(pixels, quality)
            return replace(shown, images=images, reasons=reasons)
        case Masked():
            height = saliency(maps, pixels.size).to(pixels.images)
            return replace(shown, images=pixels.images * height[:, None])
        case AddedConstant() | MirrorSymmetric():
            return _redrawn(view, replace(shown, images=shown_to(view, pixels.images, pixels.std)), weights)
        case RandomWeights() | NoisyWeights():
            return _redrawn(view, shown, weights)
        case OtherTarget() if is_scored(original.network):
            return replace(shown, reasons=("the network's score is its only target",) * len(original.ids))
    return shown


def _redrawn(view: Changing, shown: ViewBatch, weights: RandomisedNetworks) -> ViewBatch:
    noise = view.noise if isinstance(view, RandomWeights) else None
    images = noisy(shown.original.pixels, noise) if noise else shown.images
    try:
        network, scorer = weights.of(view)
    except NotApplicable as error:
        return replace(shown, reasons=(str(error),) * len(shown.reasons))
    return replace(shown, network=network, scorer=scorer, images=images)


def other_classes(logits: Tensor, targets: Tensor, seeds: Sequence[int], view: OtherTarget) -> Tensor:
    """(B,): per image a class that is not its target: the likeliest of logits (B, C), or one drawn from its seed."""
    if view.which == "runner-up":
        return logits.scatter(1, targets[:, None], -torch.inf).argmax(1)
    drawn = targets.new_tensor([_drawn_class(seed, logits.shape[1] - 1) for seed in seeds])
    return drawn + (drawn >= targets)


def _drawn_class(seed: int, count: int) -> int:
    generator = torch.Generator().manual_seed(seed)
    return int(torch.randint(count, (1,), generator=generator))
