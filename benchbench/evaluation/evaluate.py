"""Metrics on maps: the union of the probes is scored once, then each metric reads its own answers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, TypeAlias

import torch
from torch import Tensor

from ..errors import BenchError
from ..isolation import describe_exception, out_of_memory
from ..maps.map_batch import MapBatch
from ..maps.normalise import saliency
from ..models.preprocess import fitted
from ..network.scorer import Scorer, TargetScores
from ..plugin_guard import Kept, contained
from ..seeds import sample_seeds
from ..study.plan import MapCell, MetricCell
from ..study.requests import probes_of, views_of
from ..study.spec import MetricChoice
from ..types import Again, Pixels, Preprocess, Scored, Seen, Subject
from ..types.batch import ImageBatch
from ..types.probes import FillName, Probe, Whole, canonical
from ..types.views import View
from ..vocabulary import Status
from .declared_needs import NotLent, lend
from .degenerate import moot
from .probe_scores import score_probes

SubjectOf: TypeAlias = Callable[[MapCell], Subject]


def pixels_of(chunk: ImageBatch, seed: int, preprocess: Preprocess) -> Pixels:
    """The chunk's images, with what their probes are made of, in units of their own normalisation.

    Raises:
        BenchError: the Preprocess has a mean and a standard deviation for another number of channels.
    """
    images, own = chunk.images, fitted(preprocess, chunk.images.shape[1])
    mean, std = images.new_tensor(own.mean), images.new_tensor(own.std)
    return Pixels(images, sample_seeds(seed, "probes", chunk.ids), mean, std)


def evaluate(
    cells: Sequence[MetricCell],
    maps: Mapping[str, MapBatch],
    chunk: ImageBatch,
    pixels: Pixels,
    targets: Tensor,
    scorer: Scorer,
    again: Mapping[str, Mapping[View, Again]] = MappingProxyType({}),
    subject_of: SubjectOf | None = None,
) -> dict[str, dict[str, Any]]:
    """Per metric cell a page: ``samples``, by id, with value, status, reason, parts and y; and the curve's ``x``.

    Map cells that lack the same metrics are scored together. ``again``: by map cell, the maps on the metrics' views.
    ``subject_of``: from a map cell to what a metric that needs "network" is given.
    """
    pages: dict[str, dict[str, Any]] = {}
    lacking: dict[str, list[MetricCell]] = {}
    for cell in cells:
        if "ok" in maps[cell.maps.name].statuses:
            lacking.setdefault(cell.maps.name, []).append(cell)
        else:
            pages[cell.name] = _unmapped(maps[cell.maps.name], chunk)
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, lacks in lacking.items():
        groups.setdefault(tuple(c.metric.label for c in lacks), []).append(name)
    differ: dict[FillName, Tensor] = {}
    for names in groups.values():
        stack = [_finite(maps[name], chunk) for name in names]
        metrics = [cell.metric for cell in lacking[names[0]]]
        try:
            answers = score_probes(scorer, pixels, targets, stack, _union(metrics))
        except Exception as error:  # the network fails on a perturbed image: each is tried alone
            if out_of_memory(error) and len(chunk.ids) > 1:
                raise
            asked = [cell for name in names for cell in lacking[name]]
            if len(chunk.ids) > 1:
                pages |= _each_alone(asked, maps, chunk, pixels, targets, scorer, again, subject_of)
            elif len(asked) > 1:  # a picture of one metric on one map says nothing of the others
                for cell in asked:
                    pages |= evaluate([cell], maps, chunk, pixels, targets, scorer, again, subject_of)
            else:
                pages |= _all_failed(asked, chunk, describe_exception(error))
            continue
        for m, name in enumerate(names):
            height = saliency(stack[m], pixels.size)
            for cell in lacking[name]:
                shown = _again_of(cell.metric, again.get(name, {}), chunk)
                seen = _seen(cell.metric, answers, m, height, stack[m], chunk, pixels, shown)
                if subject_of is not None and "network" in cell.metric.plugin.needs:
                    seen = replace(seen, subject=subject_of(cell.maps))
                why = _moot(cell.metric, pixels, stack[m][0].numel(), differ)
                pages[cell.name] = _page(cell.metric, seen, maps[name], chunk, why)
    return pages


def _unmapped(maps: MapBatch, chunk: ImageBatch) -> dict[str, Any]:
    """The page of a metric where no image has a map: nothing is scored, so that no other picture's batch changes."""
    entries = zip(chunk.ids, maps.statuses, maps.reasons, strict=True)
    return {"samples": {name: {"value": None, "status": status, "reason": why} for name, status, why in entries}}


def _all_failed(cells: Sequence[MetricCell], chunk: ImageBatch, reason: str) -> dict[str, dict[str, Any]]:
    said = f"a perturbed image could not be made or scored: {reason}"
    entry = {"value": None, "status": "failed", "reason": said}
    return {cell.name: {"samples": dict.fromkeys(chunk.ids, entry)} for cell in cells}


def _each_alone(
    cells: Sequence[MetricCell],
    maps: Mapping[str, MapBatch],
    chunk: ImageBatch,
    pixels: Pixels,
    targets: Tensor,
    scorer: Scorer,
    again: Mapping[str, Mapping[View, Again]],
    subject_of: SubjectOf | None,
) -> dict[str, dict[str, Any]]:
    pages: dict[str, dict[str, Any]] = {cell.name: {"samples": {}} for cell in cells}
    for i in range(len(chunk.ids)):
        one = {name: found.one(i) for name, found in maps.items()}
        own = {name: {view: found.one(i) for view, found in views.items()} for name, views in again.items()}
        first = None if subject_of is None else _of_one(subject_of, i)
        merge(pages, evaluate(cells, one, chunk.one(i), pixels.one(i), targets[i : i + 1], scorer, own, first))
    return pages


def _of_one(subject_of: SubjectOf, i: int) -> SubjectOf:
    return lambda cell: subject_of(cell).one(i)


def merge(pages: Mapping[str, dict[str, Any]], more: Mapping[str, dict[str, Any]]) -> None:
    """Add the samples of further chunks to their cells' pages; the x of curves and levels is the same for all."""
    for name, page in more.items():
        pages[name]["samples"] |= page["samples"]
        pages[name] |= {key: page[key] for key in ("x", "at") if key in page}


def _union(metrics: Sequence[MetricChoice]) -> list[Probe]:
    asked = [probe for metric in metrics for probe in probes_of(metric)]
    return [Whole(), *asked]


def _moot(metric: MetricChoice, pixels: Pixels, cells: int, differ: dict[FillName, Tensor]) -> Sequence[str]:
    """Per image why the metric's value would be the same for every map, or ""; of a metric of probes alone."""
    if metric.plugin.needs & {"again", "network"}:
        return ("",) * len(pixels.images)
    return moot(probes_of(metric), pixels, cells, differ)


def _finite(maps: MapBatch, chunk: ImageBatch) -> Tensor:
    """(B, h, w); zero where there is no map."""
    if maps.tensor is None:
        return torch.zeros(len(chunk.ids), 1, 1, device=chunk.images.device)
    return maps.tensor.to(chunk.images.device).nan_to_num(0, 0, 0)


def _seen(
    metric: MetricChoice,
    answers: Mapping[Probe, TargetScores],
    m: int,
    height: Tensor,
    raw: Tensor,
    chunk: ImageBatch,
    pixels: Pixels,
    again: Mapping[View, Again],
) -> Seen:
    whole = answers[Whole()][m]
    probes = [canonical(probe) for probe in probes_of(metric)]
    own = TargetScores.stack([answers[probe][m] for probe in probes] or [whole])
    p, z = whole.probability.clone(), whole.logit.clone()  # a metric may write into what it is given
    masks = None if chunk.masks is None else chunk.masks.clone()
    given = (own.probability.clone(), own.logit.clone(), own.correct.clone(), p, z, height.clone())
    return Seen(*given, masks, raw.clone(), pixels, again)


def _again_of(metric: MetricChoice, found: Mapping[View, Again], chunk: ImageBatch) -> dict[View, Again]:
    """The metric's own views, as copies on the device; nothing on them where the images have no map at all."""
    device, count = chunk.images.device, len(chunk.ids)
    nothing = torch.full((count,), float("nan"))
    answers = (nothing, nothing, nothing > 0, nothing)
    failed: Status = "failed"
    blank = Again(torch.zeros(count, 1, 1), *answers, ("there is no map",) * count, (failed,) * count)
    return {view: found.get(view, blank).copy(device) for view in views_of(metric)}


def _page(metric: MetricChoice, seen: Seen, maps: MapBatch, chunk: ImageBatch, moot: Sequence[str]) -> dict[str, Any]:
    """One entry per image of the chunk; see ``evaluate``. ``moot``: why no map can change the value, or ""."""
    page: dict[str, Any] = {"samples": {}}
    for i, (name, (scored, row, reason)) in enumerate(zip(chunk.ids, _score(metric, seen), strict=True)):
        none = _no_map(maps, seen, i)
        if none is not None:
            page["samples"][name] = {"value": None, "status": none[0], "reason": none[1]}
        elif moot[i]:
            page["samples"][name] = {"value": None, "status": "not_applicable", "reason": moot[i]}
        elif scored is not None and scored.inapplicable and scored.inapplicable[row]:
            page["samples"][name] = {"value": None, "status": "not_applicable", "reason": scored.inapplicable[row]}
        elif scored is None or reason:
            page["samples"][name] = {"value": None, "status": "failed", "reason": reason}
        else:
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
    return next(((v.statuses[i], v.reasons[i]) for v in seen.again.values() if v.reasons[i]), None)


def _entry(scored: Scored, row: int) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "value": _number(scored.value, row),
        "status": "ok",
        "reason": "",
        "parts": {key: _number(part, row) for key, part in scored.parts.items()},
    }
    if scored.curve is not None:
        entry["y"] = scored.curve[1][row].tolist()
    if scored.levels is not None:
        entry["levels"] = scored.levels[1][row].tolist()
    return entry


def _score(metric: MetricChoice, seen: Seen) -> list[tuple[Scored | None, int, str]]:
    """Per image the metric's answer with the image's row in it, and why it is none, or "".

    If the metric fails on the batch, each image is tried alone, so that only the guilty ones fail.
    """
    count = len(seen.map)
    try:
        scored = _scored(metric, seen)
        values = torch.as_tensor(scored.value).reshape(count)
        _check_parts(metric, scored, count)
        finite = torch.isfinite(values).tolist()
        faults = [_fault(metric, finite[i], scored, i) for i in range(count)]
    except Exception as error:
        if count == 1 or isinstance(error, NotLent):
            return [(None, 0, describe_exception(error))] * count
        return [answer for i in range(count) for answer in _score(metric, _slice(seen, i))]
    answers = torch.cat([seen.probability, seen.whole_probability[:, None]], 1)
    broken = "the network's answers to the probes are not finite numbers"
    sound = torch.isfinite(answers).all(1).tolist()
    return [(scored, i, fault if sound[i] else broken) for i, fault in enumerate(faults)]


def _scored(metric: MetricChoice, seen: Seen) -> Scored:
    """Call the metric on copies of what it declared; the network, which is not copied, is put back.

    Raises:
        BenchError: it returned something else, called sys.exit, or left the network or a setting changed.
    """
    who = f"metric {metric.name}"
    pixels = replace(seen.pixels, images=seen.pixels.images.clone()) if seen.pixels else None
    given = lend(replace(seen, pixels=pixels), metric.name, metric.plugin.needs)
    kept = Kept(seen.subject.network) if seen.subject is not None else None
    try:
        with contained(who):
            scored = metric.plugin.function(given, **metric.params)
    finally:
        spoiled = kept is not None and kept.put_back()
    if spoiled:
        raise BenchError(f"{who} leaves weights, modes or hooks of the network changed", hint="Work on a deep copy")
    if not isinstance(scored, Scored):
        raise BenchError(f"{who} returned {type(scored).__name__}", hint="Return a Scored")
    return scored


def _check_parts(metric: MetricChoice, scored: Scored, count: int) -> None:
    if metric.plugin.across and scored.levels is None and not all(scored.inapplicable or [""]):
        raise BenchError(f"{metric.name} declares across=... but returned no Scored.levels")
    parts = [part for part in scored.parts.values() if isinstance(part, Tensor)]
    parts += [pair[1] for pair in (scored.curve, scored.levels) if pair is not None]
    if any(len(part) != count for part in parts):
        raise BenchError(f"a part or the curve does not have {count} rows, one per image")
    if len(scored.inapplicable) not in (0, count):
        raise BenchError(f"inapplicable has {len(scored.inapplicable)} reasons for {count} images")


def _fault(metric: MetricChoice, finite: bool, scored: Scored, row: int) -> str:
    """Why a score is none, or ""."""
    rest = [_number(part, row) for part in scored.parts.values()]
    rest += scored.curve[1][row].tolist() if scored.curve is not None else []
    return "" if finite and all(map(math.isfinite, rest)) else f"{metric.name} is not a finite number here"


def _slice(seen: Seen, i: int) -> Seen:
    tensors = {name: value[i : i + 1] for name, value in vars(seen).items() if isinstance(value, Tensor)}
    again = {view: found.one(i) for view, found in seen.again.items()}
    pixels = seen.pixels.one(i) if seen.pixels else None
    return replace(seen, **tensors, pixels=pixels, again=again, subject=seen.subject.one(i) if seen.subject else None)


def _number(value: Tensor | float, row: int) -> float:
    return float(value[row]) if isinstance(value, Tensor) else float(value)
