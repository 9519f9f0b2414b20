"""KernelSHAP: Lundberg and Lee 2017, arXiv:1705.07874, theorem 2, over superpixels."""

from __future__ import annotations

from itertools import product
from math import comb
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from benchbench.registry import method
from benchbench.types import Layer, ScoreKind

from ._hidden import Hiding
from ._sign import Sign, evidence
from ._superpixels import Array, Segments, Superpixels

_MOST_LISTED = 16  # more superpixels than this have too many coalitions to be listed, whatever is asked for


@method(
    "kernelshap",
    title="KernelSHAP",
    needs=("input", "scores"),
    parts="superpixels",
    paper="arXiv:1705.07874",
    fails="A superpixel is valued among pictures that are mostly fill, which the network has never seen, and the "
    "values change with the fill. With few samples for many superpixels the values are noise.",
)
def kernelshap(
    layer: Layer,
    *,
    segments: Segments = 50,
    samples: Annotated[int, Field(ge=2)] = 1000,
    fill: Hiding = "zero",
    score: ScoreKind = "logit",
    sign: Sign = "positive",
) -> Tensor:
    """Shapley values of superpixels: what each adds to the score, on average over the orders in which they appear.

    The weighted least squares whose solution they are, with the sum of the values held to score(image) - score(fill)
    exactly. An image with no more than ``samples`` coalitions of superpixels has all of them, weighted by
    (M - 1) / (C(M, k) k (M - k)), which gives the exact values. Else ``samples`` / 2 coalitions are drawn with that
    distribution, each with its complement. ``samples`` + 2 passes: the whole image and the fill too. The positive part
    of the values, or as ``sign`` says. Every image draws from its own seed.
    """
    parts = Superpixels.of(layer, segments, fill)
    pairs = -(-samples // 2)
    sizes, draws = layer.uniform(pairs, stream="sizes").cpu(), parts.draws(layer, pairs).cpu()
    kept = torch.zeros(len(parts.counts), samples + 2, parts.most, dtype=torch.bool)
    weights = np.zeros((len(parts.counts), samples))
    for i, count in enumerate(parts.counts):
        if count <= _MOST_LISTED and 2**count - 2 <= samples:
            rows, weight = listed(count)
        else:
            rows, weight = _drawn(sizes[i], draws[i, :, :count], samples), np.ones(samples)
        kept[i, 2 : 2 + len(rows), :count] = rows  # what is left of the samples has no weight
        weights[i, : len(weight)] = weight
    kept[:, 0] = True
    kept = kept.to(parts.labels.device)
    scores = layer.score_pictures(lambda i, n: parts.picture(i, kept[i, n]), samples + 2, of=score)
    values = parts.solved(kept, scores, lambda i, rows, y: shapley(rows[2:], y[2:], weights[i], y[0], y[1]))
    return evidence(parts.spread(values)[:, None], sign)


def listed(count: int) -> tuple[Tensor, Array]:
    """All coalitions (2^M - 2, M) of M superpixels but the empty and the whole one, and the kernel's weights."""
    rows = [row for row in product((False, True), repeat=count) if 0 < sum(row) < count]
    weights = [(count - 1) / (comb(count, sum(row)) * sum(row) * (count - sum(row))) for row in rows]
    return torch.tensor(rows, dtype=torch.bool).view(-1, count), np.array(weights)


def _drawn(sizes: Tensor, draws: Tensor, samples: int) -> Tensor:
    """(samples, M): coalitions by the kernel's weights, each with its complement, from draws (pairs,), (pairs, M)."""
    count = draws.shape[1]
    k = np.arange(1, count)
    chance = np.cumsum(1 / (k * (count - k)))
    size = 1 + np.searchsorted(chance / chance[-1], sizes.double().numpy(), side="right").clip(max=count - 2)
    rank = draws.argsort(dim=1, stable=True).argsort(dim=1)
    rows = rank < torch.from_numpy(size)[:, None]
    return torch.stack([rows, ~rows], 1).flatten(0, 1)[:samples]


def shapley(rows: Array, scores: Array, weights: Array, whole: float, empty: float) -> Array:
    """The values (M,) whose sum is ``whole`` - ``empty``, and which fit the scores (n,) of coalitions (n, M) best.

    Where the coalitions do not determine them, those nearest to an even share.
    """
    count = rows.shape[1]
    even = (whole - empty) / count
    roots = np.sqrt(weights)
    apart = (rows - rows.mean(1, keepdims=True)) * roots[:, None]  # acts on what differs from an even share alone
    rest = (scores - empty - even * rows.sum(1)) * roots
    return np.asarray(even + np.linalg.lstsq(apart, rest, rcond=None)[0])
