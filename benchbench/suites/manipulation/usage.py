"""Whether two networks use what a mask shows, and answer alike: the facts without which a verdict on maps is idle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from ...stats.intervals import limits
from .counterfactuals import Counterfactual


@dataclass(frozen=True, eq=False)
class ObjectUse:
    """One network's answers on images with and without the object.

    Attributes:
        predicted: (N,), the most likely classes.
        right: (N,), 1.0 where that is the label; NaN where the data have no label.
        drop: (N,), the probability of the label less that without the object; of the most likely class without labels.
        probability: (N,), with the object.
    """

    predicted: tuple[int, ...]
    right: tuple[float, ...]
    drop: tuple[float, ...]
    probability: tuple[float, ...]


def use_of(whole: Tensor, without: Tensor, pairs: Sequence[Counterfactual]) -> ObjectUse:
    """From logits (N, classes) on the images, and on the same images without the object."""
    predicted = whole.argmax(1)
    explained = [int(p) if pair.label is None else pair.label for p, pair in zip(predicted, pairs, strict=True)]
    rows = range(len(pairs))
    before, after = (logits.double().softmax(1)[rows, explained] for logits in (whole, without))
    right = [float("nan") if q.label is None else float(p == q.label) for p, q in zip(predicted, pairs, strict=True)]
    return ObjectUse(tuple(predicted.tolist()), tuple(right), tuple((before - after).tolist()), tuple(before.tolist()))


def usage_row(name: str, dataset: str, usage: ObjectUse, seed: int) -> dict[str, Any]:
    """Accuracy, probability and its fall without the object, with 95 % intervals."""
    row: dict[str, Any] = {"model": name, "dataset": dataset, "n": len(usage.right)}
    for key, values, low in (("accuracy", usage.right, 0.0), ("drop", usage.drop, -1.0)):
        numbers = np.array(values)
        ends = limits(numbers[:, None], low, 1.0, seed)[:, 0] if np.isfinite(numbers).all() else (np.nan, np.nan)
        row |= {key: float(numbers.mean()), f"{key}_low": float(ends[0]), f"{key}_high": float(ends[1])}
    return row | {"probability": float(np.mean(usage.probability))}


def difference_of_accuracy(honest: ObjectUse, fooled: ObjectUse, seed: int) -> tuple[float, float, float]:
    """Of the second network less that of the first, on the same images, with the ends of its 95 % interval."""
    change = np.array(fooled.right) - np.array(honest.right)
    if not np.isfinite(change).all():
        return float("nan"), float("nan"), float("nan")
    low, high = limits(change[:, None], -1.0, 1.0, seed)[:, 0]
    return float(change.mean()), float(low), float(high)


def warnings_of(honest: ObjectUse, fooled: ObjectUse, seed: int, where: str) -> list[str]:
    """What would make the verdicts idle: accuracy that was lost, or an object that is not used any more."""
    sentences = []
    change, _, high = difference_of_accuracy(honest, fooled, seed)
    if high < 0:
        sentences.append(
            f"{where}: the manipulated network is significantly less accurate than the honest one ({change:+.3f}). "
            "The verdicts then compare two different networks."
        )
    lost = 0.5 * np.array(honest.drop) - np.array(fooled.drop)
    if len(lost) > 1 and limits(lost[:, None], -1.5, 1.5, seed)[0, 0] > 0:
        sentences.append(
            f"{where}: without the object, the manipulated network's probability falls by less than half as much as "
            "the honest one's. It does not use the object as before, and a map may rightly leave the object out."
        )
    return sentences
