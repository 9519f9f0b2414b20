"""IoU of seeds, of counts that are summed over images, at the background score that is best on other images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ..stats.resampling import CONFIDENCE, draws
from .held_out import fold_of
from .seed_counts import SCORES, Array, SeedCounts

_ROWS_AT_ONCE = 500


@dataclass(frozen=True, eq=False)
class SeedScore:
    """What the seeds of one method are worth.

    Attributes:
        classes: in rising order; BACKGROUND is the first.
        value: (K + 1,), the mean over classes, then each class's IoU: each half of the images at the background score
            that is best on the other half. NaN for a class that occurs nowhere, and everywhere if a half is empty.
        low, high: the 95 % bootstrap interval over images, at these scores; NaN for a class of fewer than two images.
            In the mean, a class that a draw lacks keeps its IoU.
        images: (K + 1,), how many images there are, and how many show each class.
        scores: the background score of each half; NaN if the other half is empty.
        best: as ``value``, at the one background score that is best on these very images; ``best_score``: it.
    """

    classes: tuple[int, ...]
    value: Array
    low: Array
    high: Array
    scores: tuple[float, float]
    best: Array
    best_score: float
    images: Array


def seed_score(images: Sequence[SeedCounts], ids: Sequence[str], seed: int) -> SeedScore:
    """Judge the seeds of one method on all images.

    Args:
        ids: of the images; an id decides which half its image is in.
        seed: of the bootstrap.
    """
    classes = tuple(sorted({number for image in images for number in image.classes}))
    place = {number: k for k, number in enumerate(classes)}
    fold = np.array([fold_of(name) for name in ids])
    sums = np.zeros((2, 3, len(classes), len(SCORES)))  # by half: truth, seed, hit
    for image, half in zip(images, fold, strict=True):
        rows = [place[number] for number in image.classes]
        sums[half][:, rows] += np.stack(
            [np.broadcast_to(image.truth[:, None], image.seed.shape), image.seed, image.hit]
        )
    best = int(_scored(sums.sum(0))[0].argmax())
    chosen = [int(_scored(sums[1 - half])[0].argmax()) for half in (0, 1)]
    whole = _scored(sums.sum(0)[:, :, best])
    shown = np.array([sum(number in image.classes for image in images) for number in classes])
    shown = np.concatenate([[len(images)], shown]).astype(float)
    if len(set(fold.tolist())) < 2:
        none = np.full(len(classes) + 1, math.nan)
        return SeedScore(classes, none, none, none, (math.nan, math.nan), whole, float(SCORES[best]), shown)
    counts = _at(images, [chosen[half] for half in fold], place)
    value = _scored(np.asarray(counts.sum(0)).reshape(3, -1))
    low, high = np.where(shown > 1, _interval(counts, value[1:], seed), math.nan)
    scores = (float(SCORES[chosen[0]]), float(SCORES[chosen[1]]))
    return SeedScore(classes, value, low, high, scores, whole, float(SCORES[best]), shown)


def _scored(sums: Array) -> Array:
    """(3, K, ...) of truth, seed and hit to (K + 1, ...): the mean IoU of the classes that occur, then each one's."""
    truth, seed, hit = sums
    union = truth + seed - hit
    iou = np.divide(hit, union, out=np.full(union.shape, math.nan), where=union > 0)
    return np.concatenate([_mean(iou)[None], iou])


def _mean(iou: Array) -> Array:
    """(K, ...) to (...): over the classes that occur."""
    known = np.isfinite(iou)
    return np.asarray(np.where(known, iou, 0).sum(0) / np.maximum(known.sum(0), 1))


def _at(images: Sequence[SeedCounts], levels: Sequence[int], place: dict[int, int]) -> sparse.csr_array:
    """(N, 3 K): each image's truth, seed and hit at its background score; few classes are on an image."""
    rows, columns, values = [], [], []
    for i, (image, level) in enumerate(zip(images, levels, strict=True)):
        for kind, counts in enumerate((image.truth, image.seed[:, level], image.hit[:, level])):
            rows += [i] * len(image.classes)
            columns += [kind * len(place) + place[number] for number in image.classes]
            values += counts.astype(float).tolist()
    return sparse.csr_array((values, (rows, columns)), shape=(len(images), 3 * len(place)))


def _interval(counts: sparse.csr_array, iou: Array, seed: int) -> Array:
    """(2, K + 1): ends for the mean, in which a class that a draw lacks keeps its ``iou`` (K,), and for each class."""
    columns, values = counts.shape[1] // 3, []
    for block in draws(counts.shape[0], seed):
        for start in range(0, len(block), _ROWS_AT_ONCE):
            drawn = np.asarray(counts.T @ block[start : start + _ROWS_AT_ONCE].T.astype(float))
            drawn_iou = _scored(drawn.reshape(3, columns, -1))[1:]
            mean = _mean(np.where(np.isfinite(drawn_iou), drawn_iou, iou[:, None]))
            values.append(np.concatenate([mean[None], drawn_iou]))
    every, tail = np.concatenate(values, axis=1), (1 - CONFIDENCE) / 2
    ends = np.full((2, columns + 1), math.nan)
    known = np.isfinite(every).any(1)
    ends[:, known] = np.nanquantile(every[known], [tail, 1 - tail], axis=1)
    return ends
