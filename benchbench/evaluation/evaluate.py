"""Metrics on maps: the union of the probes is scored once, then each metric reads its own answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any, TypeAlias

import torch
from torch import Tensor

from ..failure_policy import Failure, isolate
from ..maps.map_batch import MapBatch
from ..maps.normalise import saliency
from ..network.reference_batch import ReferenceBatch
from ..network.scorer import TargetScores
from ..per_image import PerImage
from ..study.plan import MapCell, MetricCell
from ..study.requests import probes_of, rivals_of, unsuited, views_of
from ..study.spec import MetricChoice
from ..types import Explainer, Pixels, Reexplained, Scored, Seen
from ..types.probes import FillName, Probe, Whole, canonical
from ..types.views import View
from ..vocabulary import Status
from .degenerate import moot
from .metric_answer import number, score
from .probe_scores import score_probes
from .rivals import most_rivals, with_rivals

ExplainerOf: TypeAlias = Callable[[MapCell], Explainer]
Pages: TypeAlias = dict[str, dict[str, Any]]


@dataclass(frozen=True, eq=False)
class _Evidence(PerImage):
    """What metrics read of a batch: by map cell the maps, and the maps on the metrics' views."""

    maps: Mapping[str, MapBatch]
    batch: ReferenceBatch
    reexplained: Mapping[str, Mapping[View, Reexplained]]


def evaluate(
    cells: Sequence[MetricCell],
    maps: Mapping[str, MapBatch],
    batch: ReferenceBatch,
    reexplained: Mapping[str, Mapping[View, Reexplained]] = MappingProxyType({}),
    explainer_of: ExplainerOf | None = None,
) -> Pages:
    """Per metric cell a page: ``samples``, by id, with value, status, reason, parts and y; and the curve's ``x``.

    Map cells that lack the same metrics are scored together.

    Args:
        reexplained: by map cell, the maps on the metrics' views.
        explainer_of: from a map cell to what a metric that needs "network" is given.
    """
    return _evaluate(cells, _Evidence(maps, batch, reexplained), explainer_of)


def _evaluate(cells: Sequence[MetricCell], evidence: _Evidence, explainer_of: ExplainerOf | None) -> Pages:
    pages: Pages = {}
    lacking: dict[str, list[MetricCell]] = {}
    for cell in cells:
        maps = evidence.maps[cell.maps.name]
        if "ok" in maps.statuses:
            lacking.setdefault(cell.maps.name, []).append(cell)
        else:
            pages[cell.name] = _unmapped(maps, evidence.batch)
    groups: dict[tuple[str, ...], list[MetricCell]] = {}
    for lacks in lacking.values():
        groups.setdefault(tuple(cell.metric.label for cell in lacks), []).extend(lacks)
    differ: dict[FillName, Tensor] = {}
    for group in groups.values():
        pages |= _isolated(group, evidence, explainer_of, differ)
    return pages


def _isolated(
    cells: Sequence[MetricCell], evidence: _Evidence, explainer_of: ExplainerOf | None, differ: dict[FillName, Tensor]
) -> Pages:
    """Map cells that lack the same metrics; where the network fails on a perturbed image, each image is tried alone."""
    batch = evidence.batch
    by_map: dict[str, list[MetricCell]] = {}
    for cell in cells:
        by_map.setdefault(cell.maps.name, []).append(cell)
    stack = [_finite(evidence.maps[name], batch) for name in by_map]
    metrics = [cell.metric for cell in next(iter(by_map.values()))]

    def pages_of(scores: Mapping[Probe, TargetScores]) -> Pages:
        return _read_scores(list(by_map.values()), stack, scores, evidence, explainer_of, differ)

    def alone(i: int) -> Pages:
        return _evaluate(cells, evidence.row(i), None if explainer_of is None else _of_one(explainer_of, i))

    def refused(failure: Failure) -> Pages:
        if len(cells) == 1:
            return _all_failed(cells[0], batch, failure.reason)
        pages: Pages = {}
        for cell in cells:  # a picture of one metric on one map says nothing of the others
            pages |= _evaluate([cell], evidence, explainer_of)
        return pages

    work = partial(_scores, metrics, stack, batch)
    return isolate(len(batch), work, pages_of, alone, _joined, refused)


def _scores(
    metrics: Sequence[MetricChoice], stack: Sequence[Tensor], batch: ReferenceBatch
) -> dict[Probe, TargetScores]:
    """Answers (M, B) to the metrics' probes; (M, B, 1 + R), the target's first, if a metric asks for its rivals'."""
    rivals, targets, whole = most_rivals(metrics), batch.targets, None
    if rivals:
        targets, whole = with_rivals(batch.scorer, batch.pixels.images, targets, rivals)
    return score_probes(batch.scorer, batch.pixels, targets, stack, _union(metrics), whole)


def _read_scores(
    groups: Sequence[Sequence[MetricCell]],
    stack: Sequence[Tensor],
    scores: Mapping[Probe, TargetScores],
    evidence: _Evidence,
    explainer_of: ExplainerOf | None,
    differ: dict[FillName, Tensor],
) -> Pages:
    """Every metric reads its part of the scores: of group m those of map m of the stack."""
    batch = evidence.batch
    pages: Pages = {}
    for m, cells in enumerate(groups):
        name = cells[0].maps.name
        height = saliency(stack[m], batch.pixels.size)
        for cell in cells:
            reexplained = _reexplained_of(cell.metric, evidence.reexplained.get(name, {}), batch)
            seen = _seen(cell.metric, scores, m, height, stack[m], batch, reexplained)
            if explainer_of is not None and "network" in cell.metric.plugin.needs:
                seen = replace(seen, explainer=explainer_of(cell.maps))
            why = _no_sign(cell, len(batch)) or _moot(cell.metric, batch.pixels, stack[m][0].numel(), differ)
            if "signed-map" in cell.metric.plugin.needs:
                seen = replace(seen, signed_map=stack[m].clone())
            pages[cell.name] = _page(cell, seen, evidence.maps[name], batch, why)
    return pages


def _unmapped(maps: MapBatch, batch: ReferenceBatch) -> dict[str, Any]:
    """The page of a metric where no image has a map: nothing is scored, so that no other picture's batch changes."""
    entries = zip(batch.ids, maps.statuses, maps.reasons, strict=True)
    return {"samples": {name: {"value": None, "status": status, "reason": why} for name, status, why in entries}}


def _all_failed(cell: MetricCell, batch: ReferenceBatch, reason: str) -> Pages:
    entry = {
        "value": None,
        "status": "failed",
        "reason": f"a perturbed image could not be made or scored: {reason}",
    }
    return {cell.name: {"samples": dict.fromkeys(batch.ids, entry)}}


def _joined(parts: Sequence[Pages]) -> Pages:
    pages: Pages = {name: {"samples": {}} for name in parts[0]}
    for part in parts:
        merge(pages, part)
    return pages


def _of_one(explainer_of: ExplainerOf, i: int) -> ExplainerOf:
    return lambda cell: explainer_of(cell).row(i)


def merge(pages: Mapping[str, dict[str, Any]], more: Mapping[str, dict[str, Any]]) -> None:
    """Add the samples of further chunks to their cells' pages; the x of curves and levels is the same for all."""
    for name, page in more.items():
        pages[name]["samples"] |= page["samples"]
        pages[name] |= {key: page[key] for key in ("x", "at") if key in page}


def _union(metrics: Sequence[MetricChoice]) -> list[Probe]:
    probes = [probe for metric in metrics for probe in probes_of(metric)]
    return [Whole(), *probes]


def _no_sign(cell: MetricCell, images: int) -> Sequence[str]:
    """Per image why a metric that needs a sign does not apply to the method's maps; empty where it does."""
    why = unsuited(cell)
    return (why,) * images if why else ()


def _moot(metric: MetricChoice, pixels: Pixels, cells: int, differ: dict[FillName, Tensor]) -> Sequence[str]:
    """Per image why the metric's value would be the same for every map, or ""; of a metric of probes alone."""
    if metric.plugin.needs & {"reexplain", "network"}:
        return ("",) * len(pixels.images)
    return moot(probes_of(metric), pixels, cells, differ)


def _finite(maps: MapBatch, batch: ReferenceBatch) -> Tensor:
    """(B, h, w); zero where there is no map."""
    if maps.tensor is None:
        return torch.zeros(len(batch), 1, 1, device=batch.targets.device)
    return maps.tensor.to(batch.targets.device).nan_to_num(0, 0, 0)


def _seen(
    metric: MetricChoice,
    answers: Mapping[Probe, TargetScores],
    m: int,
    height: Tensor,
    raw: Tensor,
    batch: ReferenceBatch,
    reexplained: Mapping[View, Reexplained],
) -> Seen:
    probes = [canonical(probe) for probe in probes_of(metric)] or [Whole()]
    whole, scores = _of_target(answers[Whole()][m]), TargetScores.stack([_of_target(answers[p][m]) for p in probes])
    p, z = whole.probability.clone(), whole.logit.clone()  # a metric may write into what it is given
    masks = None if batch.masks is None else batch.masks.clone()
    values = (scores.probability.clone(), scores.logit.clone(), scores.correct.clone(), p, z, height.clone())
    boxes = tuple(None if known is None else known.clone() for known in batch.boxes)
    places, explained = (None if t is None else t.clone() for t in (batch.label_places, batch.label_explained))
    seen = Seen(*values, masks, raw.clone(), batch.pixels, reexplained, None, boxes, places, explained)
    wanted = rivals_of(metric)
    if not wanted:
        return seen
    return replace(
        seen, rival_probability=torch.stack([answers[p][m].probability[:, 1 : 1 + wanted] for p in probes], 1)
    )


def _of_target(answers: TargetScores) -> TargetScores:
    """(B,), the target's own, from (B,), or from (B, 1 + R) with those of its rivals."""
    return answers.each(lambda tensor: tensor if tensor.ndim == 1 else tensor[:, 0])


def _reexplained_of(
    metric: MetricChoice, reexplained: Mapping[View, Reexplained], batch: ReferenceBatch
) -> dict[View, Reexplained]:
    """The metric's own views, as copies on the device; nothing on them where the images have no map at all."""
    device, count = batch.targets.device, len(batch)
    nothing = torch.full((count,), float("nan"))
    answers = (nothing, nothing, nothing > 0, nothing)
    failed: Status = "failed"
    blank = Reexplained(torch.zeros(count, 1, 1), *answers, ("there is no map",) * count, (failed,) * count)
    return {view: reexplained.get(view, blank).copy(device) for view in views_of(metric)}


def _page(cell: MetricCell, seen: Seen, maps: MapBatch, batch: ReferenceBatch, moot: Sequence[str]) -> dict[str, Any]:
    """One entry per image of the batch; see ``evaluate``. ``moot``: why no map can have a value, or ""."""
    page: dict[str, Any] = {"samples": {}}
    answers = score(cell.metric, seen, batch.scorer.watch, f"{cell.maps.method.label} at {cell.maps.layer}")
    for i, (name, answer) in enumerate(zip(batch.ids, answers, strict=True)):
        scored, row = answer.scored, answer.row
        none = None if moot[i] and not maps.reasons[i] else _no_map(maps, seen, i)
        if none is not None:
            page["samples"][name] = {"value": None, "status": none[0], "reason": none[1]}
        elif moot[i]:
            page["samples"][name] = {"value": None, "status": "not_applicable", "reason": moot[i]}
        elif scored is not None and scored.inapplicable and scored.inapplicable[row]:
            page["samples"][name] = {"value": None, "status": "not_applicable", "reason": scored.inapplicable[row]}
        elif answer.failure is not None:
            page["samples"][name] = {"value": None, "status": answer.failure.status, "reason": answer.failure.reason}
        else:
            assert scored is not None, "an answer has a row or a failure"
            page["samples"][name] = _entry(scored, row)
            if scored.curve is not None:
                page["x"] = scored.curve[0].tolist()
            if scored.levels is not None:
                page["at"] = scored.levels[0].tolist()
    return page


def _no_map(maps: MapBatch, seen: Seen, i: int) -> tuple[str, str] | None:
    """Status and reason of an image that lacks its map, or a map on one of the metric's views; None if it has all."""
    if maps.reasons[i]:
        return maps.statuses[i], maps.reasons[i]
    return next(((v.statuses[i], v.reasons[i]) for v in seen.reexplained.values() if v.reasons[i]), None)


def _entry(scored: Scored, row: int) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "value": number(scored.value, row),
        "status": "ok",
        "reason": "",
        "parts": {key: number(part, row) for key, part in scored.parts.items()},
    }
    if scored.curve is not None:
        entry["y"] = scored.curve[1][row].tolist()
    if scored.levels is not None:
        entry["levels"] = scored.levels[1][row].tolist()
    return entry
