"""Seeds of weakly supervised segmentation: one image's maps of all its classes against its segmentation, counted.

A pixel is given the class whose map is highest there, or the background where none is above the background score: the
evaluation of IRN (Ahn et al. 2019, arXiv:1904.05044). The counts are made for 100 background scores at once, 0,
0.01, .. 0.99, and are summed over images before anything is divided.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float64]
Counts: TypeAlias = npt.NDArray[np.int64]

SCORES: Array = np.arange(100) / 100  # of the background
BACKGROUND = -1  # its number among the classes
VOID = -1  # in a truth: a pixel that counts nowhere


@dataclass(frozen=True, eq=False)
class SeedCounts:
    """Pixels of one image, of the background and then of each of its classes.

    Attributes:
        classes: BACKGROUND, then the numbers of the image's classes.
        truth: (K,), pixels that are of the class.
        seed: (K, S), pixels that are given the class, by background score.
        hit: (K, S), pixels of which both are true.
    """

    classes: tuple[int, ...]
    truth: Counts
    seed: Counts
    hit: Counts


def segmentation(masks: Sequence[npt.NDArray[np.bool_]], void: npt.NDArray[np.bool_] | None = None) -> Counts:
    """(H, W): 0 on the background, k where the k-th mask is true, VOID where nothing counts.

    Where masks overlap, the smaller one is in front.
    """
    truth = np.zeros(masks[0].shape, dtype=np.int64)
    for k in sorted(range(len(masks)), key=lambda k: -int(masks[k].sum())):
        truth[masks[k]] = k + 1
    if void is not None:
        truth[void & (truth == 0)] = VOID
    return truth


def seed_counts(classes: Sequence[int], truth: Counts, heights: Array) -> SeedCounts:
    """Count the pixels of one image.

    Args:
        classes: (n,), the numbers of the image's classes.
        truth: (H, W), see ``segmentation``.
        heights: (n, H, W), each class's map, scaled; the first of equal maps wins a pixel, the background wins a tie.

    Example:
        >>> import numpy as np
        >>> from benchbench.evaluation.seed_counts import SCORES, seed_counts
        >>> counts = seed_counts([7], np.array([[1, 1, 0]]), np.array([[[1.0, 0.2, 0.5]]]))
        >>> at = SCORES.tolist().index(0.3)
        >>> counts.truth.tolist(), counts.seed[:, at].tolist(), counts.hit[:, at].tolist()
        ([1, 2], [1, 2], [0, 1])
    """
    counted = truth != VOID
    here, winner = truth[counted], heights.argmax(0)[counted]
    passed = np.searchsorted(SCORES, heights.max(0)[counted], side="left")  # how many background scores are below
    shape = (len(classes) + 1, len(classes), len(SCORES) + 1)
    cells = np.bincount(np.ravel_multi_index((here, winner, passed), shape), minlength=int(np.prod(shape)))
    above = cells.reshape(shape)[:, :, ::-1].cumsum(2)[:, :, ::-1][:, :, 1:]  # truth, class given, background score
    total = np.bincount(here, minlength=len(classes) + 1)
    diagonal = np.arange(len(classes))
    seed = np.concatenate([[total.sum() - above.sum((0, 1))], above.sum(0)])
    hit = np.concatenate([[total[0] - above[0].sum(0)], above[diagonal + 1, diagonal]])
    return SeedCounts((BACKGROUND, *classes), total, seed, hit)
