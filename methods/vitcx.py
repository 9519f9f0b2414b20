"""ViT-CX: Xie, Li, Cao and Zhang 2023, arXiv:2211.03064."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from benchbench.registry import method
from benchbench.types import Layer

from ..maps.normalise import minmax, upsample
from ..seeds import streamed


@method(
    "vitcx",
    title="ViT-CX",
    needs=("activation", "scores"),
    paper="arXiv:2211.03064",
    fails="Masks that overlap everywhere share each pixel evenly, so that a small object in a few of them is diluted; "
    "the noise that hides a patch is itself a picture unlike any seen in training.",
)
def vitcx(
    layer: Layer,
    *,
    distance: Annotated[float, Field(ge=0, le=2)] = 0.1,
    sigma: Annotated[float, Field(ge=0)] = 0.1,
) -> Tensor:
    """Clustered channels as masks m, each weighted by p(m image + n) - p(image + n) + p(image), n noise outside it.

    Section 4: channels are upsampled, min-max normalised and clustered (complete linkage of the cosine distance, up to
    ``distance``); the sum of a cluster, min-max normalised, is a mask, and n is (1 - m) times normal noise of standard
    deviation ``sigma``. A pixel shares a mask's weight by its share in the sum of all masks; the map is the mean over
    masks. The authors explain the first layer norm of the last block; constant channels are left out.
    """
    size = (layer.images.shape[2], layer.images.shape[3])
    masks = [_masks(activation, size, distance) for activation in layer.activation]
    count = max(map(len, masks))

    def pictures(image: Tensor, variant: Tensor) -> Tensor:
        pairs = zip(image.tolist(), variant.tolist(), strict=True)
        return torch.stack([_picture(layer, masks[i], i, v, sigma) for i, v in pairs])

    if not count:
        return torch.zeros_like(layer.images[:, 0])
    masked, whole = layer.score_pictures(pictures, 2 * count).view(len(masks), count, 2).unbind(2)
    weights = masked - whole + layer.probability[:, None]
    return torch.stack([_mean(m, w[: len(m)]) for m, w in zip(masks, weights, strict=True)])


def _picture(layer: Layer, masks: Tensor, image: int, variant: int, sigma: float) -> Tensor:
    """(channels, H, W): an image under a mask, or as it is (of the odd variants), with noise outside the mask.

    An image with fewer masks than another one in the batch has its own picture in their place, which weighs nothing.
    """
    shown = layer.images[image]
    number, whole = divmod(variant, 2)
    if number >= len(masks):
        return shown
    generator = torch.Generator().manual_seed(streamed((layer.seeds[image],), f"mask {number}")[0])
    noise = sigma * torch.randn(shown.shape, generator=generator).to(shown)
    return (shown if whole else shown * masks[number]) + noise * (1 - masks[number])


def _masks(activation: Tensor, size: tuple[int, int], distance: float) -> Tensor:
    """(masks, H, W) in 0 .. 1, from the channels (K, h, w) of an image."""
    live = activation[activation.amax((1, 2)) > activation.amin((1, 2))]
    if not len(live):
        return activation.new_zeros(0, *size)
    channels = minmax(upsample(live, size))
    directions = F.normalize(channels.flatten(1).double(), dim=1)
    apart = (1 - directions @ directions.T).clamp_min(0)
    members = F.one_hot(_clusters(apart, distance)).to(channels)
    return minmax(torch.einsum("kn,khw->nhw", members, channels))


def _clusters(apart: Tensor, distance: float) -> Tensor:
    """The cluster of each channel by the distances (K, K), numbered by their first channels."""
    if len(apart) == 1:
        return torch.zeros(1, dtype=torch.long)
    from scipy.cluster.hierarchy import fcluster, linkage  # half a second to import, and few studies need it
    from scipy.spatial.distance import squareform

    condensed = squareform(apart.cpu().numpy(), checks=False)
    labels = fcluster(linkage(condensed, "complete"), distance, "distance").tolist()
    numbers = {label: number for number, label in enumerate(dict.fromkeys(labels))}
    return torch.tensor([numbers[label] for label in labels])


def _mean(masks: Tensor, weights: Tensor) -> Tensor:
    """(H, W), from the masks (n, H, W) and the weight of each."""
    total = masks.sum(0)
    shares = torch.where(total > 0, masks / total.clamp_min(torch.finfo(total.dtype).tiny), 0)
    return torch.einsum("n,nhw->hw", weights, shares) / max(1, len(masks))
