"""How alike the maps of one image are, two by two: rank correlation, overlap of the tops, agreement in sign.

Rank correlation is Spearman's over the cells. Overlap and sign are feature agreement and sign agreement of Krishna et
al. 2022 (arXiv:2202.01602, section 3.1), with cells as features and a share of them as k. Maps of two sizes are first
averaged down to the smaller one; a map that is the same everywhere orders nothing and is left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from PIL import Image

from ..results.schema import FloatArray
from .mean_ranks import mean_ranks
from .resampling import Array

TOP = 0.1  # share of the cells that are a map's top
MEASURES = {"spearman": -1.0, "top": 0.0, "sign": 0.0}  # with the lowest value; the highest is 1
Size: TypeAlias = tuple[int, int]


def alike(maps: Sequence[FloatArray | None], signed: Sequence[bool], top: float = TOP) -> dict[str, Array]:
    """Of one image, by measure (maps, maps): see ``method_agreement``; NaN where a map is absent or constant.

    Args:
        maps: (h, w) each, or None.
        signed: which maps have a sign.
        top: the share of cells that are a map's top; at least one cell.
    """
    matrices = {name: np.full((len(maps), len(maps)), np.nan) for name in MEASURES}
    sizes = [None if each is None else each.shape for each in maps]
    for size in {_common(a, b) for a in sizes for b in sizes if a is not None and b is not None}:
        fits = [
            at for at, shape in enumerate(sizes) if shape is not None and shape[0] >= size[0] and shape[1] >= size[1]
        ]
        flat = {at: reduced(maps[at], *size).ravel().astype(np.float64) for at in fits}  # type: ignore[arg-type]
        alive = [at for at in fits if flat[at].min() < flat[at].max()]
        if len(alive) < 2:
            continue
        cells = np.stack([flat[at] for at in alive])
        theirs = np.array([[_common(sizes[a], sizes[b]) == size for b in alive] for a in alive])
        both = np.array([[signed[a] and signed[b] for b in alive] for a in alive])
        measures = {"spearman": _spearman(cells), "top": _overlap(tops(cells, top)), "sign": _same_sign(cells, top)}
        for name, values in measures.items():
            known = theirs & both if name == "sign" else theirs
            matrices[name][np.ix_(alive, alive)] = np.where(known, values, matrices[name][np.ix_(alive, alive)])
    return matrices


def tops(cells: Array, share: float) -> Array:
    """(m, n): how much each cell belongs to the top of each map (m, n); a row sums to k, the share rounded up.

    Cells above the k-th largest value belong wholly; those that are equal to it share what is left.
    """
    k = max(1, math.ceil(share * cells.shape[1] - 1e-9))
    edge = np.partition(cells, -k, axis=1)[:, -k, None]
    above, level = cells > edge, cells == edge
    left = (k - above.sum(1, keepdims=True)) / level.sum(1, keepdims=True)
    return np.asarray(above + level * left, dtype=np.float64)


def reduced(saliency: FloatArray, height: int, width: int) -> FloatArray:
    """The map averaged over areas to (height, width); itself where it has that size."""
    if saliency.shape == (height, width):
        return saliency
    picture = Image.fromarray(np.ascontiguousarray(saliency, dtype=np.float32))
    return np.asarray(picture.resize((width, height), Image.Resampling.BOX), dtype=np.float32)


def _common(first: Any, second: Any) -> Size:
    return min(first[0], second[0]), min(first[1], second[1])


def _spearman(cells: Array) -> Array:
    return np.asarray(np.clip(np.atleast_2d(np.corrcoef(mean_ranks(cells, axis=1))), -1, 1))


def _overlap(belongs: Array) -> Array:
    """(m, m): the share of the top that both maps have; a cell counts by the map to which it belongs less."""
    shared = np.stack([np.minimum(row, belongs).sum(1) for row in belongs])
    return np.asarray(shared / belongs.sum(1))


def _same_sign(cells: Array, top: float) -> Array:
    belongs, signs = tops(np.abs(cells), top), np.sign(cells)
    shared = [(np.minimum(row, belongs) * (sign == signs)).sum(1) for row, sign in zip(belongs, signs, strict=True)]
    return np.asarray(np.stack(shared) / belongs.sum(1))
