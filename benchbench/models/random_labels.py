"""A network that learned random labels, for the data randomisation test of Adebayo et al. 2018, arXiv:1810.03292.

It has the architecture of ``zoo_residual`` and knows the permuted labels of its training scenes by heart, so that
nothing that it learned is about the objects. In a checkout ``python -m tests.zoo.random_labels`` trains it.
"""

from __future__ import annotations

from ..registry import model
from ..types import ModelSpec
from .zoo import header, packaged

NAME, ARCHITECTURE = "random_labels", "residual"


@model("zoo_random_labels", title="Zoo ResNet, random labels", paper="arXiv:1611.03530")
def zoo_random_labels() -> ModelSpec:
    """The architecture of zoo_residual, trained until it knew permuted labels of scenes by heart; see --suite sanity.

    Raises:
        BenchError: the file of the weights is not there or is damaged.
    """
    facts = header(NAME)
    scenes = f"{facts['scenes']} scenes of shapes, split train, with permuted labels"
    reached = f"{float(facts['memorised']):.1%} of them by heart, {float(facts['accuracy']):.1%} of held-out scenes"
    return packaged(ARCHITECTURE, NAME, f"{scenes}, in the package; {reached}")
