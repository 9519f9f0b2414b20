"""The questions to trained networks, answered from the maps that a run stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import torch
from torch import Tensor

from ...engine.setup import ModelPlan
from ...maps.normalise import saliency
from ...results.record import Record
from ...results.suite_answer import Question
from ...study.choices import MethodChoice
from ...types import INPUT
from ..run_maps import run_maps, why_no_map
from ..verdict_rows import absent_row, mean_row
from .map_scores import balance, selection
from .questions import DISTRACTORS, INSTANCES
from .scenes import NO_INSTANCES, ShownScene, scenes

OfMap: TypeAlias = Callable[[Tensor, ShownScene], float | None]
OF_MAPS: Mapping[str, tuple[Question, OfMap]] = {
    each.name: (each, of_map) for each, of_map in ((INSTANCES, balance), (DISTRACTORS, selection))
}
NO_SCENES = "no image of the run has two instances of its class, or an object of another class"


@dataclass(frozen=True, eq=False)
class SceneRun:
    """One network on one data set of a run.

    Attributes:
        plan: of the network.
        record: of the run.
        dataset: as the run's tables call it.
        seed: the study's.
    """

    plan: ModelPlan
    record: Record
    dataset: str
    seed: int

    @property
    def model(self) -> str:
        return self.plan.model.name

    @property
    def layers(self) -> tuple[str, ...]:
        """The study's layers, from the first to the last."""
        return self.plan.model.layers

    @cached_property
    def scenes(self) -> Mapping[str, ShownScene]:
        return scenes(self.plan, self.dataset)

    def layers_of(self, method: MethodChoice) -> tuple[str, ...]:
        """The layers at which the run has maps of a method; the input image of what explains the network as a whole."""
        return (INPUT,) if "input" in method.needs else self.layers

    def maps(self, layer: str, method: str) -> dict[str, Tensor]:
        """By sample, the stored maps (H, W) at the image's size, min-max normalised."""
        stored = run_maps(self.record, self.model, self.dataset, layer, method)
        return {
            sample: saliency(torch.from_numpy(raw)[None], self._size(sample))[0]
            for sample, raw in stored.items()
            if sample in self.scenes
        }

    def why_none(self, layer: str, method: str) -> str:
        """Why the run has no maps of a method at a layer."""
        return why_no_map(self.record, self.model, self.dataset, method, [layer])[1]

    def _size(self, sample: str) -> tuple[int, int]:
        height, width = self.scenes[sample].image.shape[1:]
        return int(height), int(width)


def trained_rows(run: SceneRun, method: MethodChoice) -> Iterator[tuple[dict[str, Any], float]]:
    """The verdicts of a method on several instances and on distractors, at each layer from the last one back.

    Each verdict has its chance level beside it.

    The chance level is the mean score of the same maps on the scenes of other images: what a map scores that knows
    where figures usually are, and not where they are in this image. It is NaN where the row has no score.

    Args:
        run: of the suite's study.
        method: of it.
    """
    for layer in reversed(run.layers_of(method)):
        maps = run.maps(layer, method.label)
        for question, of_map in OF_MAPS.values():
            where = {"model": run.model, "dataset": run.dataset, "layer": layer}
            reason = _unasked(run, of_map) or ("" if maps else run.why_none(layer, method.label))
            values = [] if reason else values_of(maps, run.scenes, of_map)
            if not values:
                yield absent_row(question, method.label, reason or NO_SCENES, **where), float("nan")
                continue
            yield mean_row(question, method.label, values, run.seed, **where), _chance(maps, run.scenes, of_map)


def values_of(maps: Mapping[str, Tensor], shown: Mapping[str, ShownScene], of_map: OfMap) -> list[float]:
    """The scores of all maps whose scene has what the question needs."""
    scored = (of_map(saliency_map, shown[sample]) for sample, saliency_map in maps.items())
    return [value for value in scored if value is not None]


def _unasked(run: SceneRun, of_map: OfMap) -> str:
    """Why the question cannot be put to these data, or empty."""
    if all(scene.deciding is None for scene in run.scenes.values()):
        return NO_INSTANCES
    blank = (of_map(torch.zeros(scene.image.shape[1:]), scene) for scene in run.scenes.values())
    return "" if any(value is not None for value in blank) else NO_SCENES


def _chance(maps: Mapping[str, Tensor], shown: Mapping[str, ShownScene], of_map: OfMap) -> float:
    """The mean score of each map on the scene of the next image of the same size."""
    names = list(maps)
    pairs = zip(names, names[1:] + names[:1], strict=True)
    moved = [of_map(maps[name], shown[other]) for name, other in pairs if maps[name].shape == maps[other].shape]
    values = [value for value in moved if value is not None]
    return sum(values) / len(values) if values and len(names) > 1 else float("nan")
