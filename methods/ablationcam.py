"""Ablation-CAM: Desai and Ramaswamy 2020, WACV, doi:10.1109/WACV45572.2020.9093360."""

from __future__ import annotations

import torch
from torch import Tensor, relu

from benchbench.registry import method
from benchbench.types import Layer


@method(
    "ablationcam",
    title="Ablation-CAM",
    needs=("activation", "rest"),
    paper="doi:10.1109/WACV45572.2020.9093360",
    fails="Where two channels can stand in for each other: leaving out one alone changes nothing, so both weigh "
    "nothing. Where y is negative the weights change their sign.",
)
def ablationcam(layer: Layer) -> Tensor:
    """Activations weighted by the relative drop of the target's logit without each channel, then ReLU.

    w_k = (y - y_k) / y, with y_k the logit when channel k is zero. Only the network behind the layer runs, once per
    channel. Where y < 0 the weights change their sign, as the paper's equation has it.
    """
    logit = layer.logits.gather(1, layer.targets[:, None])
    ablated = layer.score_changed(_without, layer.activation.shape[1])
    weight = (logit - ablated) / logit
    return relu(torch.einsum("bk,bkhw->bhw", weight, layer.activation))


def _without(activation: Tensor, channel: Tensor) -> Tensor:
    activation[torch.arange(len(activation), device=activation.device), channel] = 0
    return activation
