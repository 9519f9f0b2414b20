"""Metrics on maps: the union of the probes is scored once, then each metric reads its own answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from .loading import Chunk
from .perturb import Probe, Whole, canonical, saliency
from .plan import MetricCell
from .scoring import Answers, Scorer, score_probes
from .study import MetricChoice
from .table import Status
from .types import Scored, Seen


@dataclass(frozen=True, eq=False)
class Maps:
    """One map cell's maps (B, h, w) on one chunk, and per image the reason why it has none, or ""."""

    tensor: Tensor | None
    reasons: tuple[str, ...]
    status: Status = "failed"


def judge(
    cells: Sequence[MetricCell], maps: Mapping[str, Maps], chunk: Chunk, targets: Tensor, scorer: Scorer
) -> dict[str, dict[str, Any]]:
    """Per metric cell a page: ``samples``, by id, with value, status, reason, parts and y; and the curve's ``x``.

    Map cells that lack the same metrics are scored together.
    """
    lacking: dict[str, list[MetricCell]] = {}
    for cell in cells:
        lacking.setdefault(cell.maps.name, []).append(cell)
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, lacks in lacking.items():
        groups.setdefault(tuple(f"{c.metric.name}@{c.metric.protocol}" for c in lacks), []).append(name)
    pages: dict[str, dict[str, Any]] = {}
    for names in groups.values():
        stack = _stack([maps[name] for name in names], chunk)
        metrics = [cell.metric for cell in lacking[names[0]]]
        answers = score_probes(scorer, chunk.images, targets, stack, _union(metrics))
        for m, name in enumerate(names):
            for cell in lacking[name]:
                seen = _seen(cell.metric, answers, m, stack[m], chunk)
                pages[cell.name] = _page(cell.metric, seen, maps[name], chunk)
    return pages


def probes_of(metric: MetricChoice) -> list[Probe]:
    """The probes that a metric asks for, in its order."""
    return list(metric.plugin.probes(**metric.params)) if metric.plugin.probes else []


def _union(metrics: Sequence[MetricChoice]) -> list[Probe]:
    return [Whole(), *(probe for metric in metrics for probe in probes_of(metric))]


def _stack(maps: Sequence[Maps], chunk: Chunk) -> Tensor:
    """(M, B, H, W) at the images' size, min-max normalised; zero where there is no map."""
    size = (chunk.images.shape[2], chunk.images.shape[3])
    blank = torch.zeros(len(chunk.ids), *size, device=chunk.images.device)
    return torch.stack(
        [blank if m.tensor is None else saliency(m.tensor.to(blank.device).nan_to_num(0, 0, 0), size) for m in maps]
    )


def _seen(metric: MetricChoice, answers: Mapping[Probe, Answers], m: int, stack: Tensor, chunk: Chunk) -> Seen:
    whole = answers[Whole()][m]
    probes = [canonical(probe) for probe in probes_of(metric)]
    own = Answers.stack([answers[probe][m] for probe in probes] or [whole])
    return Seen(own.probability, own.logit, own.correct, whole.probability, whole.logit, stack, chunk.masks)


def _page(metric: MetricChoice, seen: Seen, maps: Maps, chunk: Chunk) -> dict[str, Any]:
    """One entry per image of the chunk; see ``judge``."""
    page: dict[str, Any] = {"samples": {}}
    for i, (name, (scored, row, reason)) in enumerate(zip(chunk.ids, _score(metric, seen), strict=True)):
        if maps.reasons[i]:
            page["samples"][name] = {"value": None, "status": maps.status, "reason": maps.reasons[i]}
        elif scored is None or reason:
            page["samples"][name] = {"value": None, "status": "failed", "reason": reason}
        else:
            page["samples"][name] = _entry(scored, row)
            if scored.curve is not None:
                page["x"] = scored.curve[0].tolist()
    return page


def _entry(scored: Scored, row: int) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "value": _number(scored.value, row),
        "status": "ok",
        "reason": "",
        "parts": {key: _number(part, row) for key, part in scored.parts.items()},
    }
    if scored.curve is not None:
        entry["y"] = scored.curve[1][row].tolist()
    return entry


def _score(metric: MetricChoice, seen: Seen) -> list[tuple[Scored | None, int, str]]:
    """Per image the metric's answer with the image's row in it, and why it is none, or "".

    If the metric fails on the batch, each image is tried alone, so that only the guilty ones fail.
    """
    count = len(seen.map)
    try:
        scored = metric.plugin.function(seen, **metric.params)
        values = torch.as_tensor(scored.value).reshape(count)
    except Exception as error:
        if count == 1:
            return [(None, 0, f"{type(error).__name__}: {error}")]
        return [answer for i in range(count) for answer in _score(metric, _slice(seen, i))]
    finite = torch.isfinite(values).tolist()
    return [(scored, i, "" if finite[i] else f"{metric.name} is not a finite number here") for i in range(count)]


def _slice(seen: Seen, i: int) -> Seen:
    return replace(seen, **{name: value[i : i + 1] for name, value in vars(seen).items() if value is not None})


def _number(value: Tensor | float, row: int) -> float:
    return float(value[row]) if isinstance(value, Tensor) else float(value)
