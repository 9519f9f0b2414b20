"""How unlike the methods' maps of one image are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from ...results.schema import FloatArray
from ...stats import reduced
from ...stats.mean_ranks import mean_ranks


def disagreement(maps: Sequence[FloatArray]) -> float:
    """1 - the mean of Spearman's rank correlation over all pairs of maps; 0 where all order the cells alike.

    Maps of other sizes are first averaged down to the size of the coarsest. Dead maps order nothing and are left out.

    Args:
        maps: (h, w) each.

    Returns:
        In [0, 2]; NaN with fewer than two maps that are alive.
    """
    pairs = correlations(maps)[np.triu_indices(len(maps), k=1)]
    known = pairs[~np.isnan(pairs)]
    return float(1 - known.mean()) if known.size else math.nan


def correlations(maps: Sequence[FloatArray | None]) -> npt.NDArray[np.float64]:
    """Spearman's rank correlation of every two maps of one image.

    Args:
        maps: (h, w) each, or None; all are averaged down to the size of the coarsest.

    Returns:
        (maps, maps); NaN where one of the two is absent or dead.
    """
    matrix = np.full((len(maps), len(maps)), np.nan)
    here = [saliency for saliency in maps if saliency is not None]
    if not here:
        return matrix
    height, width = min(saliency.shape[0] for saliency in here), min(saliency.shape[1] for saliency in here)
    flat = {at: reduced(saliency, height, width).ravel() for at, saliency in enumerate(maps) if saliency is not None}
    alive = [at for at, cells in flat.items() if cells.min() < cells.max()]
    if len(alive) > 1:
        matrix[np.ix_(alive, alive)] = np.corrcoef(mean_ranks(np.stack([flat[at] for at in alive]), axis=1))
    return matrix


def least_alike(matrices: Iterable[npt.NDArray[np.float64]]) -> tuple[int, int] | None:
    """The two places with the least mean correlation, NaN left out; None where no two have one."""
    stack = np.stack(list(matrices))
    known = ~np.isnan(stack)
    counts = known.sum(axis=0)
    means = np.where(counts > 0, np.where(known, stack, 0).sum(axis=0) / np.maximum(counts, 1), np.inf)
    rows, columns = np.triu_indices(len(means), k=1)
    if not rows.size or np.isinf(means[rows, columns]).all():
        return None
    place = int(means[rows, columns].argmin())
    return int(rows[place]), int(columns[place])
