"""``--suite depth``: at which layer does each method localise best, and does fusing layers help?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field

from ...engine.progress import Progress
from ...errors import BenchError
from ...registry import suite
from ...results.record import Record
from ...results.suite_answer import Question, SuiteAnswer
from ...study.spec import MetricChoice, StudySpec
from ..shown_names import ShownNames, shown_names
from ..verdict_rows import absent_row, exact_row, mean_row
from .comparisons import CHANCE, FUSED, OTHER, Comparison, compare
from .layer_choice import LayerScores, layer_scores, without_scores
from .tables import ComparedLayers, charts, tables
from .words import CRITICISM, findings, sentence

KEYS = {
    "models": ["zoo_residual", "zoo_plain", "zoo_mobile"],
    "datasets": ["shapes"],
    "layers": "stages",
    "methods": [
        "layercam",
        "gradcam",
        "gradcam++",
        "hirescam",
        "fusion",
        {"name": "fusion", "of": "gradcam"},
        {"name": "fusion", "of": "hirescam"},
        "refinecam",
        "random",
        "center",
        "oracle",
    ],
    "metrics": ["pxap"],
    "target": "label",
    "samples": 60,
}


@suite("depth", keys=KEYS, title="layers and their fusion", paper="doi:10.1109/TIP.2021.3089943")
def depth(
    study: StudySpec,
    folder: Path,
    progress: Progress,
    *,
    margin: Annotated[float, Field(ge=0, lt=1)] = 0.01,
) -> SuiteAnswer:
    """Where each method localises best, whether another layer beats the last one, and whether fusing beats both.

    See docs/suites/depth.md.

    Args:
        study: which has run into the folder.
        folder: the run's.
        progress: where the work is told.
        margin: a difference up to this share of the metric's range counts as none.

    Raises:
        BenchError: the study has no metric of localisation, or the data have no masks or boxes.
    """
    metric = _metric(study)
    record = Record.load(folder)
    scores = layer_scores(record, metric)
    if not scores:
        hint = "Use data with masks, such as shapes or cutouts"
        raise BenchError(f"no map has a value of {metric.label}", where="depth", hint=hint)
    progress.say("choosing layers on one half of the images")
    comparisons = compare(scores, study.methods, without_scores(record, metric))
    return answer(shown_names(record.info), metric, scores, comparisons, margin, study.seed)


def answer(
    names: ShownNames,
    metric: MetricChoice,
    scores: Sequence[LayerScores],
    comparisons: Sequence[Comparison],
    margin: float,
    seed: int,
) -> SuiteAnswer:
    """The suite's answer of what the layers of a run score."""
    asked = questions(metric, margin)
    by_name = {question.name: question for question in asked}
    rows = [_verdict(by_name[each.question], each, seed) for each in comparisons]
    results = [ComparedLayers(each, row) for each, row in zip(comparisons, rows, strict=True)]
    shown = tables(scores, results, names, metric, seed)
    return SuiteAnswer(
        sentence(results, names, metric.title),
        asked,
        pd.DataFrame(rows),
        tuple(findings(results, names)),
        CRITICISM,
        shown,
        charts(metric, shown),
    )


def questions(metric: MetricChoice, margin: float) -> tuple[Question, ...]:
    """The three, for a metric; ``margin`` is a share of its range."""
    low, high = metric.plugin.reading_of(metric.params).range
    span = high - low
    rule = "Layers are chosen on one half of the images and scored on the other. The score is the paired difference."
    common: dict[str, Any] = {"threshold": margin * span, "range": (-span, span)}
    return (
        Question(
            CHANCE,
            "Above chance",
            f"Does the method's best layer reach a higher {metric.title} than the best control, such as a random map "
            f"or a centred blob, at the control's best layer? The oracle does not count as a control. {rule}",
            **common,
        ),
        Question(
            OTHER,
            "Best layer beats last",
            f"Does the method's best layer reach a higher {metric.title} than its last layer? {rule}",
            **common,
        ),
        Question(
            FUSED,
            "Fused beats best layer",
            f"Does the fusion of all stages reach a higher {metric.title} than the best single layer of the method "
            f"that it fuses? {rule}",
            source="Jiang et al. 2021, doi:10.1109/TIP.2021.3089943",
            **common,
        ),
    )


def _verdict(question: Question, each: Comparison, seed: int) -> dict[str, Any]:
    setting = {"model": each.model, "dataset": each.dataset}
    if each.absent:
        return absent_row(question, each.method, each.absent, status=each.status, **setting)
    if not each.differences.any():
        return exact_row(question, each.method, 0.0, reason=f"equal on every image: {each.words}", **setting)
    return mean_row(question, each.method, each.differences.tolist(), seed, reason=each.words, **setting)


def _metric(study: StudySpec) -> MetricChoice:
    """The study's first metric of localisation with a value per image and a range.

    Raises:
        BenchError: there is none.
    """
    for metric in study.metrics:
        reading = metric.plugin.reading_of(metric.params)
        finite = all(np.isfinite(end) for end in reading.range)
        if metric.plugin.family == "localisation" and reading.higher_is_better and finite:
            return metric
    raise BenchError("the study has no metric of localisation", where="metrics", hint="Add pxap")
