"""Probes on maps to class scores: equal probes and equal maps are scored once, and fill the batches together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .equal import equal_to
from .fills import FILLS, FillName, whole
from .perturb import (
    Filled,
    Keep,
    Order,
    Probe,
    Remove,
    Ties,
    Whole,
    apply,
    by_rows,
    canonical,
    fill_of,
    hidden,
    needs_map,
    order_of,
    parts_of,
    rank_parts,
    saliency,
)
from .regions import Parts, parts_in
from .scoring import Answers, Block, Passes, Scorer
from .types import Pixels


@dataclass(frozen=True, eq=False)
class Palette:
    """What the pictures of one batch of images are made of, each thing made once: fills and parts, by name."""

    pixels: Pixels
    fills: dict[FillName, Tensor]
    parts: dict[str, Parts]

    @classmethod
    def of(cls, pixels: Pixels, probes: Sequence[Probe]) -> Palette:
        fills = {name: FILLS[name](pixels) for name in dict.fromkeys(map(fill_of, probes)) if name}
        return cls(pixels, fills, {name: parts_in(name, pixels) for name in dict.fromkeys(map(parts_of, probes))})

    def plain(self, probe: Probe) -> Tensor:
        """(B, C, H, W): the pictures of a probe that depends on the images alone."""
        if isinstance(probe, Filled):
            return whole(probe.fill, self.pixels)
        name = fill_of(probe)
        fill = self.fills[name] if name else self.pixels.images
        return apply(probe, self.pixels.images, fill, self.parts[parts_of(probe)])


def forwards(probes: Sequence[Probe]) -> tuple[int, int]:
    """How many forwards a map costs that has these probes, and how many an image, whatever the number of its maps.

    The whole image is not counted: every metric needs it.
    """
    asked = {canonical(probe) for probe in probes} - {Whole()}
    mapped = sum(map(needs_map, asked))
    return mapped, len(asked) - mapped


def score_probes(
    scorer: Scorer, pixels: Pixels, targets: Tensor, maps: Sequence[Tensor], probes: Sequence[Probe]
) -> dict[Probe, Answers]:
    """Answers (M, B) for every canonical probe on every map.

    Args:
        pixels: the images (B, C, H, W).
        maps: M of (B, h, w), each at its layer's resolution, finite, not normalised.
        probes: the union of what the metrics ask for.

    The probes that do not depend on the map are scored once per image, and equal maps of an image once. Where another
    order of ties hides the same pixels, the picture is that of the row-major order, and is not scored again.
    """
    wanted = list(dict.fromkeys(canonical(one) for probe in probes for one in (by_rows(probe), probe)))
    mapped = [probe for probe in wanted if needs_map(probe)]
    plain = [probe for probe in wanted if not needs_map(probe)]
    palette = Palette.of(pixels, wanted)
    first = equal_to(maps)
    chosen = (first == torch.arange(len(maps), device=first.device)[:, None]).nonzero()  # (U, 2): map and image
    found = dict(zip(plain, _score_plain(scorer, palette, targets, plain, len(maps)), strict=True))
    scored = len(plain) * len(pixels.images)
    if mapped:
        place = torch.empty_like(first)
        place[chosen[:, 0], chosen[:, 1]] = torch.arange(len(chosen), device=first.device)
        place = place.gather(0, first)
        answers, pictures = _score_mapped(scorer, palette, targets, maps, mapped, chosen)
        scored += pictures
        found |= {probe: answers[i].each(lambda tensor: tensor[place]) for i, probe in enumerate(mapped)}
    _count(scorer.passes, len(probes), bool(mapped), first.numel(), len(chosen), scored)
    return found


def _count(passes: Passes, asked: int, mapped: bool, maps: int, distinct: int, scored: int) -> None:
    passes.maps_asked += maps if mapped else 0
    passes.maps_scored += distinct if mapped else 0
    passes.probes_asked += asked * maps
    passes.probes_scored += scored


def _score_plain(
    scorer: Scorer, palette: Palette, targets: Tensor, probes: Sequence[Probe], many: int
) -> list[Answers]:
    """Per probe, which depends on the image alone, its answers (M, B)."""
    if not probes:
        return []
    found = scorer.answer_all((palette.plain(probe), targets) for probe in probes)
    each = found.each(lambda tensor: tensor.view(len(probes), 1, -1).expand(-1, many, -1))
    return [each[i] for i in range(len(probes))]


def _score_mapped(
    scorer: Scorer,
    palette: Palette,
    targets: Tensor,
    maps: Sequence[Tensor],
    probes: Sequence[Probe],
    pairs: Tensor,
) -> tuple[Answers, int]:
    """Answers (P, U) on the (map, image) ``pairs`` (U, 2), and how many pictures that took.

    A block's saliency and ranks serve all its probes.
    """
    sequences = dict.fromkeys((order, parts_of(probe)) for probe in probes if (order := order_of(probe)))
    places: list[Tensor] = []  # by block, which of the P * U answers it gives

    def blocks() -> Iterator[Block]:
        start = 0
        for piece in torch.split(pairs, scorer.batch):
            owner = piece[:, 1]
            shown, target = palette.pixels.images[owner], targets[owner]
            height = _saliency_of(maps, piece, palette.pixels.size)
            parts = {name: kind[owner] for name, kind in palette.parts.items()}
            rank: dict[tuple[tuple[Order, Ties] | None, str], Tensor] = {
                (order, name): rank_parts(height, order[0], parts[name], order[1]) for order, name in sequences
            }
            filled = {name: fill[owner] for name, fill in palette.fills.items()}
            for i, probe in enumerate(probes):
                name, kind = fill_of(probe), parts_of(probe)
                own, fill = rank.get((order_of(probe), kind)), filled[name] if name else shown
                rows = _rows_of_its_own(probe, parts[kind], own, rank.get((order_of(by_rows(probe)), kind)))
                places.append(i * len(pairs) + start + rows)
                if len(rows) == len(piece):
                    yield apply(probe, shown, fill, parts[kind], own, height), target
                elif len(rows):
                    some = None if own is None else own[rows]
                    yield apply(probe, shown[rows], fill[rows], parts[kind][rows], some, height[rows]), target[rows]
            start += len(piece)

    flat = scorer.answer_all(blocks())
    source = _sources(torch.cat(places), probes, len(pairs))
    return flat.each(lambda tensor: tensor[source]), len(flat.logit)


def _rows_of_its_own(probe: Probe, parts: Parts, rank: Tensor | None, by_row: Tensor | None) -> Tensor:
    """Which of the rows have a picture that is not that of the probe with ties in row-major order."""
    if isinstance(probe, (Remove, Keep)) and by_rows(probe) != probe:
        return (hidden(probe, parts, rank) != hidden(probe, parts, by_row)).flatten(1).any(1).nonzero()[:, 0]
    return torch.arange(len(parts.count), device=parts.count.device)


def _sources(places: Tensor, probes: Sequence[Probe], pairs: int) -> Tensor:
    """(P, U): which answer is whose; one that was not asked for is that of the probe with ties in row-major order."""
    source = torch.full((len(probes) * pairs,), -1, device=places.device)
    source[places] = torch.arange(len(places), device=places.device)
    found = source.view(len(probes), pairs)
    base = found[[probes.index(by_rows(probe)) for probe in probes]]
    return torch.where(found < 0, base, found)


def _saliency_of(maps: Sequence[Tensor], pairs: Tensor, size: tuple[int, int]) -> Tensor:
    """(U, H, W) of the pairs (U, 2), which are sorted by map."""
    numbers, counts = torch.unique_consecutive(pairs[:, 0], return_counts=True)
    owners = torch.split(pairs[:, 1], counts.tolist())
    return torch.cat([saliency(maps[m][owner], size) for m, owner in zip(numbers.tolist(), owners, strict=True)])
