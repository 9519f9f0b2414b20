"""The probability of every class of a network for a picture."""

from __future__ import annotations

import torch
from PIL import Image

from ..engine.study_sources import returning_logits
from ..failure_policy import as_bench_error
from ..models.preprocess import prepare
from ..network.capture import eval_frozen
from ..network.custom_score import activation_of, is_scored
from ..network.scorer import target_scores
from ..types import ModelSpec


def class_chances(spec: ModelSpec, picture: Image.Image, device: torch.device) -> tuple[float, ...]:
    """By class, the probability that a study of the picture has; empty of a network whose score is no class.

    Args:
        spec: a network that is on the device.

    Raises:
        BenchError: the network does not take the picture.
    """
    if is_scored(spec.network):
        return ()
    with as_bench_error("the network fails on the picture", where=f"models: {spec.name}", hint="Check its Preprocess"):
        image = prepare(picture, None, spec.preprocess)[0][None].to(device)
        network = returning_logits(spec, image, "softmax").network
        with eval_frozen(network), torch.no_grad():
            logits = network(image)
    every = torch.arange(logits.shape[1], device=logits.device)[None]
    return tuple(target_scores(logits, every, activation_of(network)).probability[0].double().tolist())
