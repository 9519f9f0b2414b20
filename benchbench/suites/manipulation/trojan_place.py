"""What ``trojan`` compares: an attack, its images, and the maps of each method with and without the trigger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from ...engine.setup import ModelPlan
from .counterfactuals import Counterfactual
from .masked_truth import Scores, precisions


@dataclass(frozen=True, eq=False)
class Attack:
    """What the trigger does to the answers of a network.

    Attributes:
        pairs: images with and without the trigger; the label is the attack's class.
        triggered, clean: the most likely class of each image with the trigger, and without.
        twins: whether the data set gives the pictures without the trigger; else they are interpolated.
    """

    pairs: tuple[Counterfactual, ...]
    triggered: tuple[int, ...]
    clean: tuple[int, ...]
    twins: bool

    @cached_property
    def units(self) -> tuple[Counterfactual, ...]:
        """The images on which the trigger decides: of the attack's class with it, of another without it."""
        answers = zip(self.pairs, self.triggered, self.clean, strict=True)
        return tuple(pair for pair, with_it, without in answers if with_it == pair.label and without != pair.label)


@dataclass(frozen=True, eq=False)
class TrojanShown:
    """One method: maps (H, W) with and without the trigger, and per size whether the attack is undone; by sample.

    ``why``: why there are no maps without the trigger, or empty.
    """

    triggered: Mapping[str, Tensor]
    clean: Mapping[str, Tensor]
    undone: Mapping[str, Sequence[float]]
    why: str


@dataclass(frozen=True, eq=False)
class TrojanPlace:
    """A network, a data set and a layer, with what every method shows there; ``blind``: controls that ignore it."""

    model: str
    dataset: str
    layer: str
    plan: ModelPlan
    attack: Attack
    shown: Mapping[str, TrojanShown]
    blind: frozenset[str]

    @property
    def setting(self) -> dict[str, str]:
        return {"model": self.model, "dataset": self.dataset, "layer": self.layer}

    def scores(self, label: str) -> Scores:
        """How well the maps with the trigger show it."""
        return precisions(self.shown[label].triggered, self.attack.units)

    def without(self, label: str) -> Scores:
        """How well the maps without the trigger show its place."""
        clean = self.shown[label].clean
        return precisions(clean, self.attack.units)
