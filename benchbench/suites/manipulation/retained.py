"""How much of a map's accuracy is left: a ratio of means over the same images, with its interval."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...results.schema import FloatArray
from ...results.suite_answer import Question
from ...stats.intervals import limits
from ..verdict_rows import absent_row, interval_row
from .masked_truth import Reference, Scores

RESAMPLES = 10_000
NOTHING = "nothing to keep: on the honest network it is not better than"
UNSURE = "too few images: on the honest network it is better, but not significantly, than"
IDLE = (NOTHING, UNSURE)  # how the reasons of methods begin that were not compared


def retained_row(
    question: Question, method: str, honest: Scores, fooled: Scores, control: Reference, seed: int, **setting: str
) -> dict[str, Any]:
    """sum_i (fooled_i - control_i) / sum_i (honest_i - control_i), clipped to [0, 1], as a verdict.

    A method that is not better than the control on the honest network shows no object there either: its score is 0. One
    that is better, but not significantly, is not clear. The interval is the bootstrap over images, of numerator and
    denominator together.

    Args:
        question: with the threshold.
        method: its label.
        honest, fooled: its accuracy by sample, on each network.
        control: what is not better than chance, by sample.
        seed: of the resamples.
        setting: ``model``, ``dataset`` and ``layer``.
    """
    samples = [name for name in honest if name in fooled]
    before, after = (np.array([scores[name] - control.scores[name] for name in samples]) for scores in (honest, fooled))
    if not samples:
        return absent_row(question, method, "no image has a map on both networks", **setting)
    if not before.sum() > 0:
        reason = f"{NOTHING} {control.name}"
        return interval_row(question, method, 0.0, (0.0, 0.0), len(samples), reason=reason, **setting)
    score = float(np.clip(after.sum() / before.sum(), 0, 1))
    low = float(limits(before[:, None], -1.0, 1.0, seed)[0, 0]) if len(samples) > 1 else float("nan")
    if not low > 0:
        reason = f"{UNSURE} {control.name}"
        return interval_row(question, method, score, (0.0, 1.0), len(samples), reason=reason, **setting)
    ends = _interval(before, after, seed)
    first, second, level = (np.mean([scores[s] for s in samples]) for scores in (honest, fooled, control.scores))
    reason = (
        f"PxAP {first:.2f} on the honest network and {second:.2f} on the manipulated one, {control.name} {level:.2f}"
    )
    return interval_row(question, method, score, ends, len(samples), reason=reason, **setting)


def _interval(before: FloatArray, after: FloatArray, seed: int) -> tuple[float, float]:
    """2.5 % and 97.5 % of the ratio over resamples of the images; 1 where a resample has nothing before."""
    draws = np.random.default_rng(seed).integers(len(before), size=(RESAMPLES, len(before)))
    below, above = before[draws].sum(1), after[draws].sum(1)
    ratio = np.divide(above, below, out=np.ones_like(above), where=below > 0).clip(0, 1)
    low, high = np.quantile(ratio, [0.025, 0.975])
    return float(low), float(high)
