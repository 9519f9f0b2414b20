"""A study of metrics: maps blended with noise, controls, and disturbances, on one's own network and data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from ...errors import BenchError
from ...registry import METHODS
from ...registry.method_parameter import inside
from ...study.spec import MethodChoice, StudySpec

S = TypeVar("S", bound=StudySpec)
LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)
CONTROLS = ("random", "center", "fakecam")  # what a metric is gameable by, if one of them wins it


def with_levels(study: S, levels: Sequence[float] = LEVELS) -> S:
    """The study with each method's map blended with noise, and with controls; without its metrics of cost.

    Raises:
        BenchError: fewer than three levels, or none of the study's methods or metrics is left.
    """
    if len(set(levels)) < 3 or not all(0 <= level <= 1 for level in levels):
        hint = "Give three or more shares of noise in 0 .. 1"
        raise BenchError(f"levels are {list(levels)}", where="reliability", hint=hint)
    metrics = tuple(metric for metric in study.metrics if metric.plugin.of_images)
    if not metrics:
        raise BenchError("every metric of the study is one of cost", where="metrics", hint="Name one of quality")
    methods = [m for m in study.methods if not m.plugin.control]
    blended = [m for m in methods if "dataset" not in m.needs]
    if not blended:
        raise BenchError("every method of the study is a control", where="methods", hint="Name two or more others")
    noise = [
        _choice("noised", {**inside(m.plugin, m.params), "share": share})
        for m in blended
        for share in sorted(set(levels))
    ]
    wanted = {m.label: m for m in (*study.methods, *(_choice(name, {}) for name in CONTROLS), *noise)}
    return study.model_copy(update={"methods": tuple(wanted.values()), "metrics": metrics})


def _choice(name: str, params: dict[str, Any]) -> MethodChoice:
    plugin = METHODS[name]
    bound = plugin.bind(params)
    return MethodChoice(plugin.label(bound), bound, plugin)
