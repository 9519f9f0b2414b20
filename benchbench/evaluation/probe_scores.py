"""Probes on maps to class scores: equal pictures are scored once, and fill the batches together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ..cost.ledger import Passes
from ..network.scorer import Block, Scorer, TargetScores
from ..perturbation.equality import Name, keys, name_of
from ..perturbation.pictures import PerturbationCache, ProbePlan, RankedMaps
from ..types import Pixels
from ..types.probes import Probe, Whole, canonical, needs_map


def forwards(probes: Sequence[Probe]) -> tuple[int, int]:
    """How many forwards a map costs that has these probes, and how many an image, whatever the number of its maps.

    The whole image is not counted: every metric needs it.
    """
    distinct = {canonical(probe) for probe in probes} - {Whole()}
    mapped = sum(map(needs_map, distinct))
    return mapped, len(distinct) - mapped


def score_probes(
    scorer: Scorer, pixels: Pixels, targets: Tensor, maps: Sequence[Tensor], probes: Sequence[Probe]
) -> dict[Probe, TargetScores]:
    """Answers (M, B) for every canonical probe on every map.

    Args:
        pixels: the images (B, C, H, W).
        maps: M of (B, h, w), each at its layer's resolution, finite, not normalised.
        probes: the union of what the metrics ask for.

    The probes that do not depend on the map are scored once per image, and so are pictures of an image that are the
    same, whichever maps and probes they come from.
    """
    wanted = list(dict.fromkeys(map(canonical, probes)))
    mapped = [probe for probe in wanted if needs_map(probe)]
    plain = [probe for probe in wanted if not needs_map(probe)]
    palette = PerturbationCache.of(pixels, wanted)
    scores = dict(zip(plain, _score_plain(scorer, palette, targets, plain, len(maps)), strict=True))
    scored, distinct_maps = len(plain) * len(pixels.images), 0
    if mapped:
        answers, pictures, distinct_maps = _score_mapped(scorer, palette, targets, maps, mapped)
        scored += pictures
        scores |= {probe: answers[i].each(lambda tensor: tensor.view(len(maps), -1)) for i, probe in enumerate(mapped)}
    _count(scorer.passes, len(probes), len(maps) * len(pixels.images), bool(mapped), distinct_maps, scored)
    return scores


def _count(passes: Passes, probes: int, maps: int, mapped: bool, distinct_maps: int, scored: int) -> None:
    passes.maps_asked += maps if mapped else 0
    passes.maps_scored += distinct_maps
    passes.probes_asked += probes * maps
    passes.probes_scored += scored


def _score_plain(
    scorer: Scorer, palette: PerturbationCache, targets: Tensor, probes: Sequence[Probe], many: int
) -> list[TargetScores]:
    """Per probe, which depends on the image alone, its answers (M, B)."""
    if not probes:
        return []
    scores = scorer.answer_all((palette.plain(probe), targets) for probe in probes)
    each = scores.each(lambda tensor: tensor.view(len(probes), 1, -1).expand(-1, many, -1))
    return [each[i] for i in range(len(probes))]


def _score_mapped(
    scorer: Scorer, palette: PerturbationCache, targets: Tensor, maps: Sequence[Tensor], probes: Sequence[Probe]
) -> tuple[TargetScores, int, int]:
    """Answers (P, M * B); how many pictures that took; and how many maps have a picture that no map before them has.

    A block's saliency and ranks serve all its probes.
    """
    plan, pictures = ProbePlan.of(probes), _Pictures(probes)
    key = keys(palette.pixels.size, targets.device)
    pairs = torch.cartesian_prod(*(torch.arange(n, device=targets.device) for n in (len(maps), len(targets))))

    def blocks() -> Iterator[Block]:
        for few in torch.split(pairs, scorer.batch):
            piece = RankedMaps.of(palette, maps, few, plan)
            target = targets[few[:, 1]]
            for i, rows in enumerate(pictures.fresh(few[:, 1].tolist(), piece.marks(key).tolist())):
                if rows:
                    chosen = torch.tensor(rows, device=targets.device)
                    yield piece.picture(probes[i], chosen), target[chosen]

    flat = scorer.answer_all(blocks())
    source = torch.tensor(pictures.source, device=targets.device)
    return flat.each(lambda tensor: tensor[source]), len(flat.logit), pictures.distinct


class _Pictures:
    """The pictures so far, in the order in which they are scored.

    Attributes:
        source: (P, U), by probe and pair the place of its picture.
        distinct: how many pairs have a picture that no pair before them has.
    """

    def __init__(self, probes: Sequence[Probe]) -> None:
        self.source: list[list[int]] = [[] for _ in probes]
        self.distinct = 0
        self._names = [name_of(probe) for probe in probes]
        self._known: dict[tuple[Name, int, int], int] = {}

    def fresh(self, owners: Sequence[int], marks: Sequence[Sequence[int]]) -> list[list[int]]:
        """By probe, which of the next pairs, of these images, have a picture that is to be scored; ``marks`` (P, u)."""
        fresh_rows: list[list[int]] = []
        for name, source, probe_marks in zip(self._names, self.source, marks, strict=True):
            rows = []
            for row, mark in enumerate(zip(owners, probe_marks, strict=True)):
                count = len(self._known)
                source.append(self._known.setdefault((name, *mark), count))
                if source[-1] == count:
                    rows.append(row)
            fresh_rows.append(rows)
        self.distinct += len({row for rows in fresh_rows for row in rows})
        return fresh_rows
