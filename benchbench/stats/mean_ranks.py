"""Ranks in which ties share their mean rank."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from .resampling import Array


def mean_ranks(values: ArrayLike, axis: Literal[0, 1] = 0) -> Array:
    """Ranks from 1 for the smallest value, ties at their mean rank; NaN where the value is NaN.

    ``scipy.stats.rankdata`` gives the same, but its import takes most of a second in every command.

    Args:
        values: (n,) or (n, k).
        axis: along which values are ranked.

    Example:
        >>> mean_ranks([30, 10, 30, 20]).tolist()
        [3.5, 1.0, 3.5, 2.0]
    """
    plain = np.asarray(values, dtype=np.float64)
    frame = pd.DataFrame(plain if plain.ndim == 2 else plain[:, None])
    return np.asarray(frame.rank(axis=axis), dtype=np.float64).reshape(plain.shape)
