"""Many images to class scores: in batches of one size, counted; equal probes of several metrics are scored once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from .capture import check_logits
from .cut import Cut
from .perturb import FILLS, FillName, Probe, apply, canonical, fill_of, needs_map, order_of, ranks, saliency
from .prepare import channels_last
from .types import ScoreKind

_FIELDS = ("probability", "logit", "correct")


@dataclass
class Passes:
    """Images that went through the network: forwards, backwards, and ``rests``, through what is behind a layer alone.

    And probes: asked for, and scored.
    """

    forwards: int = 0
    backwards: int = 0
    rests: int = 0
    probes_asked: int = 0
    probes_scored: int = 0


@dataclass(frozen=True, eq=False)
class Answers:
    """Probability and logit of the target, and whether it was the most likely class: three tensors of one shape."""

    probability: Tensor
    logit: Tensor
    correct: Tensor

    @classmethod
    def join(cls, parts: Sequence[Answers]) -> Answers:
        """One after the other, along the first dimension."""
        return cls(*(torch.cat([getattr(part, name) for part in parts]) for name in _FIELDS))

    @classmethod
    def stack(cls, parts: Sequence[Answers]) -> Answers:
        """Side by side, along a new last dimension."""
        return cls(*(torch.stack([getattr(part, name) for part in parts], -1) for name in _FIELDS))

    def reshape(self, *shape: int) -> Answers:
        return Answers(*(getattr(self, name).view(shape) for name in _FIELDS))

    def expand(self, *shape: int) -> Answers:
        return Answers(*(getattr(self, name).expand(shape) for name in _FIELDS))

    def __getitem__(self, index: int) -> Answers:
        return Answers(*(getattr(self, name)[index] for name in _FIELDS))


@dataclass(frozen=True, eq=False)
class Scorer:
    """The one way images reach the network for a score."""

    network: nn.Module
    batch: int = 16
    last: bool = False  # channels-last input
    passes: Passes = field(default_factory=Passes)
    advance: Callable[[int], None] = lambda _: None
    cuts: dict[str, Cut | None] = field(default_factory=dict)  # by layer; None where the network cannot be cut

    def answer(self, images: Tensor, targets: Tensor) -> Answers:
        """Answers (N,) on images (N, 3, H, W) for targets (N,)."""
        pieces = zip(torch.split(images, self.batch), torch.split(targets, self.batch), strict=True)
        return Answers.join([self._batch(piece, target) for piece, target in pieces])

    def _batch(self, images: Tensor, targets: Tensor) -> Answers:
        self.passes.forwards += len(images)
        self.advance(len(images))
        with torch.inference_mode() if self.last else torch.no_grad():  # a user's network may cache a tensor
            output = self.network(channels_last(images) if self.last else images)
            logits = check_logits(output, images).float()
            logit = logits.gather(1, targets[:, None])[:, 0]
            return Answers(
                logits.softmax(1).gather(1, targets[:, None])[:, 0],
                logit,
                (logit >= logits.amax(1)).float(),
            )


def score_masked(scorer: Scorer, images: Tensor, targets: Tensor, masks: Tensor, of: ScoreKind) -> Tensor:
    """(B, n): the target's score on images (B, 3, H, W) times each of the masks (B, n, h, w), upsampled and min-maxed.

    (image, mask) pairs of all images fill the batches; each picture lives only while it is scored. Constant masks,
    which are all zero, share one forward per image.
    """
    count = masks.shape[1]
    flat = masks.flatten(0, 1)
    dead = flat.amax((1, 2)) == flat.amin((1, 2))
    alive = (~dead).nonzero()[:, 0]
    scores = torch.empty(len(flat), device=images.device)
    for index in torch.split(alive, scorer.batch):
        owner = index // count
        mask = saliency(flat[index], (images.shape[2], images.shape[3]))
        found = scorer.answer(images[owner] * mask[:, None], targets[owner])
        scores[index] = getattr(found, of)
    scores = scores.view(-1, count)
    dead = dead.view(-1, count)
    empty = dead.any(1).nonzero()[:, 0]
    if len(empty):
        found = scorer.answer(torch.zeros_like(images[empty]), targets[empty])
        nothing = torch.zeros(len(images), device=images.device)
        nothing[empty] = getattr(found, of)
        scores = torch.where(dead, nothing[:, None], scores)
    return scores


def score_probes(
    scorer: Scorer, images: Tensor, targets: Tensor, maps: Tensor, probes: Sequence[Probe]
) -> dict[Probe, Answers]:
    """Answers (M, B) for every canonical probe on every map.

    Args:
        images: (B, 3, H, W).
        maps: (M, B, H, W), min-max normalised, at the image's size.
        probes: the union of what the metrics ask for.

    The probes that do not depend on the map are scored once per image.
    """
    many, batch = maps.shape[:2]
    wanted = list(dict.fromkeys(canonical(probe) for probe in probes))
    mapped = [probe for probe in wanted if needs_map(probe)]
    plain = [probe for probe in wanted if not needs_map(probe)]
    fills = {name: FILLS[name](images) for name in dict.fromkeys(map(fill_of, wanted)) if name}
    found = _score_mapped(scorer, images, targets, maps, mapped, fills) if many and mapped else {}
    for probe in plain:
        name = fill_of(probe)
        found[probe] = scorer.answer(fills[name] if name else images, targets).reshape(1, batch).expand(many, batch)
    scorer.passes.probes_asked += len(probes) * many * batch
    scorer.passes.probes_scored += (len(mapped) * many + len(plain)) * batch
    return found


def _score_mapped(
    scorer: Scorer,
    images: Tensor,
    targets: Tensor,
    maps: Tensor,
    probes: Sequence[Probe],
    fills: dict[FillName, Tensor],
) -> dict[Probe, Answers]:
    """(map, image) pairs fill the batches; a batch's ranks are made once for all its probes."""
    many, batch = maps.shape[:2]
    pieces: dict[Probe, list[Answers]] = {probe: [] for probe in probes}
    for index in torch.split(torch.arange(many * batch, device=images.device), scorer.batch):
        owner = index % batch
        piece, shown, target = maps.flatten(0, 1)[index], images[owner], targets[owner]
        rank = {order: ranks(piece, order) for order in dict.fromkeys(map(order_of, probes))}
        filled = {name: fill[owner] for name, fill in fills.items()}
        for probe in probes:
            name = fill_of(probe)
            fill = filled[name] if name else shown
            pictures = apply(probe, shown, fill, rank[order_of(probe)], piece)
            pieces[probe].append(scorer.answer(pictures, target))
    return {probe: Answers.join(parts).reshape(many, batch) for probe, parts in pieces.items()}
