"""Probes on maps to class scores: equal probes and equal maps are scored once, and fill the batches together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from .equal import equal_to
from .perturb import FILLS, FillName, Order, Probe, apply, canonical, fill_of, needs_map, order_of, ranks, saliency
from .scoring import Answers, Block, Passes, Scorer


def score_probes(
    scorer: Scorer, images: Tensor, targets: Tensor, maps: Sequence[Tensor], probes: Sequence[Probe]
) -> dict[Probe, Answers]:
    """Answers (M, B) for every canonical probe on every map.

    Args:
        images: (B, 3, H, W).
        maps: M of (B, h, w), each at its layer's resolution, finite, not normalised.
        probes: the union of what the metrics ask for.

    The probes that do not depend on the map are scored once per image, and equal maps of an image once.
    """
    wanted = list(dict.fromkeys(canonical(probe) for probe in probes))
    mapped = [probe for probe in wanted if needs_map(probe)]
    plain = [probe for probe in wanted if not needs_map(probe)]
    fills = {name: FILLS[name](images) for name in dict.fromkeys(map(fill_of, wanted)) if name}
    first = equal_to(maps)
    chosen = (first == torch.arange(len(maps), device=first.device)[:, None]).nonzero()  # (U, 2): map and image
    found = dict(zip(plain, _score_plain(scorer, images, targets, plain, fills, len(maps)), strict=True))
    if mapped:
        place = torch.empty_like(first)
        place[chosen[:, 0], chosen[:, 1]] = torch.arange(len(chosen), device=first.device)
        place = place.gather(0, first)
        answers = _score_mapped(scorer, images, targets, maps, mapped, fills, chosen)
        found |= {probe: answers[i].each(lambda tensor: tensor[place]) for i, probe in enumerate(mapped)}
    _count(scorer.passes, len(probes), len(mapped), len(plain), first.numel(), len(chosen), len(images))
    return found


def _count(passes: Passes, asked: int, mapped: int, plain: int, maps: int, distinct: int, images: int) -> None:
    passes.maps_asked += maps if mapped else 0
    passes.maps_scored += distinct if mapped else 0
    passes.probes_asked += asked * maps
    passes.probes_scored += mapped * distinct + plain * images


def _score_plain(
    scorer: Scorer,
    images: Tensor,
    targets: Tensor,
    probes: Sequence[Probe],
    fills: dict[FillName, Tensor],
    many: int,
) -> list[Answers]:
    """Per probe, which depends on the image alone, its answers (M, B)."""
    names = [fill_of(probe) for probe in probes]
    if not names:
        return []
    found = scorer.answer_all((fills[name] if name else images, targets) for name in names)
    each = found.each(lambda tensor: tensor.view(len(names), 1, -1).expand(-1, many, -1))
    return [each[i] for i in range(len(names))]


def _score_mapped(
    scorer: Scorer,
    images: Tensor,
    targets: Tensor,
    maps: Sequence[Tensor],
    probes: Sequence[Probe],
    fills: dict[FillName, Tensor],
    pairs: Tensor,
) -> Answers:
    """Answers (P, U) on the (map, image) ``pairs`` (U, 2); a block's saliency and ranks serve all its probes."""
    pieces = torch.split(pairs, scorer.batch)
    orders = list(dict.fromkeys(map(order_of, probes)))

    def blocks() -> Iterator[Block]:
        for piece in pieces:
            owner = piece[:, 1]
            shown, target = images[owner], targets[owner]
            height = _saliency_of(maps, piece, (images.shape[2], images.shape[3]))
            rank: dict[Order, Tensor] = {order: ranks(height, order) for order in orders}
            filled = {name: fill[owner] for name, fill in fills.items()}
            for probe in probes:
                name = fill_of(probe)
                fill = filled[name] if name else shown
                yield apply(probe, shown, fill, rank[order_of(probe)], height), target

    flat = scorer.answer_all(blocks())
    sizes = [len(probes) * len(piece) for piece in pieces]

    def ordered(tensor: Tensor) -> Tensor:
        return torch.cat([part.view(len(probes), -1) for part in torch.split(tensor, sizes)], 1)

    return flat.each(ordered)


def _saliency_of(maps: Sequence[Tensor], pairs: Tensor, size: tuple[int, int]) -> Tensor:
    """(U, H, W) of the pairs (U, 2), which are sorted by map."""
    numbers, counts = torch.unique_consecutive(pairs[:, 0], return_counts=True)
    owners = torch.split(pairs[:, 1], counts.tolist())
    return torch.cat([saliency(maps[m][owner], size) for m, owner in zip(numbers.tolist(), owners, strict=True)])
