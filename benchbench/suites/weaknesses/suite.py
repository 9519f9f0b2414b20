"""``--suite weaknesses``: the known weaknesses of Grad-CAM, by algebra and in trained networks."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
from pydantic import Field

from ...engine.device import device_of
from ...engine.progress import Progress
from ...engine.setup import LoadedModel, load
from ...network.capture import eval_frozen
from ...registry import METHODS, suite
from ...results.record import Record
from ...results.suite_answer import SuiteAnswer, SuiteTable
from ...study.spec import StudySpec
from .depth import depth_rows
from .findings import WeaknessVerdicts, findings, repairs_table, sentence
from .planted import WEAKNESSES, explainer
from .questions import QUESTIONS, planted_rows
from .saturation import saturating, saturation_rows
from .trained import SceneRun, trained_rows

BASE = "gradcam"
KEYS = {
    "models": ["zoo_residual", "zoo_mobile", "zoo_vit"],
    "datasets": ["shapes"],
    "layers": "stages",
    "methods": [
        *("cam", "gradcam", "gradcam++", "xgradcam", "hirescam", "layercam", "scorecam", "ablationcam", "reciprocam"),
        *("random", "center", "mean-activation", "oracle"),
    ],
    "metrics": ["pxap", "energy_pointing_game"],
    "target": "label",
    "samples": 32,
}
NOTES = (
    "The planted cases detect what a method misses, and hardly what it invents: the features contain little but the "
    "objects. They say what a formula does, not how often it matters.",
    "Trained questions take the objects for the truth. A network may use less of an object, or its surroundings; then "
    "a faithful map scores low.",
    "The interval of a trained question is over images of one network, not over networks.",
)


@dataclass(eq=False)
class _Gathered:
    """Rows, as they are made."""

    verdicts: list[dict[str, Any]] = field(default_factory=list)
    chances: list[dict[str, Any]] = field(default_factory=list)
    stages: list[dict[str, Any]] = field(default_factory=list)
    heads: list[dict[str, Any]] = field(default_factory=list)


@suite("weaknesses", keys=KEYS, title="known weaknesses of Grad-CAM", paper="arXiv:1610.02391")
def ask_weaknesses(
    study: StudySpec, folder: Path, progress: Progress, *, saturated: Annotated[int, Field(ge=2, le=10_000)] = 24
) -> SuiteAnswer:
    """Ten planted cases with known answers, and the same questions put to trained networks; see docs/suites.

    Args:
        study: which has run into the folder.
        folder: the run's.
        progress: where the work is told.
        saturated: how many images of each network are explained behind a saturating head.

    Raises:
        BenchError: the networks or the data cannot be read again.
    """
    gathered, record = _Gathered(), Record.load(folder)
    for method in study.methods:
        progress.say(f"planted weaknesses: {method.label}")
        gathered.verdicts += planted_rows(method, study.seed)
    last: dict[str, str] = {}
    for choice in study.models:
        loaded = load(choice, study, device_of(study))
        last[loaded.plan.model.name] = loaded.plan.model.layers[-1]
        for dataset in loaded.plan.datasets:
            _trained(study, loaded, SceneRun(loaded.plan, record, dataset, study.seed), gathered, progress, saturated)
        del loaded
        gc.collect()  # one network in memory at a time
    return _answer(study, record, gathered, last)


def _trained(
    study: StudySpec, loaded: LoadedModel, run: SceneRun, gathered: _Gathered, progress: Progress, saturated: int
) -> None:
    """Put the questions to one network on one data set."""
    for method in study.methods:
        progress.say(f"{run.model} on {run.dataset}: {method.label}")
        for row, chance in trained_rows(run, method):
            gathered.verdicts.append(row)
            if row["status"] == "ok":
                gathered.chances.append({**row, "chance": chance})
        row, table = depth_rows(run, method)
        gathered.verdicts.append(row)
        gathered.stages += table
    with eval_frozen(loaded.network):
        heads = list(saturating(loaded.network, list(run.scenes.values()), saturated))
        for method in study.methods:
            progress.say(f"{run.model} on {run.dataset}, saturated: {method.label}")
            row, table = saturation_rows(run, method, heads)
            gathered.verdicts.append(row)
            gathered.heads += table


def _answer(study: StudySpec, record: Record, gathered: _Gathered, last: dict[str, str]) -> SuiteAnswer:
    rows = pd.DataFrame(gathered.verdicts)
    plugin = METHODS[BASE]
    explain = explainer(plugin, plugin.bind({}))
    base = {name: case.measure(explain) for name, case in WEAKNESSES.items()}
    controls = [method.label for method in study.methods if method.plugin.control]
    others = [m.label for m in study.methods if not m.plugin.control and m.plugin.name != BASE]
    verdicts = WeaknessVerdicts(rows, base, others, controls, last)
    datasets = list(dict.fromkeys(row["dataset"] for row in gathered.verdicts if row["dataset"]))
    return SuiteAnswer(
        sentence(verdicts, list(last), datasets),
        QUESTIONS,
        rows,
        findings(verdicts),
        NOTES,
        tuple(_tables(verdicts, gathered)),
    )


def _tables(verdicts: WeaknessVerdicts, gathered: _Gathered) -> Iterator[SuiteTable]:
    yield SuiteTable(
        "repairs",
        "Repairs",
        "For each planted case, Grad-CAM's score and which other methods of the run pass and fail. A method that does "
        "not apply is in neither column.",
        repairs_table(verdicts),
        {
            "case": "planted case",
            "gradcam": "Grad-CAM",
            "threshold": "passes above",
            "gradcam_passes": "Grad-CAM passes",
            "passes": "pass",
            "fails": "fail",
        },
    )
    places = {"method": "method", "model": "network", "dataset": "data", "layer": "layer"}
    if gathered.chances:
        yield SuiteTable(
            "trained",
            "In trained networks, against chance",
            "The mean score over images, with its 95 % interval, and the score of the same maps on the scenes of other "
            "images: what is known of the data set and not of the image.",
            pd.DataFrame(gathered.chances).drop(columns=["status", "reason", "passes"]),
            {"question": "question", **places, "n": "images", "score": "score", "low": "low", "high": "high"}
            | {"chance": "chance"},
        )
    if gathered.stages:
        columns = ["method", "model", "dataset", "layer", "n", "score", "gain", "gain_low", "gain_high"]
        yield SuiteTable(
            "stages",
            "Layers and their fusion",
            "(PxAP - a) / (1 - a) at each layer, and of all layers fused as Layer-CAM does. The gain is against the "
            "layer that is best on the same images, which favours that layer.",
            pd.DataFrame(gathered.stages).reindex(columns=columns),
            {**places, "n": "images", "score": "score", "gain": "gain", "gain_low": "low", "gain_high": "high"},
        )
    if gathered.heads:
        yield SuiteTable(
            "saturating-head",
            "Without and behind a saturating head",
            "(PxAP - a) / (1 - a) at the last layer on the same images: of the map that the run stored, and of the map "
            "of the network behind the head.",
            pd.DataFrame(gathered.heads),
            {**places, "n": "images", "without": "without", "saturated": "saturated"},
        )
