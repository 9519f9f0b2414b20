"""A metric called on what it declared: its answer per image, checked; or why an image has none."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..containment.network_watch import NetworkWatch
from ..containment.plain_tensor import plain
from ..containment.plugin_watch import PluginWatch, Spoils
from ..errors import BenchError, safe
from ..failure_policy import Failure, isolate
from ..plugin_guard import contained
from ..study.spec import MetricChoice
from ..types import Pixels, Scored, Seen
from .declared_needs import lend

MOST_POINTS = 100_000  # of a curve
MOST_LETTERS = 1000  # of a reason
_OF_MODULE = "of "  # in front of the names of caches that are one module's


@dataclass(frozen=True, eq=False)
class MetricAnswer:
    """What a metric gave for one image: a row of a Scored, or why there is none."""

    scored: Scored | None
    row: int
    failure: Failure | None


def score(metric: MetricChoice, seen: Seen, watch: PluginWatch, place: str) -> list[MetricAnswer]:
    """Per image the metric's answer. If the metric fails on the batch, each image is tried alone.

    Args:
        watch: what the call goes through.
        place: whose maps are judged, in words.
    """
    count = len(seen.map)

    def call() -> Scored:
        return watch.call(f"metric {metric.name}", place, partial(_checked, metric, seen, count), _seed(seen))

    def alone(i: int) -> list[MetricAnswer]:
        return score(metric, seen.row(i), watch, place)

    def refused(failure: Failure) -> list[MetricAnswer]:
        return [MetricAnswer(None, 0, failure)] * count

    return isolate(count, partial(_answers, metric, seen, call), list, alone, _chained, refused, contain_memory=True)


def _chained(parts: Sequence[list[MetricAnswer]]) -> list[MetricAnswer]:
    return [answer for part in parts for answer in part]


def _seed(seen: Seen) -> int:
    return seen.pixels.seeds[0] if seen.pixels is not None and seen.pixels.seeds else 0


def _answers(metric: MetricChoice, seen: Seen, call: Callable[[], Scored]) -> list[MetricAnswer]:
    scored = call()
    answers = torch.cat([seen.probability, seen.whole_probability[:, None]], 1)
    sound = torch.isfinite(answers).all(1).tolist()
    broken = "the network's answers to the probes are not finite numbers"
    faults = [_fault(metric, scored, i) if sound[i] else broken for i in range(len(seen.map))]
    return [MetricAnswer(scored, i, Failure(fault) if fault else None) for i, fault in enumerate(faults)]


def _checked(metric: MetricChoice, seen: Seen, count: int) -> Scored:
    """The metric's answer to a batch, as plain tensors of its own on the CPU, its value of shape (B,).

    Raises:
        BenchError: a part of the answer has not one row for each image, or is too large.
    """
    scored = _scored(metric, seen)
    if metric.plugin.held_out and scored.levels is None and not all(scored.inapplicable or [""]):
        raise BenchError(f"{metric.name} declares held_out=... but returned no Scored.levels")
    value = _column(scored.value, count, "value")
    if not isinstance(value, Tensor):
        value = torch.as_tensor(scored.value, dtype=torch.float64).reshape(count)
    return Scored(
        value,
        {str(key): _column(part, count, f"part {key!r}") for key, part in scored.parts.items()},
        _pair(scored.curve, count, "curve"),
        _reasons(scored.inapplicable, count),
        _pair(scored.levels, count, "levels"),
    )


def _column(part: Any, count: int, what: str) -> Tensor | float:
    """(B,), or a number that is the same for every image."""
    if not isinstance(part, Tensor):
        return part if what == "value" else float(part)
    if part.numel() != count:
        raise BenchError(f"the metric's {what} is of shape {tuple(part.shape)}, where ({count},) is needed")
    return plain(part, count, f"the metric's {what} is").cpu().reshape(count)


def _pair(pair: Any, count: int, what: str) -> tuple[Tensor, Tensor] | None:
    """x (S,) and y (B, S)."""
    if pair is None:
        return None
    if not (len(pair) == 2 and all(isinstance(part, Tensor) for part in pair)):
        raise BenchError(f"the {what} is not a pair of tensors, x (S,) and y (B, S)")
    x, y = (plain(part, count * MOST_POINTS, f"the metric's {what} has").cpu() for part in pair)
    if y.ndim != 2 or len(y) != count or x.shape != y.shape[1:]:
        shapes = f"{tuple(x.shape)} and {tuple(y.shape)}"
        raise BenchError(f"the {what} is of shapes {shapes}, where (S,) and ({count}, S) are needed")
    if not torch.isfinite(x).all():
        raise BenchError(f"the x of the {what} has values that are not finite")
    return x, y


def _reasons(inapplicable: Any, count: int) -> tuple[str, ...]:
    reasons = tuple(safe(str(reason))[:MOST_LETTERS] for reason in inapplicable)
    if len(reasons) not in (0, count):
        raise BenchError(f"inapplicable has {len(reasons)} reasons for {count} images")
    return reasons


def _scored(metric: MetricChoice, seen: Seen) -> Scored:
    """Call the metric on copies of what it declared; the network, which is not copied, is put back.

    Raises:
        BenchError: it returned something else, called sys.exit, or left the network or a setting changed.
    """
    who = f"metric {metric.name}"
    lent_seen = lend(_copied(seen, metric.plugin.function.__module__), metric.name, metric.plugin.needs)
    watch = NetworkWatch([seen.explainer.network]) if seen.explainer is not None else None
    try:
        with contained(who):
            scored = metric.plugin.function(lent_seen, **metric.params)
    finally:
        spoiled = "" if watch is None else watch.settle(None)
    if spoiled:
        raise Spoils(f"{who} leaves {spoiled} of the network changed", hint="Work on a deep copy")
    if not isinstance(scored, Scored):
        raise BenchError(f"{who} returned {type(scored).__name__}", hint="Return a Scored")
    return scored


def _copied(seen: Seen, module: str) -> Seen:
    """With images, targets and a cache that no other module's metrics read."""
    pixels, explainer = seen.pixels, seen.explainer
    if explainer is not None:
        explainer = replace(explainer, targets=explainer.targets.clone())
    return replace(seen, pixels=None if pixels is None else _own_pixels(pixels, module), explainer=explainer)


def _own_pixels(pixels: Pixels, module: str) -> Pixels:
    """What is in the batch's cache is copied when a module's first metric asks, and kept for its others."""
    key = f"{_OF_MODULE}{module}"
    if key not in pixels.cache:
        common = {name: value for name, value in pixels.cache.items() if not name.startswith(_OF_MODULE)}
        pixels.cache[key] = copy.deepcopy(common)
    copies = (pixels.images.clone(), pixels.seeds, pixels.mean.clone(), pixels.std.clone())
    return Pixels(*copies, cache=pixels.cache[key])


def _fault(metric: MetricChoice, scored: Scored, row: int) -> str:
    """Why a score is none, or ""."""
    numbers = [number(scored.value, row), *(number(part, row) for part in scored.parts.values())]
    for pair in (scored.curve, scored.levels):
        numbers += pair[1][row].tolist() if pair is not None else []
    return "" if all(map(math.isfinite, numbers)) else f"{metric.name} is not a finite number here"


def number(value: Tensor | float, row: int) -> float:
    return float(value[row]) if isinstance(value, Tensor) else float(value)
