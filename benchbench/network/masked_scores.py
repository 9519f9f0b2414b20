"""Images times masks to class scores, as Score-CAM asks: made on the fly, constant masks once, equal images once."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ..maps.normalise import saliency
from ..types import Pictures
from .scorer import Block, Scorer, TargetScores


def score_masked(scorer: Scorer, images: Tensor, targets: Tensor, masks: Tensor) -> TargetScores:
    """Answers (B, n) on images (B, 3, H, W) times each of the masks (B, n, h, w), upsampled and min-maxed.

    (image, mask) pairs of all images fill the batches; each picture lives only while it is scored. Constant masks,
    which are all zero, share one forward per image. Rows of the same image and the same masks, which differ only in
    their target, share every forward.
    """
    row, slot, row_targets = _distinct(images, targets, masks)
    first = slot.new_tensor([int((row == r).nonzero()[0]) for r in range(len(row_targets))])
    scores = _score_masked(scorer, images[first], row_targets, masks[first])
    return scores.each(lambda tensor: tensor[row, :, slot])


def score_pictures(scorer: Scorer, targets: Tensor, make: Pictures, count: int) -> TargetScores:
    """Answers (B, count) on ``count`` pictures of each image, which ``make`` makes a batch at a time."""
    pairs = torch.arange(len(targets) * count, device=targets.device)

    def blocks() -> Iterator[Block]:
        for index in torch.split(pairs, scorer.batch):
            owner = index // count
            yield make(owner, index % count), targets[owner]

    return scorer.answer_all(blocks()).each(lambda tensor: tensor.view(len(targets), count))


def _distinct(images: Tensor, targets: Tensor, masks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Per image its row among the distinct ones (B,), and the place (B,) of its target in that row's targets (U, T)."""
    rows: list[int] = []
    firsts: list[int] = []
    for b in range(len(images)):
        same = (r for r, f in enumerate(firsts) if torch.equal(images[b], images[f]) and _alike(masks[b], masks[f]))
        rows.append(next(same, len(firsts)))
        firsts += [b] if rows[-1] == len(firsts) else []
    wanted = targets.tolist()
    lists = [list(dict.fromkeys(wanted[b] for b in range(len(rows)) if rows[b] == r)) for r in range(len(firsts))]
    widest = max(map(len, lists))
    slots = [lists[r].index(wanted[b]) for b, r in enumerate(rows)]
    row_targets = targets.new_tensor([classes + classes[:1] * (widest - len(classes)) for classes in lists])
    return targets.new_tensor(rows), targets.new_tensor(slots), row_targets


def _alike(mask: Tensor, other: Tensor) -> bool:
    """Equal but for the rounding of another place in the batch."""
    return bool(torch.allclose(mask, other, rtol=1e-5, atol=1e-6 * float(other.abs().max())))


def _score_masked(scorer: Scorer, images: Tensor, targets: Tensor, masks: Tensor) -> TargetScores:
    """Answers (U, n, T) for targets (U, T)."""
    count, size = masks.shape[1], (images.shape[2], images.shape[3])
    flat = masks.flatten(0, 1)
    live = flat.amax((1, 2)) != flat.amin((1, 2))
    alive = live.nonzero()[:, 0]
    empty = (~live).view(-1, count).any(1).nonzero()[:, 0]

    def blocks() -> Iterator[Block]:
        for index in torch.split(alive, scorer.batch):
            owner = index // count
            yield images[owner] * saliency(flat[index], size)[:, None], targets[owner]
        if len(empty):
            yield torch.zeros_like(images[empty]), targets[empty]

    place = torch.empty(len(flat), dtype=torch.long, device=images.device)
    place[alive] = torch.arange(len(alive), device=images.device)
    nothing = torch.zeros(len(images), dtype=torch.long, device=images.device)
    nothing[empty] = len(alive) + torch.arange(len(empty), device=images.device)
    place = torch.where(live, place, nothing.repeat_interleave(count))
    return scorer.answer_all(blocks()).each(lambda tensor: tensor[place].view(len(images), count, -1))
