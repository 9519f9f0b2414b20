"""TIS, transformer input sampling: Englebert, Stassin, Nanfack, Mahmoudi, Siebert, Cornu and De Vleeschouwer 2023."""

from __future__ import annotations

import warnings
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from benchbench.registry import method
from benchbench.types import Layer

_PAPER = (
    "https://openaccess.thecvf.com/content/ICCV2023W/NIVT/html/"
    "Englebert_Explaining_Through_Transformer_Input_Sampling_ICCVW_2023_paper.html"
)
_ITERATIONS, _TOLERANCE = 100, 1e-4  # of the k-means that the authors use


@method(
    "tis",
    title="TIS",
    needs=("input", "attention", "tokens"),
    paper=_PAPER,
    fixed_score="its definition says which score of the kept patches it reads",
    fails="Half of the patches often give the same score as all patches, so few masks tell a small object apart. "
    "The masks are drawn at random, and each mask costs a forward pass.",
)
def tis(
    layer: Layer,
    *,
    masks: Annotated[int, Field(ge=1)] = 1024,
    keep: Annotated[float, Field(gt=0, lt=1)] = 0.5,
) -> Tensor:
    """The mean score of the network without some of its tokens, over the masks that keep a patch.

    Section 3: the channels of all blocks' patch tokens are clustered by k-means; each centroid keeps the share
    ``keep`` of the patches where it is largest, whose tokens alone go into the first block. A patch that no mask keeps
    is 0. There are at most as many masks as channels.
    """
    tokens = layer.tokens
    channels = tokens.patches.mT
    order = layer.uniform(channels.shape[1]).argsort(1)[:, :masks]
    count = max(1, int(keep * channels.shape[2]))
    kept = torch.stack([_centroids(c, c[first]).topk(count).indices for c, first in zip(channels, order, strict=True)])
    flags = torch.zeros(*kept.shape[:2], channels.shape[2]).to(channels).scatter_(2, kept, 1)
    return tokens.map_of((tokens.score(kept)[..., None] * flags).sum(1) / flags.sum(1).clamp_min(1))


def _centroids(points: Tensor, first: Tensor) -> Tensor:
    """k-means of points (K, places) from the ``first`` centroids (n, places); a cluster that is left empty is 0."""
    from scipy.cluster.vq import kmeans2  # half a second to import, and few studies need it

    data, centroids = points.double().cpu().numpy(), first.double().cpu().numpy()
    for _ in range(_ITERATIONS):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a cluster is empty
            moved, labels = kmeans2(data, centroids, iter=1, minit="matrix")
        used = torch.bincount(torch.from_numpy(labels).long(), minlength=len(centroids)) > 0
        moved = moved * used.numpy()[:, None]
        change, centroids = float(((moved - centroids) ** 2).sum()), moved
        if change <= _TOLERANCE:
            break
    return torch.from_numpy(centroids).to(points)
