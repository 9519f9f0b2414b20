"""What ``fooling`` compares: two networks, their layers, and the maps of a method on both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, TypeAlias

import torch
from pydantic import Field
from torch import Tensor

from ...engine.setup import ModelPlan
from ...results.record import Record
from ...study.spec import MethodChoice
from .counterfactuals import Counterfactual
from .masked_truth import Scores, heights, ignores_network, place_maps, precisions, share_in
from .usage import ObjectUse

Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]
Region: TypeAlias = tuple[Share, Share, Share, Share]


@dataclass(frozen=True, eq=False)
class Side:
    """One of the two networks: its plan, the samples with and without the object, and its answers to both."""

    plan: ModelPlan
    pairs: tuple[Counterfactual, ...]
    usage: ObjectUse


@dataclass(frozen=True, eq=False)
class FooledPlace:
    """A data set and a layer of each network; ``region`` is where the lie points, if that is known."""

    dataset: str
    honest: Side
    fooled: Side
    layers: tuple[str, str]
    region: Region | None

    @property
    def setting(self) -> dict[str, str]:
        return {"model": self.fooled.plan.model.name, "dataset": self.dataset, "layer": self.layers[1]}

    @property
    def agreement(self) -> float:
        """The share of images on which both networks answer the same class."""
        both = zip(self.honest.usage.predicted, self.fooled.usage.predicted, strict=True)
        return sum(first == second for first, second in both) / len(self.fooled.pairs)

    def regions(self) -> dict[str, Tensor]:
        """By sample, where the lie points, bool (H, W); empty where that is not known."""
        if self.region is None:
            return {}
        left, top, right, bottom = self.region
        masks = {}
        for pair in self.fooled.pairs:
            height, width = pair.mask.shape
            rows = slice(round(top * height), round(bottom * height))
            mask = torch.zeros_like(pair.mask)
            mask[rows, round(left * width) : round(right * width)] = True
            masks[pair.sample] = mask
        return masks


@dataclass(frozen=True, eq=False)
class FooledMaps:
    """One method's maps on both networks, as metrics see them, and how well they show the object; by sample."""

    honest: Mapping[str, Tensor]
    fooled: Mapping[str, Tensor]
    scores: tuple[Scores, Scores]
    shares: tuple[Scores, Scores]

    @property
    def ignores_network(self) -> bool:
        return ignores_network(self.honest, self.fooled)


def fooled_maps(record: Record, place: FooledPlace, method: MethodChoice) -> FooledMaps:
    """The run's maps of a method at a place, and how well they show the object."""
    pair = []
    for side, layer in zip((place.honest, place.fooled), place.layers, strict=True):
        maps = place_maps(record, side.plan.model.name, place.dataset, layer, method)
        pair.append(heights(maps, side.pairs))
    honest, fooled = pair
    pairs, regions = place.fooled.pairs, place.regions()
    scores = precisions(honest, pairs), precisions(fooled, pairs)
    shares = (share_in(honest, regions), share_in(fooled, regions)) if regions else ({}, {})
    return FooledMaps(honest, fooled, scores, shares)
