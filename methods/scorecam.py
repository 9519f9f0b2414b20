"""Score-CAM: Wang et al. 2020, arXiv:1910.01279, and what its implementations do instead."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, einsum, relu

from benchbench.registry import method
from benchbench.types import Layer


@method(
    "scorecam",
    title="Score-CAM",
    needs=("activation", "scores"),
    paper="arXiv:1910.01279",
    fails="Masked images are unlike any seen in training, and the mean colour of what is hidden is evidence "
    "too. On a confident network the weights hardly differ, and the map is the mean activation.",
)
def scorecam(layer: Layer, *, variant: Literal["official", "torchcam", "pytorch-grad-cam"] = "official") -> Tensor:
    """Activations weighted by the class score of the image masked by each, then ReLU. One forward per live channel.

    The mask is the activation upsampled to the image and min-max normalised. Three rules for the weight:
    ``official``, the softmax probability of the masked image (a constant channel has weight 0); ``torchcam``, a softmax
    over channels of logit(masked) - logit(image); ``pytorch-grad-cam``, a softmax over channels of logit(masked).
    The last two are equal, as the baseline cancels in the softmax.
    """
    masks = layer.activation
    if variant == "official":
        live = masks.amax((2, 3)) > masks.amin((2, 3))
        weight = layer.score_masked(masks, of="probability") * live
    else:
        raised = layer.score_masked(masks, of="logit")
        if variant == "torchcam":
            raised = raised - layer.logits.gather(1, layer.targets[:, None])
        weight = torch.softmax(raised, 1)
    return relu(einsum("bk,bkhw->bhw", weight, masks))
