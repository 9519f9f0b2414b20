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
    scorer: Scorer,
    pixels: Pixels,
    targets: Tensor,
    maps: Sequence[Tensor],
    probes: Sequence[Probe],
    whole: TargetScores | None = None,
) -> dict[Probe, TargetScores]:
    """Answers (M, B) for every canonical probe on every map; (M, B, T) for several targets (B, T) of each image.

    Args:
        pixels: the images (B, C, H, W).
        targets: (B,), the classes explained; or (B, T), several classes of each image.
        maps: M of (B, h, w), each at its layer's resolution, finite, not normalised.
        probes: the union of what the metrics ask for.
        whole: the answers (B,) or (B, T) to the images as they are, if they are known: those are not asked again.

    The probes that do not depend on the map are scored once per image, and so are pictures of an image that are the
    same, whichever maps and probes they come from.
    """
    wanted = list(dict.fromkeys(map(canonical, probes)))
    mapped = [probe for probe in wanted if needs_map(probe)]
    plain = [probe for probe in wanted if not needs_map(probe)]
    palette = PerturbationCache.of(pixels, wanted)
    known = {Whole(): _for_each_map(whole, len(maps))} if whole else {}
    unknown = [probe for probe in plain if probe not in known]
    scores = dict(zip(unknown, _score_plain(scorer, palette, targets, unknown, len(maps)), strict=True)) | known
    scored, distinct_maps = len(plain) * len(pixels.images), 0
    if mapped:
        answers, pictures, distinct_maps = _score_mapped(scorer, palette, targets, maps, mapped)
        scored += pictures
        by_map = answers.each(lambda tensor: tensor.view(len(mapped), len(maps), -1, *tensor.shape[2:]))
        scores |= {probe: by_map[i] for i, probe in enumerate(mapped)}
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
    """Per probe, which depends on the image alone, its answers (M, B), or (M, B, T)."""
    if not probes:
        return []
    scores = scorer.answer_all((palette.plain(probe), targets) for probe in probes)
    each = scores.each(lambda tensor: tensor.view(len(probes), -1, *tensor.shape[1:]))
    return [_for_each_map(each[i], many) for i in range(len(probes))]


def _for_each_map(answers: TargetScores, many: int) -> TargetScores:
    """(B,) or (B, T), the same for every map, to (M, B) or (M, B, T)."""
    return answers.each(lambda tensor: tensor.expand(many, *tensor.shape))


def _score_mapped(
    scorer: Scorer, palette: PerturbationCache, targets: Tensor, maps: Sequence[Tensor], probes: Sequence[Probe]
) -> tuple[TargetScores, int, int]:
    """Answers (P, M * B), or (P, M * B, T); how many pictures; how many maps have a picture that no map before has.

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
