"""How well stored maps show a planted truth, and how well maps do that know nothing of the network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from ...maps.normalise import saliency
from ...results.record import Record
from ...results.schema import FloatArray
from ...study.spec import MethodChoice
from ...types import INPUT
from ..mask_precision import average_precision
from ..run_maps import run_maps
from .counterfactuals import Counterfactual

Scores: TypeAlias = dict[str, float]  # by sample
CHANCE = "a constant map"  # the control that every run has
READS = "this control reads the network, but not its reasons for a class: it is neither a reference here nor judged"


@dataclass(frozen=True, eq=False)
class Reference:
    """The best of the controls: a map that ignores the network, and what it scores per sample."""

    name: str
    scores: Scores

    @property
    def mean(self) -> float:
        return float(np.mean(list(self.scores.values())))


def heights(maps: Mapping[str, FloatArray], pairs: Iterable[Counterfactual]) -> dict[str, Tensor]:
    """Maps as metrics see them: (H, W), upsampled to the image and min-max normalised, by sample."""
    return {
        pair.sample: saliency(torch.from_numpy(maps[pair.sample])[None], (pair.mask.shape[0], pair.mask.shape[1]))[0]
        for pair in pairs
        if pair.sample in maps
    }


def precisions(shown: Mapping[str, Tensor], pairs: Iterable[Counterfactual]) -> Scores:
    """The average precision of each map as a classifier of the mask's pixels: the metric ``pxap@exact``.

    Args:
        shown: by sample, maps (H, W) as ``heights`` makes them.
        pairs: the samples with their masks.
    """
    return {pair.sample: average_precision(shown[pair.sample], pair.mask) for pair in pairs if pair.sample in shown}


def share_in(shown: Mapping[str, Tensor], regions: Mapping[str, Tensor]) -> Scores:
    """The share of each map's mass in a region (H, W) bool; 0 of a constant map."""
    return {
        sample: float((height * regions[sample]).sum() / height.sum().clamp_min(1e-12))
        for sample, height in shown.items()
    }


def place_maps(record: Record, model: str, dataset: str, layer: str, method: MethodChoice) -> dict[str, FloatArray]:
    """The run's maps of a method: at the layer, or of the input image where the method explains in pixels."""
    place = INPUT if "input" in method.needs else layer
    return run_maps(record, model, dataset, place, method.label)


def is_control(method: MethodChoice) -> bool:
    """Whether a method is a control that is not told the mask."""
    return method.plugin.control and "mask" not in method.needs


def ignores_network(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> bool:
    """Whether maps on two networks, or of two, by sample, are the same to the last digit on all samples of both."""
    both = [name for name in first if name in second]
    return bool(both) and all(torch.equal(first[name], second[name]) for name in both)


def reference(controls: Mapping[str, Scores], pairs: Iterable[Counterfactual]) -> Reference:
    """The control with the best mean; a constant map, which scores the mask's share, is always one.

    Args:
        controls: by label, the scores of the controls that ignore the network.
        pairs: the samples.
    """
    constant = {pair.sample: float(pair.mask.float().mean()) for pair in pairs}
    known = [Reference(CHANCE, constant)]
    known += [Reference(label, scores) for label, scores in controls.items() if set(scores) >= set(constant)]
    return max(known, key=lambda each: each.mean)
