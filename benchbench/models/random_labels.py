"""A network that learned random labels, for the data randomisation test of Adebayo et al. 2018, arXiv:1810.03292.

It has the architecture of ``zoo_residual`` and knows the permuted labels of its training scenes by heart, so that
nothing that it learned is about the objects. In a checkout ``python -m tests.zoo.random_labels`` trains it.
"""

from __future__ import annotations

import torch
from safetensors.torch import load_file

from ..registry import model
from ..types import ModelSpec, Preprocess
from .shape_classes import SHAPE_CLASSES
from .zoo import header, weights_file
from .zoo_networks import ARCHITECTURES, MEAN, SIDE, STD

NAME, ARCHITECTURE = "random_labels", "residual"


@model("zoo_random_labels", title="Zoo ResNet, random labels", paper="arXiv:1611.03530")
def zoo_random_labels() -> ModelSpec:
    """The architecture of zoo_residual, trained until it knew permuted labels of scenes by heart; see --suite sanity.

    Raises:
        BenchError: the file of the weights is not there or is damaged.
    """
    facts = header(NAME)
    with torch.random.fork_rng(devices=[]):
        network = ARCHITECTURES[ARCHITECTURE]().eval()
    network.load_state_dict(load_file(weights_file(NAME)))
    scenes = f"{facts['scenes']} scenes of shapes, split train, with permuted labels"
    reached = f"{float(facts['memorised']):.1%} of them by heart, {float(facts['accuracy']):.1%} of held-out scenes"
    return ModelSpec(
        "zoo_random_labels",
        network,
        Preprocess(SIDE, SIDE, (MEAN,) * 3, (STD,) * 3),
        weights=f"{scenes}, in the package; {reached}",
        classes=SHAPE_CLASSES,
    )
