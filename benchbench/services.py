"""What stands behind a Layer: the engine's services on one batch of images, every pass counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from .capture import Capture, capture, check_copies, pooled_head, rest
from .cut import cut
from .errors import BenchError
from .scoring import Scorer, score_masked
from .types import Head, Layer, ScoreKind


@dataclass(frozen=True, eq=False)
class Batch:
    """One captured batch: the network, its images (B, 3, H, W), and what the pass over them left."""

    network: nn.Module
    scorer: Scorer
    images: Tensor
    captured: Capture

    def layer(self, name: str, seeds: tuple[int, ...]) -> Layer:
        """The Layer that a method is given, with one seed per image."""
        return Layer(
            name=name,
            activation=self.captured.activations[name],
            images=self.images,
            targets=self.captured.targets,
            logits=self.captured.logits,
            seeds=seeds,
            services=_Services(self, name, seeds),
            captured_gradient=self.captured.gradients.get(name),
        )


def look(
    network: nn.Module,
    scorer: Scorer,
    images: Tensor,
    layers: Sequence[str],
    choose: Callable[[Tensor], Tensor],
    *,
    gradient: bool,
) -> Batch:
    """Capture a batch: one forward, and one backward if a gradient is needed, both counted."""
    captured = capture(network, images, layers, choose, gradient=gradient)
    scorer.passes.forwards += len(images)
    scorer.passes.backwards += len(images) if gradient else 0
    return Batch(network, scorer, images, captured)


class WritesInPlace(BenchError):  # noqa: N818 - what the method does
    """A method changed what it shares with other methods: the run stops, as their numbers would be wrong."""


def run_method(method: Callable[..., Any], layer: Layer, params: Mapping[str, Any]) -> Tensor:
    """The method's maps (B, h, w), detached.

    Raises:
        WritesInPlace: it changed one of the layer's tensors.
        BenchError: it returned something else.
    """
    shared = {"activation": layer.activation, "images": layer.images, "logits": layer.logits, "targets": layer.targets}
    shared |= {} if layer.captured_gradient is None else {"gradient": layer.captured_gradient}
    before = {name: tensor._version for name, tensor in shared.items()}
    maps = method(layer, **params)
    for name, tensor in shared.items():
        if tensor._version != before[name]:
            what = (
                f"a method writes into layer.{name}, which other methods read: {method.__name__} of {method.__module__}"
            )
            raise WritesInPlace(what, hint=f"Say layer.{name}.clone() first")
    if not isinstance(maps, Tensor) or maps.ndim != 3 or len(maps) != len(layer.images) or not maps.numel():
        shape = tuple(maps.shape) if isinstance(maps, Tensor) else type(maps).__name__
        raise BenchError(f"the method returned {shape}, where maps ({len(layer.images)}, h, w) are needed")
    return maps.detach().float()


@dataclass(frozen=True, eq=False)
class _Services:
    batch: Batch
    name: str
    seeds: tuple[int, ...]

    def rest(self, activation: Tensor) -> Tensor:
        b, cuts = self.batch, self.batch.scorer.cuts
        if self.name not in cuts:
            seen = b.captured
            cuts[self.name] = cut(b.network, self.name, b.images, seen.activations[self.name], seen.logits)
        made = cuts[self.name]
        if made is None:
            b.scorer.passes.forwards += len(activation)
            return rest(b.network, b.images, self.name, activation)
        b.scorer.passes.rests += len(activation)
        return made.logits(b.network, b.images, activation)

    def score(self, images: Tensor, of: ScoreKind) -> Tensor:
        targets, copies = self.batch.captured.targets, check_copies(images, self.batch.images, "score")
        found: Tensor = getattr(self.batch.scorer.answer(images, targets.repeat(copies)), of)
        return found

    def score_masked(self, masks: Tensor, of: ScoreKind) -> Tensor:
        with torch.no_grad():
            return score_masked(self.batch.scorer, self.batch.images, self.batch.captured.targets, masks, of)

    def look(self, images: Tensor) -> Layer:
        b = self.batch
        gradient = bool(b.captured.gradients)
        again = look(b.network, b.scorer, images, [self.name], lambda _: b.captured.targets, gradient=gradient)
        return again.layer(self.name, self.seeds)

    def head(self) -> Head:
        return pooled_head(self.batch.captured, self.name)
