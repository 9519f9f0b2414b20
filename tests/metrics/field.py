"""The metrics that the field has added, in plain numpy, of one image: written apart from the engine."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from scipy import stats

from .faithful import Judge

Array = np.ndarray


def mas(scores: Sequence[float], masses: Sequence[float], insert: bool) -> tuple[float, float]:
    """MAS, and the area without its penalty, step by step as the authors do it.

    Args:
        scores: p at every step, both ends among them.
        masses: the map's sum over what each step takes.
    """
    fill, whole = (scores[0], scores[-1]) if insert else (scores[-1], scores[0])
    best, left, aligned, plain = (0.0 if insert else 1.0), (0.0 if insert else 1.0), [], []
    for step, score in enumerate(scores):
        if step:
            left += (1 if insert else -1) * masses[step - 1] / sum(masses)
        share = min(max((score - fill) / (whole - fill), 0.0), 1.0)
        best = max(best, share) if insert else min(best, share)
        penalty = abs(left - best)
        plain.append(best)
        aligned.append(min(max(best - penalty if insert else best + penalty, 0.0), 1.0))
    lowest, highest = min(aligned), max(aligned)
    curve = np.array([(value - lowest) / (highest - lowest) for value in aligned])
    return tuple(float((c.sum() - c[0] / 2 - c[-1] / 2) / (len(c) - 1)) for c in (curve, np.array(plain)))  # type: ignore[return-value]


def mas_of(judge: Judge, insert: bool, steps: int = 28) -> tuple[float, float]:
    fill = "blur" if insert else "zero"
    hidden = [judge.top(k / steps) for k in range(steps + 1)]
    scores = [judge.without(~mask if insert else mask, fill) for mask in hidden]
    masses = [judge.saliency[after & ~before].sum() for before, after in pairwise(hidden)]
    return mas(scores, masses, insert)


def erased(judge: Judge, shares: Sequence[float]) -> tuple[float, float]:
    """Comprehensiveness and sufficiency."""
    without = [judge.p - judge.without(judge.top(share), "zero") for share in shares]
    alone = [judge.p - judge.without(~judge.top(share), "blur") for share in shares]
    return float(np.mean(without)), float(np.mean(alone))


def saco(sums: Sequence[float], falls: Sequence[float]) -> float:
    """The authors' loop over pairs."""
    value, total = 0.0, 0.0
    for i in range(len(sums) - 1):
        for j in range(i + 1, len(sums)):
            weight = sums[i] - sums[j]
            value += weight if falls[i] >= falls[j] else -weight
            total += abs(weight)
    return value / total


def saco_of(judge: Judge, groups: int = 10) -> float:
    edges = [judge.top(k / groups) for k in range(groups + 1)]
    bands = [after & ~before for before, after in pairwise(edges)]
    falls = [judge.p - judge.without(band, "mean") for band in bands]
    return saco([float(judge.saliency[band].sum()) for band in bands], falls)


def gef(maps: Array, moved: Array, z: float, answers: Array) -> float:
    """Fast-GEF of a map (h, w), the maps (draws, levels, h, w) and answers (draws, levels) of disturbed networks."""

    def scaled(each: Array) -> Array:
        quotient: Array = each / np.sqrt(np.mean(each**2))
        return quotient

    values = []
    for draw_maps, draw_answers in zip(moved, answers, strict=True):
        changes = [np.linalg.norm((scaled(other) - scaled(maps)).ravel()) for other in draw_maps]
        values.append(stats.spearmanr(np.abs(draw_answers - z), changes).statistic)
    return float(np.mean(values))
