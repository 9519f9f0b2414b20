"""What tells the code of a plugin from the code that it was in an earlier run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..digests import digest
from ..study.identity import identity
from ..study.spec import StudySpec
from .setup import ModelPlan


def plugin_marks(study: StudySpec, plans: Sequence[ModelPlan]) -> dict[str, str]:
    """By plugin, as calls of it are named: a digest of its code, its parameters and its time limit.

    Methods whose maps others are derived from have a mark too; the metrics of one name have one together.
    """
    parts: dict[str, list[tuple[Any, ...]]] = {}
    cells = (cell for plan in plans for task in plan.tasks[:1] for cell in (*task.maps, *task.bases))
    for method in {cell.method.label: cell.method for cell in cells}.values():
        parts[f"method {method.label}"] = [identity(method.plugin, method.params)]
    for metric in study.metrics:
        parts.setdefault(f"metric {metric.name}", []).append(identity(metric.plugin, metric.params))
    return {who: digest(each, study.time_limit) for who, each in parts.items()}
