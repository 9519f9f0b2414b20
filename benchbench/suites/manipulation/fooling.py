"""``--suite fooling``: which methods still show the object on a network that was trained to make Grad-CAM lie."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from ...engine.device import device_of
from ...engine.progress import Progress
from ...engine.setup import ModelPlan, load
from ...errors import BenchError
from ...models.manipulated import CORNER
from ...registry import suite
from ...results.record import Record
from ...results.suite_answer import SuiteAnswer
from ...study.spec import ModelChoice, StudySpec
from .counterfactuals import answers, counterfactuals
from .fooling_answer import fooling_answer
from .fooling_place import FooledPlace, Region, Side
from .usage import use_of

BUNDLED = "zoo_fooled"
KEYS = {
    "models": ["zoo_residual", BUNDLED],
    "datasets": ["shapes"],
    "layers": "last",
    "methods": [
        *("gradcam", "gradcam++", "layercam", "finercam", "scorecam", "ablationcam", "reciprocam", "eigencam"),
        *("fullgrad", "saliency", "inputxgradient", "integratedgradients", "smoothgrad", "guidedbackprop"),
        *("occlusion", "random", "center", "sobel", "mean-activation", "oracle"),
    ],
    "metrics": ["pxap@exact", "energy_pointing_game"],
    "target": "label",
    "samples": 72,
}


@suite("fooling", keys=KEYS, title="fooled explanations", paper="arXiv:1902.02041")
def fool(
    study: StudySpec,
    folder: Path,
    progress: Progress,
    *,
    region: Region | None = None,
    pictures: Annotated[int, Field(ge=0, le=12)] = 4,
) -> SuiteAnswer:
    """Which methods still show the object on a network that was fine-tuned until Grad-CAM points elsewhere.

    The study names two networks: first the honest one, then the manipulated one.

    Args:
        study: which has run into the folder.
        folder: the run's.
        progress: where the work is told.
        region: where the manipulated network's maps are made to point: left, top, right, bottom in [0, 1]. Known of
            zoo_fooled; of another network nothing is said of the region if it is not given.
        pictures: rows of the sheet.

    Raises:
        BenchError: the study has not two networks with the same number of layers, or the data have no masks.
    """
    device, both = device_of(study), []
    for choice in _two(study):
        progress.say(f"with and without the object: {choice.label}")
        loaded = load(choice, study, device)
        both.append({name: _side(loaded.network, loaded.plan, name, device) for name in loaded.plan.datasets})
        del loaded
        gc.collect()  # one network in memory at a time
    honest, fooled = both
    known = region or ((0.0, 0.0, CORNER, CORNER) if _is_bundled(study.models[1]) else None)
    places = [
        FooledPlace(name, honest[name], fooled[name], layers, known)
        for name in honest
        for layers in _layers(honest[name].plan, fooled[name].plan)
    ]
    return fooling_answer(study, Record.load(folder), places, pictures)


def _two(study: StudySpec) -> tuple[ModelChoice, ModelChoice]:
    if len(study.models) != 2:
        message = f"the suite compares two networks, and the study has {len(study.models)}"
        hint = "Use --models honest,manipulated: the honest network first"
        raise BenchError(message, where="models", hint=hint)
    return study.models[0], study.models[1]


def _is_bundled(choice: ModelChoice) -> bool:
    return choice.plugin is not None and choice.plugin.name == BUNDLED


def _layers(honest: ModelPlan, fooled: ModelPlan) -> list[tuple[str, str]]:
    ours, theirs = honest.model.layers, fooled.model.layers
    if len(ours) != len(theirs):
        message = f"{honest.model.name} has {len(ours)} layers in the study, and {fooled.model.name} has {len(theirs)}"
        raise BenchError(message, where="layers", hint="Both need the same number: use layers: last")
    return list(zip(ours, theirs, strict=True))


def _side(network: nn.Module, plan: ModelPlan, dataset: str, device: torch.device) -> Side:
    pairs = tuple(counterfactuals(plan, dataset))
    whole = answers(network, [pair.image for pair in pairs], device)
    without = answers(network, [pair.without for pair in pairs], device)
    return Side(plan, pairs, use_of(whole, without, pairs))
