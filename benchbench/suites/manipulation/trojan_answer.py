"""The answer of the suite ``trojan``: verdicts per method, the attack's facts, the curve of recovery, and the sheet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ...results.record import Record
from ...results.suite_answer import Question, SuiteAnswer, SuitePicture
from ...study.spec import MethodChoice, StudySpec
from ..run_maps import why_no_map
from ..shown_names import ShownNames, shown_names
from ..verdict_rows import absent_row, interval_row, mean_row
from .masked_truth import READS, Reference, Scores, is_control, reference
from .trojan_place import TrojanPlace
from .trojan_tables import attack_table, method_row, methods_table, recovery_chart, recovery_rows, recovery_table
from .trojan_words import NOTES, findings, sentence
from .truth_sheet import ends, truth_sheet

COLUMNS = 6  # methods on the sheet
MARGIN = 0.1
FINDS = Question(
    "finds-the-trigger",
    "Finds the trigger",
    "The average precision of the map of the attack's class for the trigger's pixels (PxAP per image), less that of "
    "the best control on the same image: how much better the map is than one that ignores the network.",
    MARGIN,
    "arXiv:2405.02344, arXiv:2009.10639 (triggers as truth); arXiv:2001.07437 (PxAP)",
    (-1.0, 1.0),
)
UNDOES = Question(
    "undoes-the-attack",
    "Undoes the attack",
    "The map's highest pixels take their values without the trigger. The score is the share of images that are then no "
    "longer of the attack's class, the mean over several numbers of pixels: as many as the trigger has, and multiples.",
    0.5,
    "arXiv:2009.10639 (recovering rate); arXiv:2405.02344",
)
QUIET = Question(
    "quiet-without-it",
    "Quiet without the trigger",
    "The map's average precision for the trigger's pixels, less that of the same class's map on the picture without "
    "the trigger: does the map point there because of the trigger?",
    MARGIN,
    "arXiv:2405.02344 (explanations with and without the trigger)",
    (-1.0, 1.0),
)
QUESTIONS = (FINDS, UNDOES, QUIET)


def trojan_answer(
    study: StudySpec, record: Record, places: Sequence[TrojanPlace], sizes: Sequence[float], pictures: int
) -> SuiteAnswer:
    """Judge every method at every place.

    Args:
        study: which has run.
        record: of the run.
        places: networks, data sets and layers.
        sizes: of the restored region, as multiples of the trigger's.
        pictures: rows of the sheet; it is of the first place.
    """
    names = shown_names(record.info)
    verdicts: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    curve: list[dict[str, Any]] = []
    for place in places:
        scores = {method.label: place.scores(method.label) for method in study.methods}
        control = reference({label: scores[label] for label in place.blind}, place.attack.units)
        for method in study.methods:
            verdicts += _verdicts(record, place, method, scores[method.label], control, names, study.seed)
            if place.shown[method.label].triggered:
                rows.append(method_row(place, method.label, scores[method.label]))
                curve += recovery_rows(place, method.label, sizes, names)
    recovery = recovery_table(curve)
    return SuiteAnswer(
        sentence(places[0], verdicts, QUESTIONS, names),
        QUESTIONS,
        pd.DataFrame(verdicts),
        tuple(findings(verdicts, QUESTIONS, names)),
        NOTES,
        (attack_table(places, study.seed), methods_table(rows), recovery),
        (recovery_chart(recovery),) if curve else (),
        _sheet(places[0], names, pictures),
    )


def _verdicts(
    record: Record,
    place: TrojanPlace,
    method: MethodChoice,
    scores: Scores,
    control: Reference,
    names: ShownNames,
    seed: int,
) -> list[dict[str, Any]]:
    label, shown = method.label, place.shown[method.label]
    if not scores:
        status, reason = why_no_map(record, place.model, place.dataset, method.label)
        return [absent_row(q, label, reason, status=status, **place.setting) for q in QUESTIONS]
    if is_control(method) and label not in place.blind:
        return [absent_row(q, label, READS, **place.setting) for q in QUESTIONS]
    title = names.methods.get(control.name, control.name)
    reason = f"PxAP {np.mean(list(scores.values())):.2f}, {title} {control.mean:.2f}"
    better = [value - control.scores[sample] for sample, value in scores.items()]
    undone = [float(np.mean(each)) for each in shown.undone.values()]
    if label == control.name:  # the best control is not better than itself, on any image
        first = interval_row(FINDS, label, 0.0, (0.0, 0.0), len(better), reason=reason, **place.setting)
    else:
        first = mean_row(FINDS, label, better, seed, reason=reason, **place.setting)
    rows = [first, mean_row(UNDOES, label, undone, seed, **place.setting)]
    if shown.why:
        return [*rows, absent_row(QUIET, label, shown.why, **place.setting)]
    without = place.without(label)
    changes = [scores[sample] - without[sample] for sample in scores]
    reason = f"PxAP at the same place without the trigger {np.mean(list(without.values())):.2f}"
    return [*rows, mean_row(QUIET, label, changes, seed, reason=reason, **place.setting)]


def _sheet(place: TrojanPlace, names: ShownNames, count: int) -> tuple[SuitePicture, ...]:
    """The methods with the lowest and the highest precision, on the first images."""
    means = {label: list(place.scores(label).values()) for label in names.methods if label not in names.controls}
    order = sorted((label for label in means if means[label]), key=lambda label: float(np.mean(means[label])))
    maps = {names.methods[label]: place.shown[label].triggered for label in ends(order, COLUMNS)}
    caption = (
        "A row for each image, with the trigger outlined, and maps of the attack's class: first the methods that show "
        "the trigger worst, then those that show it best."
    )
    title = f"Maps of {names.models[place.model]} with the trigger"
    return truth_sheet(title, caption, maps, place.attack.units, place.plan.model.preprocess, count)
