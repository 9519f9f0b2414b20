"""Many images to class scores: packed into batches of one size, counted, halved where memory runs out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ..containment.plugin_watch import PluginWatch
from ..cost.ledger import Ledger
from ..cost.ledger import Passes as Passes
from ..failure_policy import try_batch
from ..plugin_guard import no_exit
from ..tracing.reading import Reading
from ..types import Activation
from .behind_layer import Rest
from .checks import check_logits
from .fast_copy import channels_last
from .lent_network import LentNetwork

_FIELDS = ("probability", "logit", "correct")
Block = tuple[Tensor, Tensor]  # images (n, 3, H, W), and for each its target (n,), or its targets (n, T)


@dataclass(frozen=True, eq=False)
class TargetScores:
    """Probability and logit of the target, and whether it was the most likely class: three tensors of one shape."""

    probability: Tensor
    logit: Tensor
    correct: Tensor

    @classmethod
    def join(cls, parts: Sequence[TargetScores]) -> TargetScores:
        """One after the other, along the first dimension."""
        return cls(*(torch.cat([getattr(part, name) for part in parts]) for name in _FIELDS))

    @classmethod
    def stack(cls, parts: Sequence[TargetScores]) -> TargetScores:
        """Side by side, along a new last dimension."""
        return cls(*(torch.stack([getattr(part, name) for part in parts], -1) for name in _FIELDS))

    def each(self, change: Callable[[Tensor], Tensor]) -> TargetScores:
        """The three tensors, each changed alike."""
        return TargetScores(*(change(getattr(self, name)) for name in _FIELDS))

    def __getitem__(self, index: int | slice | Tensor) -> TargetScores:
        return self.each(lambda tensor: tensor[index])


@dataclass(eq=False)
class Scorer:
    """The one way images reach the network for a score.

    Attributes:
        batch: images per forward. Halved when memory runs out, for the rest of the scorer's life.
        last: channels-last input.
        padded: every batch is filled up to ``batch`` images, for a network that is compiled for one size.
        rows: by layer, how many of its activations go through what is behind it at once.
        proven: the layers at which ``network`` may be captured, as it gives what the network that it was made of gives
            there; None where it may not be captured at all, not even for its logits.
        cuts: by layer; None where the network cannot be cut.
        stages: by layer, the stages before it and itself.
        readings: by image size, where the layers of the network hold their maps.
        copies: what was made of the network for other libraries, by purpose; ``states``: as they were made.
        lent: the copy of the network as it is, for other libraries; made at the first use.
        ledger: who caused which of the passes.
        activation: what makes probabilities of logits.
        watch: what calls of plugins go through.
    """

    network: nn.Module
    batch: int = 16
    last: bool = False
    passes: Passes = field(default_factory=Passes)
    advance: Callable[[int], None] = lambda _: None
    cuts: dict[str, Rest | None] = field(default_factory=dict)
    padded: bool = False
    rows: dict[str, int] = field(default_factory=dict)
    proven: frozenset[str] | None = None
    stages: dict[str, tuple[str, ...]] = field(default_factory=dict)
    copies: dict[str, nn.Module] = field(default_factory=dict)
    states: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    lent: LentNetwork | None = None
    readings: dict[tuple[int, int], Reading] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=Ledger)
    activation: Activation = "softmax"
    watch: PluginWatch = field(default_factory=PluginWatch)

    def forget(self) -> None:
        """What was made of the network is made again, as the network was not what it should be."""
        self.cuts, self.stages, self.readings = {}, {}, {}
        self.copies, self.states, self.lent = {}, {}, None

    def probe(self, network: nn.Module, images: Tensor) -> None:
        """One image of (n, C, H, W) through this network and the one that it was made of, and nothing comes of it."""
        with torch.no_grad():
            network(images[:1])
        self.answer(images[:1], torch.zeros(1, dtype=torch.long, device=images.device))

    def answer(self, images: Tensor, targets: Tensor) -> TargetScores:
        """Answers (N,) on images (N, 3, H, W) for targets (N,); or (N, T) for targets (N, T)."""
        return self.answer_all([(images, targets)])

    def answer_all(self, blocks: Iterable[Block]) -> TargetScores:
        """Answers to all blocks, in their order; they are packed into full batches, and made as they are needed."""
        return TargetScores.join([self._answer(*block) for block in packed(blocks, lambda: self.batch)])

    def logits(self, images: Tensor) -> Tensor:
        """Logits (N, C) on images (N, channels, H, W), in batches as answers are."""
        parts: list[Tensor] = []
        while len(images):
            few = images[: self.batch]
            logits = try_batch(partial(self._logits, few), len(few))
            if logits is None:
                self.halve(len(few))
            else:
                parts.append(logits)
                images = images[len(few) :]
        return torch.cat(parts)

    def _answer(self, images: Tensor, targets: Tensor) -> TargetScores:
        """One batch, in smaller pieces if memory runs out."""
        scores = try_batch(partial(self._forward, images, targets), len(images))
        if scores is not None:
            return scores
        self.halve(len(images))
        return self.answer_all([(images, targets)])

    def halve(self, tried: int) -> None:
        """After memory ran out on ``tried`` images."""
        self.batch = max(min(self.batch, tried) // 2, 1)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _forward(self, images: Tensor, targets: Tensor) -> TargetScores:
        with torch.no_grad():
            return target_scores(self._logits(images), targets, self.activation)

    def _logits(self, images: Tensor) -> Tensor:
        count = len(images)
        if self.padded and count < self.batch:
            images = torch.cat([images, images[:1].expand(self.batch - count, *images.shape[1:])])
        with torch.inference_mode() if self.last else torch.no_grad():  # a user's network may cache a tensor
            with no_exit("the network"):
                output = self.network(channels_last(images) if self.last else images)
            logits = check_logits(output, images).float()[:count]
            self.passes.forwards += count
            self.advance(count)
            return logits


def target_scores(logits: Tensor, targets: Tensor, activation: Activation) -> TargetScores:
    """Answers (N,) from logits (N, C) for targets (N,); or (N, T) for targets (N, T).

    With a sigmoid, every class has its own probability, and an answer is correct where that is at least a half.
    """
    classes = targets if targets.ndim == 2 else targets[:, None]
    logit = logits.gather(1, classes)
    if activation == "sigmoid":
        scores = TargetScores(logit.sigmoid(), logit, (logit >= 0).float())
    else:
        scores = TargetScores(
            logits.softmax(1).gather(1, classes), logit, (logit >= logits.amax(1, keepdim=True)).float()
        )
    return scores if targets.ndim == 2 else scores.each(lambda tensor: tensor[:, 0])


def packed(blocks: Iterable[Block], size: Callable[[], int]) -> Iterator[Block]:
    """The blocks' rows in the same order, ``size`` at a time; at most a batch and a block are held."""
    held: list[Block] = []
    for block in blocks:
        held.append(block)
        if sum(len(images) for images, _ in held) < size():
            continue
        images, targets = _joined(held)
        held = []
        while len(images) >= (now := size()):
            yield images[:now], targets[:now]
            images, targets = images[now:], targets[now:]
        held = [(images, targets)] if len(images) else []
    if held:
        yield _joined(held)


def _joined(blocks: Sequence[Block]) -> Block:
    if len(blocks) == 1:
        return blocks[0]
    return torch.cat([images for images, _ in blocks]), torch.cat([targets for _, targets in blocks])
