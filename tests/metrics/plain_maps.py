"""The metrics of maps and masks again, in plain numpy, one image and one pixel at a time."""

from __future__ import annotations

import math

import numpy as np

Array = np.ndarray


def pointing_game(saliency: Array, mask: Array, tolerance: int) -> float:
    if saliency.max() == saliency.min():
        return 0.0
    i, j = divmod(int(saliency.argmax()), saliency.shape[1])
    distances = [math.hypot(i - a, j - b) for a, b in np.argwhere(mask)]
    return float(min(distances) < tolerance)


def energy(mass: Array, region: Array) -> float:
    return float(mass[region].sum() / mass.sum()) if mass.sum() > 0 else 0.0


def box(mask: Array) -> Array:
    rows, columns = np.where(mask)
    filled = np.zeros_like(mask)
    filled[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
    return filled


def in_top(saliency: Array, mask: Array, count: int) -> float:
    """The mean over 4000 orders of equal pixels, if any are equal."""
    flat, on = saliency.ravel(), mask.ravel()
    generator = np.random.default_rng(0)
    shares = []
    for _ in range(4000 if len(set(flat)) < len(flat) else 1):
        shuffled = generator.permutation(len(flat))
        order = shuffled[np.argsort(-flat[shuffled], kind="stable")]
        shares.append(on[order[:count]].mean())
    return float(np.mean(shares))


def auc(saliency: Array, mask: Array) -> float:
    inside, outside = saliency[mask], saliency[~mask]
    return float(np.mean([(a > outside).mean() + (a == outside).mean() / 2 for a in inside]))


def pxap(saliency: Array, mask: Array, thresholds: Array) -> float:
    """Over the thresholds from the highest to the lowest, a pixel at the threshold counting as above it."""
    total, before = 0.0, 0.0
    for threshold in sorted(set(thresholds.ravel()), reverse=True):
        above = saliency >= threshold
        if above.any():
            recall = (above & mask).sum() / mask.sum()
            total += (above & mask).sum() / above.sum() * (recall - before)
            before = recall
    return float(total)


def iou_curve(saliency: Array, mask: Array) -> list[float]:
    level = np.floor(saliency * 255)
    return [float(((level > c) & mask).sum() / ((level > c) | mask).sum()) for c in range(255)]


def gini(values: Array) -> float:
    """Half the mean absolute difference of all pairs, over the mean."""
    flat = values.ravel()
    return float(np.abs(flat[:, None] - flat[None]).mean() / (2 * flat.mean()))


def entropy(values: Array) -> float:
    shares = [v / values.sum() for v in values.ravel()]
    return -float(sum(p * math.log(p) for p in shares if p > 0))


def total_variation(values: Array) -> float:
    height, width = values.shape
    total = 0.0
    for i in range(height):
        for j in range(width):
            total += abs(values[i, j] - values[i + 1, j]) if i + 1 < height else 0
            total += abs(values[i, j] - values[i, j + 1]) if j + 1 < width else 0
    return total / values.size
