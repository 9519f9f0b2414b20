"""A method's stored maps beside what CAM, its closed form for Grad-CAM++ and gradient x activation are at a layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...maps.normalise import saliency
from ...results.record import Record
from ...vocabulary import INPUT
from ..run_maps import run_maps, why_no_map
from .layer_facts import CAM, CLOSED_FORM, LOCAL, LayerFacts

SILENT = "the map to be compared with is the same everywhere on every image"


@dataclass(frozen=True)
class ComparedMaps:
    """A method's maps beside CAM, the closed form or gradient x activation at one layer.

    Attributes:
        question: which of them.
        n: images.
        gap: the largest difference of a pixel, over images, of the positive parts min-max normalised; NaN if n is 0.
        alike: the mean over images of the correlation of the two.
        status, reason: ok; or failed or not_applicable, and why there is no number.
    """

    question: str
    model: str
    dataset: str
    layer: str
    method: str
    n: int
    gap: float
    alike: float
    status: str = "ok"
    reason: str = ""


def compared(record: Record, facts: LayerFacts, methods: Sequence[str]) -> Iterator[ComparedMaps]:
    """A row per question and method; the closed form is asked only where CAM is defined."""
    for method in methods:
        maps = _maps(record, facts, method)
        for question in (CAM, LOCAL, *([] if facts.obstacle or facts.broken else [CLOSED_FORM])):
            yield _compare(record, facts, method, maps, question)


def _compare(record: Record, facts: LayerFacts, method: str, maps: Mapping[str, Any], question: str) -> ComparedMaps:
    place = (question, facts.model, facts.dataset, facts.layer, method, 0, float("nan"), float("nan"))
    if facts.broken:
        return ComparedMaps(*place, "not_applicable", facts.broken)
    if question == CAM and facts.obstacle:
        return ComparedMaps(*place, "not_applicable", f"CAM is not defined: {facts.obstacle}")
    if not maps:
        return ComparedMaps(*place, *why_no_map(record, facts.model, facts.dataset, method, [facts.layer, INPUT]))
    gaps = [
        gap
        for sample, raw in maps.items()
        if (gap := gap_of(torch.from_numpy(raw), facts.truths[sample][question], facts.sizes[sample])) is not None
    ]
    if not gaps:
        return ComparedMaps(*place, "not_applicable", SILENT)
    return ComparedMaps(*place[:5], len(gaps), max(gap for gap, _ in gaps), float(np.mean([r for _, r in gaps])))


def gap_of(raw: Tensor, truth: Tensor, size: tuple[int, int]) -> tuple[float, float] | None:
    """The largest difference and the correlation of two maps at the image's size; None if the truth is constant.

    Args:
        raw: (h, w), a method's map, whose positive part counts.
        truth: (h', w'), without negative values.
        size: of the image.

    Example:
        >>> from benchbench.suites.theorem.compared_maps import gap_of
        >>> gap_of(torch.tensor([[2.0, 0.0], [0.0, 4.0]]), torch.tensor([[1.0, 0.0], [0.0, 2.0]]), (2, 2))
        (0.0, 1.0)
    """
    if bool(truth.max() <= truth.min()):
        return None
    shown = [saliency(each[None].double().clamp_min(0), size)[0].double() for each in (raw, truth)]
    gap = float((shown[0] - shown[1]).abs().max())
    if bool(shown[0].max() <= shown[0].min()):
        return gap, 0.0
    return gap, min(1.0, round(float(torch.corrcoef(torch.stack([each.flatten() for each in shown]))[0, 1]), 12))


def _maps(record: Record, facts: LayerFacts, method: str) -> Mapping[str, Any]:
    """By sample; of a method that explains in pixels, those of the input image."""
    for layer in (facts.layer, INPUT):
        maps = run_maps(record, facts.model, facts.dataset, layer, method)
        if maps:
            return {sample: raw for sample, raw in maps.items() if sample in facts.truths}
    return {}
