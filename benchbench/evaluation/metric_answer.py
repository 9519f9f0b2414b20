"""A metric called on what it declared: its answer per image, checked; or why an image has none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from ..errors import BenchError
from ..failures import Failure, isolate
from ..plugin_guard import Kept, contained
from ..study.spec import MetricChoice
from ..types import Scored, Seen
from .declared_needs import lend


@dataclass(frozen=True, eq=False)
class MetricAnswer:
    """What a metric gave for one image: a row of a Scored, or why there is none."""

    scored: Scored | None
    row: int
    failure: Failure | None


def score(metric: MetricChoice, seen: Seen) -> list[MetricAnswer]:
    """Per image the metric's answer. If the metric fails on the batch, each image is tried alone."""
    count = len(seen.map)

    def alone(i: int) -> list[MetricAnswer]:
        return score(metric, seen.one(i))

    def refused(failure: Failure) -> list[MetricAnswer]:
        return [MetricAnswer(None, 0, failure)] * count

    return isolate(count, partial(_answers, metric, seen), list, alone, _chained, refused, contain_memory=True)


def _chained(parts: Sequence[list[MetricAnswer]]) -> list[MetricAnswer]:
    return [answer for part in parts for answer in part]


def _answers(metric: MetricChoice, seen: Seen) -> list[MetricAnswer]:
    scored = _checked(metric, seen)
    answers = torch.cat([seen.probability, seen.whole_probability[:, None]], 1)
    sound = torch.isfinite(answers).all(1).tolist()
    broken = "the network's answers to the probes are not finite numbers"
    faults = [_fault(metric, scored, i) if sound[i] else broken for i in range(len(seen.map))]
    return [MetricAnswer(scored, i, Failure(fault) if fault else None) for i, fault in enumerate(faults)]


def _checked(metric: MetricChoice, seen: Seen) -> Scored:
    """The metric's answer to a batch, its value of shape (B,).

    Raises:
        BenchError: a part of the answer has not one row for each image.
    """
    count = len(seen.map)
    scored = _scored(metric, seen)
    value = scored.value if isinstance(scored.value, Tensor) else torch.as_tensor(scored.value, dtype=torch.float64)
    scored = replace(scored, value=value.reshape(count))
    _check_parts(metric, scored, count)
    return scored


def _scored(metric: MetricChoice, seen: Seen) -> Scored:
    """Call the metric on copies of what it declared; the network, which is not copied, is put back.

    Raises:
        BenchError: it returned something else, called sys.exit, or left the network or a setting changed.
    """
    who = f"metric {metric.name}"
    pixels = replace(seen.pixels, images=seen.pixels.images.clone()) if seen.pixels else None
    lent_seen = lend(replace(seen, pixels=pixels), metric.name, metric.plugin.needs)
    kept = Kept(seen.explainer.network) if seen.explainer is not None else None
    try:
        with contained(who):
            scored = metric.plugin.function(lent_seen, **metric.params)
    finally:
        spoiled = kept is not None and kept.put_back()
    if spoiled:
        raise BenchError(f"{who} leaves weights, modes or hooks of the network changed", hint="Work on a deep copy")
    if not isinstance(scored, Scored):
        raise BenchError(f"{who} returned {type(scored).__name__}", hint="Return a Scored")
    return scored


def _check_parts(metric: MetricChoice, scored: Scored, count: int) -> None:
    if metric.plugin.held_out and scored.levels is None and not all(scored.inapplicable or [""]):
        raise BenchError(f"{metric.name} declares held_out=... but returned no Scored.levels")
    parts = [part for part in scored.parts.values() if isinstance(part, Tensor)]
    for what, pair in (("curve", scored.curve), ("levels", scored.levels)):
        if pair is not None and not (len(pair) == 2 and all(isinstance(part, Tensor) for part in pair)):
            raise BenchError(f"the {what} is not a pair of tensors, x (S,) and y (B, S)")
    parts += [pair[1] for pair in (scored.curve, scored.levels) if pair is not None]
    if any(len(part) != count for part in parts):
        raise BenchError(f"a part or the curve does not have {count} rows, one per image")
    if len(scored.inapplicable) not in (0, count):
        raise BenchError(f"inapplicable has {len(scored.inapplicable)} reasons for {count} images")


def _fault(metric: MetricChoice, scored: Scored, row: int) -> str:
    """Why a score is none, or ""."""
    numbers = [number(scored.value, row), *(number(part, row) for part in scored.parts.values())]
    numbers += scored.curve[1][row].tolist() if scored.curve is not None else []
    return "" if all(map(math.isfinite, numbers)) else f"{metric.name} is not a finite number here"


def number(value: Tensor | float, row: int) -> float:
    return float(value[row]) if isinstance(value, Tensor) else float(value)
