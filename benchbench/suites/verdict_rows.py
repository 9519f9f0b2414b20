"""Rows of a suite's verdicts: a mean with its interval against the threshold, an exact score, or why there is none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..results.suite_answer import Question
from ..stats.intervals import limits


def mean_row(
    question: Question, method: str, values: Sequence[float], seed: int, *, reason: str = "", **setting: str
) -> dict[str, Any]:
    """A mean over units. The method passes where the 95 % interval lies above the threshold, and fails below it.

    Args:
        question: what is asked.
        method: the label.
        values: one per unit (image, network or draw), within the question's range.
        seed: of the interval's resamples.
        reason: why the method passes or fails, if that can be said.
        setting: ``model``, ``dataset`` and ``layer``, where the verdict has them.
    """
    numbers = np.asarray(values, dtype=np.float64)
    low, high = limits(numbers[:, None], *question.range, seed)[:, 0]
    return interval_row(question, method, float(numbers.mean()), (low, high), len(numbers), reason=reason, **setting)


def interval_row(
    question: Question,
    method: str,
    score: float,
    interval: tuple[float, float],
    n: int,
    *,
    reason: str = "",
    **setting: str,
) -> dict[str, Any]:
    """A score whose interval is known, such as of a rank correlation: passes and fails as ``mean_row`` says."""
    low, high = map(float, interval)
    passes = True if low > question.threshold else False if high <= question.threshold else None
    if math.isnan(low) or math.isnan(high):  # too few units: the score alone cannot decide
        low, high, passes = *question.range, None
    numbers = {"n": n, "score": score, "low": low, "high": high, "passes": passes}
    return {"question": question.name, "method": method, **_where(setting), **numbers, "status": "ok", "reason": reason}


def exact_row(question: Question, method: str, score: float, *, reason: str = "", **setting: str) -> dict[str, Any]:
    """A score without any sampling: the method passes above the threshold."""
    passes = score > question.threshold
    numbers = {"n": 1, "score": score, "low": math.nan, "high": math.nan, "passes": passes}
    return {"question": question.name, "method": method, **_where(setting), **numbers, "status": "ok", "reason": reason}


def absent_row(
    question: Question, method: str, reason: str, *, status: str = "not_applicable", **setting: str
) -> dict[str, Any]:
    """No score, and why; ``status`` is failed where the method raised."""
    numbers = {"n": 0, "score": math.nan, "low": math.nan, "high": math.nan, "passes": None}
    row = {"question": question.name, "method": method, **_where(setting), **numbers}
    return {**row, "status": status, "reason": reason}


def _where(setting: dict[str, str]) -> dict[str, str]:
    return {key: setting.get(key, "") for key in ("model", "dataset", "layer")}
