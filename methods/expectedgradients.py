"""Expected gradients: Erion, Janizek, Sturmfels, Lundberg and Lee 2021, arXiv:1906.10670."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from benchbench.registry import method
from benchbench.types import Layer

from ._sign import Sign, evidence


@method(
    "expectedgradients",
    title="Expected gradients",
    needs=("input", "gradient", "look", "references"),
    paper="arXiv:1906.10670",
    fails="The map depends on which images it is compared with: what the image has in common with them gets little. A "
    "few images and random points are a rough mean, so the contributions add up only roughly.",
)
def expectedgradients(layer: Layer, *, draws: Annotated[int, Field(ge=1)] = 4, sign: Sign = "positive") -> Tensor:
    """Integrated gradients averaged over other images of the data as baselines, with random points on the ways.

    The mean of (x - x') times the gradient at x' + u (x - x'), u uniform in [0, 1), summed over channels; the positive
    part of it, or as ``sign`` says. Each baseline x' has ``draws`` points. The authors
    draw a baseline for each point; here each has the same number of points, so that on a linear network the map is
    exact. In a study the baselines are 16 images of the data set that the seed draws, never the image itself; in
    ``bb.explain`` they are ``references=``, or the other images of the call.
    """
    references, total = layer.references, torch.zeros_like(layer.images)
    for k, (baselines, present) in enumerate(references.each()):
        way = layer.images - baselines
        places = layer.uniform(draws, stream=f"reference {k}")
        for place in places.unbind(1):
            gradient = layer.look(baselines + place[:, None, None, None] * way).gradient
            total += torch.where(present[:, None, None, None], way * gradient, 0)
    return evidence(total / (draws * references.counts[:, None, None, None]), sign)
