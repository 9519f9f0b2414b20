"""What stands behind a Layer: the engine's services on one batch of images, every pass counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import BenchError, NotApplicable
from ..failure_policy import try_batch
from ..network.attention import attentions
from ..network.behind_layer import Rest, check_copies, cut, rest
from ..network.capture import NO_GRADIENT, WHY, Capture, GradientsWanted, capture, eval_frozen, wanted_by_score, widened
from ..network.checks import check_logits
from ..network.derivatives import bias_gradients, curvature
from ..network.detection_similarity import similarities
from ..network.explained_score import explained_score
from ..network.fast_copy import channels_last
from ..network.head import pooled_head
from ..network.hookable_copy import exported, exported_behind
from ..network.layers import finer_stages
from ..network.lent_network import LentNetwork
from ..network.masked_scores import score_masked, score_pictures
from ..network.patch_sampling import block_tokens, score_tokens
from ..network.scorer import Scorer, TargetScores, target_scores
from ..tracing.reading import Reading
from ..tracing.reading import read as read_network
from ..types import INPUT, Attention, AttentionGradient, Change, Head, Layer, Pictures, Score, ScoreKind, streamed
from ..types.block_tokens import BlockTokens
from ..types.token_grid import Grid, Layout
from ..vocabulary import LOGIT


@dataclass(frozen=True, eq=False)
class CapturedBatch:
    """One captured batch: the network, its images (B, 3, H, W), and what the pass over them left."""

    network: nn.Module
    scorer: Scorer
    images: Tensor
    captured: Capture
    masked: dict[str, TargetScores] = field(default_factory=dict)  # by layer: what its activations as masks scored
    bypass: dict[str, tuple[Any, ...]] = field(default_factory=dict)  # by layer: what goes around it
    whole: dict[tuple[str, bool], list[bool]] = field(default_factory=dict)  # by layer, with its gradient or without
    more: dict[tuple[str, bool], CapturedBatch] = field(default_factory=dict)  # by layer and gradient: its other stages
    token: object = field(default_factory=object)  # tells it from other batches in the ledger
    explained: str = LOGIT  # the score whose gradients a layer lends
    others: dict[str, CapturedBatch] = field(default_factory=dict)  # by score, the same batch with other gradients

    def explaining(self, score: str) -> CapturedBatch:
        """The same batch, whose layers lend the gradients of another score; what costs a pass is in common."""
        if score != self.explained and score not in self.others:
            seen = replace(self.captured, gradients=self.captured.by_score.get(score, {}), by_score={})
            self.others[score] = replace(self, captured=seen, explained=score, whole={}, more={}, others={})
        return self if score == self.explained else self.others[score]

    def sound(self, name: str, *, gradient: bool) -> list[bool]:
        """Per image whether the layer's activation, and its ``gradient`` if that is asked, are finite numbers."""
        key = (name, gradient)
        if key not in self.whole:
            finite = torch.isfinite(self.captured.activations[name]).flatten(1).all(1)
            if gradient:
                finite = finite & torch.isfinite(self.captured.gradients[name]).flatten(1).all(1)
            self.whole[key] = finite.tolist()
        return self.whole[key]

    def layer(self, name: str, seeds: tuple[int, ...], masks: Tensor | None = None) -> Layer:
        """The Layer that a method is given, with one seed per image, and the data's masks (B, H, W), if any."""
        return Layer(
            name=name,
            activation=self.captured.activations[name],
            images=self.images,
            targets=self.captured.targets,
            logits=self.captured.logits,
            seeds=seeds,
            services=_Services(self, name, seeds),
            captured_gradient=self.captured.gradients.get(name),
            data_masks=masks,
        )


def capture_batch(
    network: nn.Module,
    scorer: Scorer,
    images: Tensor,
    layers: Sequence[str],
    choose: Callable[[Tensor], Tensor],
    *,
    gradient: GradientsWanted,
    score: Score | None = None,
    mark: Callable[[], None] | None = None,
) -> CapturedBatch:
    """Capture a batch: one forward, and one backward for each score whose gradient is needed, all counted.

    On the scorer's prepared copy, where it is proven to give what the network gives at all these layers; else on the
    network. ``gradient``, ``mark``: see ``capture``.
    """
    proven = scorer.proven is not None and scorer.proven.issuperset(layers)
    model, shown = (scorer.network, channels_last(images)) if proven else (network, images)
    reading = reading_of(network, scorer, images) if any(name != INPUT for name in layers) else None
    captured = capture(
        model,
        shown,
        layers,
        choose,
        gradient=gradient,
        score=score,
        mark=mark,
        reading=reading,
        activation=scorer.activation,
    )
    scorer.passes.forwards += len(images)
    scorer.passes.backwards += len(images) * len(wanted_by_score(gradient, layers))
    return CapturedBatch(network, scorer, images, captured)


def reading_of(network: nn.Module, scorer: Scorer, images: Tensor) -> Reading:
    """The network's reading on images of this size, made once in the scorer's life: layouts hold for its copies too."""
    size = (images.shape[2], images.shape[3])
    known = scorer.readings.get(size)
    if known is None or known.network is not network:
        with eval_frozen(network):
            known = scorer.readings[size] = read_network(network, images)
    return known


@dataclass(frozen=True, eq=False)
class _Services:
    batch: CapturedBatch
    name: str
    seeds: tuple[int, ...]
    lent: Tensor | None = None  # the method's copy of the activation

    def lending(self, activation: Tensor) -> _Services:
        return replace(self, lent=activation)

    def rest(self, activation: Tensor) -> Tensor:
        copies = check_copies(activation, self.batch.images)
        owner = torch.arange(len(self.batch.images), device=activation.device).repeat(copies)
        with eval_frozen(self.batch.network):
            return self._behind(activation.clone(), owner)

    def score(self, images: Tensor, of: ScoreKind) -> Tensor:
        targets, copies = self.batch.captured.targets, check_copies(images, self.batch.images, "score")
        scores: Tensor = getattr(self.batch.scorer.answer(images, targets.repeat(copies)), of)
        return scores

    def score_masked(self, masks: Tensor, of: ScoreKind) -> Tensor:
        """Where the masks are the layer's own activation, they are scored once for all methods that ask."""
        b = self.batch
        activation = b.captured.activations[self.name]
        known = b.masked if masks is activation or (masks is self.lent and torch.equal(masks, activation)) else {}
        with torch.no_grad(), self._shared("masked") if known is b.masked else nullcontext():
            if self.name not in known:
                known[self.name] = score_masked(b.scorer, b.images, b.captured.targets, masks)
        scores: Tensor = getattr(known[self.name], of)
        return scores.clone()

    def score_changed(self, change: Change, count: int, of: ScoreKind) -> Tensor:
        b, activation = self.batch, self.batch.captured.activations[self.name]
        pairs = torch.arange(len(activation) * count, device=activation.device)
        answers, most = [], b.scorer.rows
        most.setdefault(self.name, self._rows(activation))
        with torch.no_grad(), eval_frozen(b.network):
            while len(pairs):
                rows = pairs[: most[self.name]]
                scores = try_batch(partial(self._changed, change, activation, rows, count), len(rows))
                if scores is None:
                    most[self.name] = len(rows) // 2
                else:
                    answers.append(scores)
                    pairs = pairs[len(rows) :]
        values: Tensor = getattr(TargetScores.join(answers), of)
        return values.view(-1, count)

    def _changed(self, change: Change, activation: Tensor, pairs: Tensor, count: int) -> TargetScores:
        owner = pairs // count
        copies = activation[owner]
        changed = change(copies, pairs % count)
        if changed.shape != (len(owner), *activation.shape[1:]):
            shape, needed = tuple(changed.shape), (len(owner), *activation.shape[1:])
            raise BenchError(f"score_changed() was given a change to {shape}, where {needed} is needed")
        changed = changed if changed is copies else changed.clone()  # the network may overwrite what it is given
        b = self.batch
        return target_scores(self._behind(changed, owner).float(), b.captured.targets[owner], b.scorer.activation)

    def _rows(self, activation: Tensor) -> int:
        """As many activations as weigh what four batches of images weigh, and at least a batch."""
        return self.batch.scorer.batch * max(1, 4 * self.batch.images[0].numel() // activation[0].numel())

    def _behind(self, activation: Tensor, owner: Tensor) -> Tensor:
        """Logits of activation (N, K, h, w), row i of image owner[i]; the network may overwrite it."""
        b, tail = self.batch, self._cut()
        if tail is None:
            b.scorer.passes.forwards += len(activation)
            return rest(b.network, b.images[owner], self.name, activation, b.captured.layouts[self.name])
        b.scorer.passes.rests += len(activation)
        b.scorer.passes.forwards += len(activation) if "made" in tail.kinds else 0  # what goes around is made again
        with self._shared("bypass"):
            if self.name not in b.bypass:
                b.bypass[self.name] = tail.bypass(b.images)
                b.scorer.passes.forwards += len(b.images) if tail.crossing else 0
        return tail.logits(activation, b.images, owner, b.bypass[self.name])

    def _cut(self) -> Rest | None:
        """The prepared network behind the layer; else the network itself; None where neither can be cut."""
        b, cuts = self.batch, self.batch.scorer.cuts
        with self._shared("cut", once=True):
            if self.name not in cuts:
                seen = b.captured
                arguments = (self.name, b.images, seen.activations[self.name], seen.logits, seen.layouts[self.name])
                cuts[self.name] = cut(b.scorer.network, *arguments) or cut(b.network, *arguments)
        return cuts[self.name]

    def score_pictures(self, make: Pictures, count: int, of: ScoreKind) -> Tensor:
        with torch.no_grad():
            answers = score_pictures(self.batch.scorer, self.batch.captured.targets, make, count)
        scores: Tensor = getattr(answers, of)
        return scores

    def detection_similarity(self, make: Pictures, count: int) -> Tensor:
        b, seen = self.batch, self.batch.captured
        return similarities(b.network, b.scorer, b.images, seen.targets, seen.logits.shape[1], make, count)

    def look(self, images: Tensor, score: Score | None, stream: str, *, gradient: bool) -> Layer:
        explained = self.batch.explained if score is None else LOGIT
        again = self._captured(images, [self.name], explained, gradient=gradient, score=score)
        return again.layer(self.name, streamed(self.seeds, stream))

    def _captured(
        self, images: Tensor, layers: Sequence[str], explained: str, *, gradient: bool, score: Score | None = None
    ) -> CapturedBatch:
        """Other images or layers, captured for the same targets."""
        b, targets = self.batch, self.batch.captured.targets
        wanted = {explained: layers if gradient else ()}
        again = capture_batch(b.network, b.scorer, images, layers, lambda _: targets, gradient=wanted, score=score)
        return again.explaining(explained)

    def forward(self, images: Tensor) -> Tensor:
        with torch.enable_grad(), eval_frozen(self.batch.network):
            logits = widened(check_logits(self.batch.network(images), images))
        if images.requires_grad and not logits.requires_grad:
            raise NotApplicable(f"{NO_GRADIENT} the logits to the images{WHY}")
        self.batch.scorer.passes.forward(logits)
        return logits

    def stages(self, *, gradient: bool) -> tuple[Layer, ...]:
        b, known = self.batch, self.batch.scorer.stages
        with self._shared("stages", once=True):
            if self.name not in known:
                known[self.name] = finer_stages(
                    b.network, b.images, self.name, reading_of(b.network, b.scorer, b.images)
                )
        captured = b.captured.gradients if gradient else b.captured.activations
        others, key = [name for name in known[self.name] if name not in captured], (self.name, gradient)
        which = f"more, gradient {gradient and b.explained}"
        with self._shared(which) if others else nullcontext():
            if others and key not in b.more:
                b.more[key] = self._captured(b.images, others, b.explained, gradient=gradient)
        return tuple(
            (b.more[key] if name in others else b).layer(name, self.seeds).copied() for name in known[self.name]
        )

    def curvature(self, direction: Tensor) -> Tensor:
        b = self.batch
        seen = b.captured
        layout = seen.layouts[self.name]
        score = explained_score(b.explained, seen.targets, b.scorer.activation)
        product, slopes = curvature(b.network, b.images, self.name, seen.targets, direction, layout, score)
        self._count(forwards=1, backwards=slopes)
        return product

    def bias_gradients(self) -> tuple[Tensor, tuple[Tensor, ...]]:
        b = self.batch
        self._count(forwards=1, backwards=1)
        gradients = bias_gradients(b.network, b.images, b.captured.targets)
        return gradients.image, gradients.biases

    def attentions(self, gradient: AttentionGradient, *, scores: bool) -> tuple[tuple[Attention, ...], Grid]:
        b = self.batch
        self._count(forwards=1, backwards=1 if gradient == "none" else 2)  # one tells off which tokens logits are read
        reading = reading_of(b.network, b.scorer, b.images)
        return attentions(b.network, b.images, b.captured.targets, gradient, reading, scores=scores)

    def tokens(self) -> BlockTokens:
        b = self.batch
        self._count(forwards=1, backwards=0)
        values, grid = block_tokens(b.network, b.images, reading_of(b.network, b.scorer, b.images))
        score = partial(score_tokens, b.network, b.scorer, b.images, b.captured.targets, grid)
        return BlockTokens(values, grid, lambda kept: score(kept).probability)

    def network(self) -> nn.Module:
        with self.batch.scorer.ledger.shared(("exported", "")):
            return exported(self.batch.scorer, self.batch.network, self.batch.images)

    def borrow(self) -> AbstractContextManager[tuple[nn.Module, Layout]]:
        b = self.batch
        b.scorer.lent = b.scorer.lent or LentNetwork(b.network, b.scorer.passes)
        return b.scorer.lent.borrow(b.captured.layouts[self.name])

    def behind(self) -> nn.Module:
        b = self.batch
        seen = b.captured
        arguments = (self.name, b.images, seen.activations[self.name], seen.logits, seen.layouts[self.name])
        with self._shared("exported", once=True):
            return exported_behind(b.scorer, self.name, lambda: cut(b.network, *arguments))

    def _shared(self, what: str, *, once: bool = False) -> AbstractContextManager[None]:
        """The block makes, or finds made, what the layer's methods have in common: of this batch, or of the run."""
        return self.batch.scorer.ledger.shared((what, self.name) if once else (what, self.name, self.batch.token))

    def _count(self, *, forwards: int, backwards: int) -> None:
        self.batch.scorer.passes.forwards += forwards * len(self.batch.images)
        self.batch.scorer.passes.backwards += backwards * len(self.batch.images)

    def probability(self) -> Tensor:
        seen = self.batch.captured
        return target_scores(seen.logits, seen.targets, self.batch.scorer.activation).probability

    def head(self) -> Head:
        head = pooled_head(self.batch.captured, self.name)
        bias = None if head.bias is None else head.bias.clone()
        return replace(head, weight=head.weight.clone(), bias=bias)
