"""How unlike the methods' maps of one image are."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image
from scipy.stats import rankdata

from ...results.schema import FloatArray


def disagreement(maps: Sequence[FloatArray]) -> float:
    """1 - the mean of Spearman's rank correlation over all pairs of maps; 0 where all order the cells alike.

    Maps of other sizes are first averaged down to the size of the coarsest. Dead maps order nothing and are left out.

    Args:
        maps: (h, w) each.

    Returns:
        In [0, 2]; NaN with fewer than two maps that are alive.
    """
    if not maps:
        return math.nan
    height, width = min(saliency.shape[0] for saliency in maps), min(saliency.shape[1] for saliency in maps)
    flat = [reduced(saliency, height, width).ravel() for saliency in maps]
    alive = [cells for cells in flat if cells.min() < cells.max()]
    if len(alive) < 2:
        return math.nan
    correlation = np.corrcoef(rankdata(np.stack(alive), axis=1))
    return float(1 - correlation[np.triu_indices(len(alive), k=1)].mean())


def reduced(saliency: FloatArray, height: int, width: int) -> FloatArray:
    """The map averaged over areas to (height, width); itself where it has that size."""
    if saliency.shape == (height, width):
        return saliency
    picture = Image.fromarray(np.ascontiguousarray(saliency, dtype=np.float32))
    return np.asarray(picture.resize((width, height), Image.Resampling.BOX), dtype=np.float32)
