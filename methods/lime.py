"""LIME: Ribeiro, Singh and Guestrin 2016, arXiv:1602.04938, algorithm 1 and section 3.4."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field
from torch import Tensor

from benchbench.registry import method
from benchbench.types import Layer, ScoreKind

from ._sign import Sign, evidence
from ._superpixels import Array, Segments, SuperpixelFill, Superpixels


@method(
    "lime",
    title="LIME",
    needs=("input", "scores"),
    parts="superpixels",
    paper="arXiv:1602.04938",
    fails="What a superpixel adds is one number whatever else is shown, so evidence that needs two of them together is "
    "shared out by chance. Superpixels that cross the object's border blur it, and another seed gives another map.",
)
def lime(
    layer: Layer,
    *,
    segments: Segments = 50,
    samples: Annotated[int, Field(ge=2)] = 1000,
    fill: SuperpixelFill = "superpixel",
    width: Annotated[float, Field(gt=0)] = 0.25,
    ridge: Annotated[float, Field(ge=0)] = 1.0,
    score: ScoreKind = "probability",
    sign: Sign = "positive",
) -> Tensor:
    """Coefficients of a weighted ridge regression of the score on which superpixels of the image are shown.

    Each superpixel is shown with probability 1/2; the first sample is the whole image. A sample that shows the share q
    of the superpixels weighs exp(-(1 - sqrt(q))^2 / (2 width^2)), the cosine distance to the whole image. Samples,
    weights, penalty and fill are those of the authors' code for images, whose superpixels are quickshift's; these are
    SLIC's. The positive part of the coefficients, or as ``sign`` says. Every image draws from its own seed.
    """
    parts = Superpixels.of(layer, segments, fill)
    kept = parts.draws(layer, samples) < 0.5
    kept[:, 0] = True
    scores = layer.score_pictures(lambda i, n: parts.picture(i, kept[i, n]), samples, of=score)
    coefficients = parts.solved(kept, scores, lambda _, rows, y: _ridge(rows, y, _similarity(rows, width), ridge))
    return evidence(parts.spread(coefficients)[:, None], sign)


def _similarity(rows: Array, width: float) -> Array:
    """(n,): how much each sample weighs."""
    distance = 1 - np.sqrt(rows.mean(1))  # of 0 / 1 vectors: the cosine with all ones is the root of the share
    return np.asarray(np.exp(-(distance**2) / (2 * width**2)))


def _ridge(rows: Array, scores: Array, weights: Array, penalty: float) -> Array:
    """The coefficients (M,) of a weighted ridge regression whose intercept is not penalised.

    Where neither the samples nor the penalty determine them, those of the smallest norm.
    """
    shares, roots = weights / weights.sum(), np.sqrt(weights)
    inputs = (rows - shares @ rows) * roots[:, None]
    outputs = (scores - shares @ scores) * roots
    count = rows.shape[1]
    system = np.vstack([inputs, np.sqrt(penalty) * np.eye(count)])
    return np.asarray(np.linalg.lstsq(system, np.concatenate([outputs, np.zeros(count)]), rcond=None)[0])
