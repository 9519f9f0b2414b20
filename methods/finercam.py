"""Finer-CAM: Zhang et al. 2025, arXiv:2501.11309."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from benchbench.errors import NotApplicable
from benchbench.registry import method
from benchbench.types import Layer

from ..registry.method_parameter import AnyMethod, Method


@method(
    "finercam",
    title="Finer-CAM",
    needs=("gradient", "look"),
    paper="arXiv:2501.11309",
    fails="Where the nearest classes share the evidence that matters: it is taken away with theirs.",
    fixed_score="it explains a difference of logits by its definition",
)
def finercam(
    layer: Layer,
    *,
    of: AnyMethod = Method("gradcam"),  # noqa: B008 - frozen
    gamma: float = 0.6,
    others: Annotated[int, Field(ge=1)] = 3,
    weights: Literal["mean", "probability"] = "mean",
) -> Tensor:
    """A method on what tells the target from the classes nearest to it: y_c - gamma mean(y_d).

    d are the ``others`` classes whose logits are nearest to the target's. ``probability`` weighs y_c - gamma y_d by the
    softmax of d among all classes and differentiates that too, as the authors' code does (there gamma is 1). The method
    must be one that reads the activation and the gradient alone.
    """
    if "gradient" not in of.needs or of.needs - {"activation", "gradient", "input"}:
        raise NotApplicable(f"Finer-CAM changes what is differentiated, and {of} asks for more or less than a gradient")
    rivals = _nearest(layer, others)

    def score(logits: Tensor) -> Tensor:
        target_logit, rival_logits = logits.gather(1, layer.targets[:, None]), logits.gather(1, rivals)
        if weights == "mean":
            return target_logit[:, 0] - gamma * rival_logits.mean(1)
        share = rival_logits.softmax(1)  # of all classes' softmax, divided by its sum: both may underflow
        return (share * (target_logit - gamma * rival_logits)).sum(1)

    maps: Tensor = of(layer.look(layer.images, score=score))
    return maps


def _nearest(layer: Layer, count: int) -> Tensor:
    """(B, at most count): the classes nearest to the target's logit, without the target."""
    distance = (layer.logits - layer.logits.gather(1, layer.targets[:, None])).abs()
    distance = distance.scatter(1, layer.targets[:, None], torch.inf)
    order: Tensor = distance.argsort(dim=1, stable=True)
    return order[:, : min(count, layer.logits.shape[1] - 1)]
