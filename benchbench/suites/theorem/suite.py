"""``--suite theorem``: are CAM and Grad-CAM the same? Per network and layer, by how much they differ, and why."""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
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
HEADINGS = {"model": "Network", "dataset": "Data", "layer": "Layer"}


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
        progress.say(f"comparing the maps of {loaded.plan.model.name} with CAM")
        facts += layer_facts(loaded, _targets(record, loaded.plan.model.name), device)
        del loaded
        gc.collect()  # one network in memory at a time
    if not facts:
        message = "every method of the study explains in pixels, so that there is no layer to compare at"
        raise BenchError(message, where="theorem", hint="Add gradcam to the methods")
    pairs = [pair for each in facts for pair in compared(record, each, [method.label for method in study.methods])]
    titles = {method.label: method.title for method in study.methods if not method.plugin.control}
    return answer(facts, pairs, titles, tolerance)


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
    titles: Mapping[str, str],
    tolerance: float,
) -> SuiteAnswer:
    """The suite's answer of what was compared.

    Args:
        titles: of the methods that are no controls, by label.
    """
    asked = questions(tolerance)
    by_name = {each.name: each for each in asked}
    verdicts = pd.DataFrame([_verdict(by_name[pair.question], pair) for pair in pairs])
    return SuiteAnswer(
        sentence(facts, pairs, titles, tolerance),
        asked,
        verdicts,
        tuple(findings(facts, pairs, titles, tolerance)),
        CRITICISM,
        (_layers(facts), _equalities(pairs)),
        (
            SuiteChart(
                "differences",
                "How far each method is from each cell's contribution",
                "For each network a panel: along x the layers from the input to the logits, along y the largest "
                "difference of the method's map from gradient x activation, both in [0, 1]. 0 is equality.",
                "equalities",
                "points",
                "layer",
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
        "CAM is defined where the logits are one linear layer on the layer's mean over space. Spread: the share of the "
        "gradient's energy that its mean over space lacks, a mean over images; 0 means that all cells have one "
        "gradient, and that Grad-CAM, HiResCAM and XGrad-CAM are one map. Lost: by how much Grad-CAM's total differs "
        "from that of gradient x activation, as a share of the sum of magnitudes."
    )
    headings = {**HEADINGS, "defined": "CAM is defined", "why": "Why not", "spread": "Spread", "lost": "Lost"}
    return SuiteTable("layers", "Where CAM is defined", note, pd.DataFrame(rows), headings)


def _equalities(pairs: Sequence[ComparedMaps]) -> SuiteTable:
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    columns = {CAM: "cam", LOCAL: "contribution", CLOSED_FORM: "closed_form"}
    empty = {f"{column}_{kind}": float("nan") for column in columns.values() for kind in ("gap", "correlation")}
    for pair in pairs:
        key = (pair.model, pair.dataset, pair.layer, pair.method)
        row = rows.setdefault(
            key, {**dict(zip(("model", "dataset", "layer", "method"), key, strict=True)), **empty, "images": 0}
        )
        row[f"{columns[pair.question]}_gap"] = pair.gap
        row[f"{columns[pair.question]}_correlation"] = pair.alike
        row["images"] = max(row["images"], pair.n)
    note = (
        "Largest difference of a pixel over images, and mean correlation, of the positive parts of two maps in [0, 1] "
        "at the image's size. Empty where CAM is not defined, or where the method has no map."
    )
    headings = {
        **HEADINGS,
        "method": "Method",
        "cam_gap": "From CAM",
        "cam_correlation": "Correlation with CAM",
        "contribution_gap": "From the contributions",
        "contribution_correlation": "Correlation with them",
        "closed_form_gap": "From Grad-CAM++'s closed form",
    }
    return SuiteTable("equalities", "By how much the maps differ", note, pd.DataFrame(list(rows.values())), headings)


def _mean(values: Mapping[str, float]) -> float:
    return float(np.mean(list(values.values()))) if values else float("nan")
