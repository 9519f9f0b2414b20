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
from ..shown_names import shown_names
from .layer_depth import depth_rows
from .planted import WEAKNESSES, explainer
from .questions import QUESTIONS, planted_rows
from .saturation import saturating, saturation_rows
from .tables import chance_table, heads_table, repairs_table, stages_table
from .trained import SceneRun, trained_rows
from .weakness_findings import WeaknessVerdicts, findings, sentence

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
    "The planted tests detect what a method misses, and hardly what it invents: the features contain little but the "
    "objects. They show what a formula does, not how often it matters.",
    "The questions to trained networks take the objects as the truth. A network may use a part of an object, or its "
    "surroundings; then a faithful map has a low score.",
    "The intervals of trained networks are over the images of one network, not over networks.",
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
    """Ten planted tests of known weaknesses of Grad-CAM, and the same questions put to trained networks.

    See docs/suites/weaknesses.md.

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
    verdicts = WeaknessVerdicts(rows, base, others, controls, last, shown_names(record.info))
    return SuiteAnswer(
        sentence(verdicts),
        QUESTIONS,
        rows,
        findings(verdicts),
        NOTES,
        tuple(_tables(verdicts, gathered)),
    )


def _tables(verdicts: WeaknessVerdicts, gathered: _Gathered) -> Iterator[SuiteTable]:
    yield repairs_table(verdicts)
    if gathered.chances:
        yield chance_table(gathered.chances, verdicts.last)
    if gathered.stages:
        yield stages_table(gathered.stages)
    if gathered.heads:
        yield heads_table(gathered.heads)
