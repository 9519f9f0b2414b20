"""``--suite theorem``: are CAM and Grad-CAM the same? Per network and layer, by how much they differ, and why."""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field

from ...engine.device import device_of
from ...engine.progress import Progress
from ...engine.setup import load
from ...errors import BenchError
from ...registry import suite
from ...results.record import Record
from ...results.suite_answer import Question, SuiteAnswer, SuiteChart, SuiteTable
from ...study.spec import StudySpec
from ..shown_names import ShownNames, shown_names
from ..verdict_rows import absent_row, exact_row
from .compared_maps import ComparedMaps, compared
from .layer_facts import CAM, CLOSED_FORM, LOCAL, LayerFacts, layer_facts
from .words import CRITICISM, findings, sentence

KEYS = {
    "models": ["zoo"],
    "datasets": ["shapes"],
    "layers": "stages",
    "methods": ["cam", "gradcam", "gradcam++", "xgradcam", "hirescam", "layercam", "random", "uniform", "center"],
    "metrics": ["sparseness"],
    "samples": 8,
}
PLACE = ("model", "dataset", "layer", "method")


@suite("theorem", keys=KEYS, title="CAM and Grad-CAM", paper="arXiv:1610.02391")
def theorem(
    study: StudySpec,
    folder: Path,
    progress: Progress,
    *,
    tolerance: Annotated[float, Field(gt=0, lt=1)] = 1e-5,
) -> SuiteAnswer:
    """Whether each method's map is CAM, is each cell's contribution, or is Grad-CAM++'s closed form, layer by layer.

    See docs/suites/theorem.md.

    Args:
        study: which has run into the folder.
        folder: the run's.
        progress: where the work is told.
        tolerance: two maps in [0, 1] are equal if no pixel differs by more.

    Raises:
        BenchError: the networks or the data cannot be read again, or no method of the study has a layer.
    """
    record, device = Record.load(folder), device_of(study)
    facts: list[LayerFacts] = []
    for choice in study.models:
        loaded = load(choice, study, device)
        progress.say(f"comparing the maps of {choice.title} with CAM")
        facts += layer_facts(loaded, _targets(record, loaded.plan.model.name), device)
        del loaded
        gc.collect()  # one network in memory at a time
    if not facts:
        message = "every method of the study explains in pixels, so that there is no layer to compare at"
        raise BenchError(message, where="theorem", hint="Add gradcam to the methods")
    pairs = [pair for each in facts for pair in compared(record, each, [method.label for method in study.methods])]
    titles, controls = shown_names(record.info), {method.label for method in study.methods if method.plugin.control}
    subjects = {label: title for label, title in titles.methods.items() if label not in controls}
    return answer(facts, pairs, replace(titles, methods=subjects), tolerance)


def _targets(record: Record, model: str) -> dict[tuple[str, str], int]:
    rows = record.photos[record.photos["model"] == model]
    return {
        (str(dataset), str(sample)): int(target)
        for dataset, sample, target in zip(rows["dataset"], rows["sample"], rows["target"], strict=True)
    }


def questions(tolerance: float) -> tuple[Question, ...]:
    """The three, each with the threshold that the tolerance gives."""
    score = "The score is 1 minus the largest difference of a pixel over all images, of positive parts in [0, 1]."
    level = 1 - tolerance
    return (
        Question(
            CAM,
            "Equals CAM",
            "Is the map relu(sum_k w_k A_k), with w the class's row of the last linear layer? Asked where the logits "
            f"are one linear layer on the layer's mean over space, which is where CAM is defined. {score}",
            level,
            "arXiv:1512.04150, equation 2; arXiv:1610.02391, section 3",
        ),
        Question(
            LOCAL,
            "Equals each cell's contribution",
            "Is the map relu(sum_k g_k A_k), with the gradient g of each cell: what the cell adds to the logit, to "
            f"first order? Where CAM is defined, this is CAM. Elsewhere it is what CAM would have to be. {score}",
            level,
            "arXiv:2011.08891",
        ),
        Question(
            CLOSED_FORM,
            "Equals Grad-CAM++'s closed form",
            "Is the map relu(sum_k relu(w_k) / (2 + c_k) A_k), with c_k what channel k adds to the logit? Asked where "
            f"CAM is defined. {score}",
            level,
            "arXiv:1710.11063, equations 10 and 19",
        ),
    )


def answer(
    facts: Sequence[LayerFacts],
    pairs: Sequence[ComparedMaps],
    titles: ShownNames,
    tolerance: float,
) -> SuiteAnswer:
    """The suite's answer of what was compared.

    Args:
        titles: display names; of methods, those that are no controls.
    """
    asked, before = questions(tolerance), _layers_before_last(facts)
    pairs = sorted(pairs, key=lambda pair: before[pair.model, pair.dataset, pair.layer])  # the last layers first
    by_name = {each.name: each for each in asked}
    verdicts = pd.DataFrame([_verdict(by_name[pair.question], pair) for pair in pairs])
    return SuiteAnswer(
        sentence(facts, pairs, titles, tolerance),
        asked,
        verdicts,
        tuple(findings(facts, pairs, titles, tolerance)),
        CRITICISM,
        (_layers(facts), _equalities(pairs, facts, before)),
        (
            SuiteChart(
                "differences",
                "How far each method is from each cell's contribution",
                "Each panel is a network, with its layers along x from the last one back. Along y is the largest "
                "difference of a pixel between the method's map and gradient x activation, both in [0, 1]; 0 is "
                "equality.",
                "equalities",
                "points",
                "from_last",
                "contribution_gap",
                panels="model",
            ),
        ),
    )


def _verdict(question: Question, pair: ComparedMaps) -> dict[str, Any]:
    setting = {"model": pair.model, "dataset": pair.dataset, "layer": pair.layer}
    if pair.status != "ok":
        return absent_row(question, pair.method, pair.reason, status=pair.status, **setting)
    reason = f"largest difference {pair.gap:.2g}, mean correlation {pair.alike:.3f}, {pair.n} images"
    return exact_row(question, pair.method, max(0.0, 1 - pair.gap), reason=reason, **setting)


def _layers(facts: Sequence[LayerFacts]) -> SuiteTable:
    rows = [
        {
            "model": each.model,
            "dataset": each.dataset,
            "layer": each.layer,
            "defined": "no" if each.obstacle or each.broken else "yes",
            "why": each.broken or each.obstacle,
            "spread": _mean(each.spread),
            "lost": _mean(each.lost),
            "images": len(each.truths),
        }
        for each in facts
    ]
    note = (
        "CAM is defined where the logits are one linear layer on the layer's mean over space. Spread: the share of "
        "the gradient's energy that its mean over space lacks, a mean over images. If it is 0, all cells have one "
        "gradient, and Grad-CAM, HiResCAM and XGrad-CAM are one map. Lost: the difference of the totals of Grad-CAM "
        "and of gradient x activation, as a share of the sum of magnitudes."
    )
    headings = {**_places(facts), "defined": "CAM is defined", "why": "Why not", "spread": "Spread", "lost": "Lost"}
    return SuiteTable("layers", "Where CAM is defined", note, pd.DataFrame(rows), headings)


def _equalities(
    pairs: Sequence[ComparedMaps], facts: Sequence[LayerFacts], before: Mapping[tuple[str, str, str], int]
) -> SuiteTable:
    """A row per layer and method, in the order of the pairs."""
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    columns = {CAM: "cam", LOCAL: "contribution", CLOSED_FORM: "closed_form"}
    empty = {f"{column}_{kind}": float("nan") for column in columns.values() for kind in ("gap", "correlation")}
    for pair in pairs:
        key = (pair.model, pair.dataset, pair.layer, pair.method)
        place = before[pair.model, pair.dataset, pair.layer]
        words = {"from_last": f"{place} before" if place else "last"}
        row = rows.setdefault(key, {**dict(zip(PLACE, key, strict=True)), **words, **empty, "images": 0})
        row[f"{columns[pair.question]}_gap"] = pair.gap
        row[f"{columns[pair.question]}_correlation"] = pair.alike
        row["images"] = max(row["images"], pair.n)
    note = (
        "Largest difference of a pixel over images, and mean correlation, of the positive parts of two maps in [0, 1] "
        "at the image's size. Empty where CAM is not defined, or where the method has no map. The last layer of each "
        "network comes first."
    )
    headings = {
        **_places(facts),
        "from_last": "Position",
        "method": "Method",
        "cam_gap": "From CAM",
        "contribution_gap": "From the contributions",
        "contribution_correlation": "Correlation with them",
        "closed_form_gap": "From Grad-CAM++'s closed form",
    }
    return SuiteTable("equalities", "By how much the maps differ", note, pd.DataFrame(list(rows.values())), headings)


def _layers_before_last(facts: Sequence[LayerFacts]) -> dict[tuple[str, str, str], int]:
    """By network, data set and layer, how many layers of the study are behind it."""
    known: dict[tuple[str, str], list[str]] = {}
    for each in facts:
        known.setdefault((each.model, each.dataset), []).append(each.layer)
    return {
        (model, dataset, layer): len(layers) - 1 - place
        for (model, dataset), layers in known.items()
        for place, layer in enumerate(layers)
    }


def _places(facts: Sequence[LayerFacts]) -> dict[str, str]:
    """The headings of the columns that tell layers apart."""
    data = {"dataset": "Data"} if len({each.dataset for each in facts}) > 1 else {}
    return {"model": "Network", **data, "layer": "Layer"}


def _mean(values: Mapping[str, float]) -> float:
    return float(np.mean(list(values.values()))) if values else float("nan")
