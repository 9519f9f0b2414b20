"""Probes on maps to class scores: equal probes and equal maps are scored once, and fill the batches together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from .equal import equal_to
from .perturb import Probe, Whole, by_rows, canonical, needs_map
from .pictures import Asked, Palette, Piece
from .scoring import Answers, Block, Passes, Scorer
from .types import Pixels


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
    asked = Asked.of(probes)
    places: list[Tensor] = []  # by block, which of the P * U answers it gives
    lent: list[Tensor] = []  # by block (P, u), whose answer each one is

    def blocks() -> Iterator[Block]:
        start = 0
        for few in torch.split(pairs, scorer.batch):
            piece = Piece.of(palette, maps, few, asked)
            target = targets[few[:, 1]]
            lent.append(piece.lenders())
            for i, probe in enumerate(probes):
                rows = (lent[-1][i] == i).nonzero()[:, 0]
                places.append(i * len(pairs) + start + rows)
                if len(rows):
                    yield piece.picture(probe, rows), target[rows]
            start += len(few)

    flat = scorer.answer_all(blocks())
    source = _sources(torch.cat(places), torch.cat(lent, 1), probes)
    return flat.each(lambda tensor: tensor[source]), len(flat.logit)


def _sources(places: Tensor, lent: Tensor, probes: Sequence[Probe]) -> Tensor:
    """(P, U): which answer is whose, by whose answer each probe takes (P, U); who lends may itself have taken one."""
    source = torch.full((lent.numel(),), -1, device=places.device)
    source[places] = torch.arange(len(places), device=places.device)
    found = source.view(lent.shape)
    for i in sorted(range(len(probes)), key=lambda i: by_rows(probes[i]) != probes[i]):
        found[i] = found.gather(0, lent[i : i + 1])[0]
    return found
