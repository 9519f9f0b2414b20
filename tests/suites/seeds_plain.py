"""Seeds, restated without any of benchbench: one image and one background score at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def confusion(classes: list[int], truth: Array, heights: Array, score: float, size: int) -> Array:
    """(size + 1, size + 1): pixels by true and given class, 0 the background; as IRN's evaluation makes it.

    Args:
        classes: numbers below ``size``, of the image's classes.
        truth: (H, W), 0 for the background, number + 1 for a class, -1 for what does not count.
        heights: (n, H, W).
        score: of the background.
    """
    names = np.array([0, *(number + 1 for number in classes)])
    predicted = names[np.argmax(np.concatenate([np.full((1, *truth.shape), score), heights]), axis=0)]
    table = np.zeros((size + 1, size + 1), int)
    np.add.at(table, (truth[truth >= 0], predicted[truth >= 0]), 1)
    return table


def ious(table: Array) -> list[float]:
    """Per class TP / (TP + FP + FN); NaN where it occurs nowhere."""
    hits, union = np.diag(table), table.sum(0) + table.sum(1) - np.diag(table)
    return [hit / total if total else float("nan") for hit, total in zip(hits, union, strict=True)]
