"""The answer of the suite ``fooling``: verdicts per method, both networks' facts, and the sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from ...results.record import Record
from ...results.suite_answer import Question, SuiteAnswer, SuitePicture
from ...study.spec import MethodChoice, StudySpec
from ..run_maps import why_no_map
from ..shown_names import ShownNames, shown_names
from ..verdict_rows import absent_row
from .fooling_place import FooledMaps, FooledPlace, fooled_maps
from .fooling_tables import accuracy_chart, accuracy_rows, accuracy_table, networks_table
from .fooling_words import NOTES, findings, sentence
from .masked_truth import READS, Reference, is_control, reference
from .retained import IDLE, retained_row
from .truth_sheet import ends, truth_sheet
from .usage import warnings_of

COLUMNS = 4  # methods on the sheet
KEEPS = Question(
    "shows-the-object",
    "Still shows the object",
    "The share of a map's accuracy that is left on the manipulated network. Accuracy is the average precision for the "
    "object's pixels (PxAP per image) less that of the best control, summed over images. 1: nothing was lost. 0: not "
    "better than a map that ignores the network.",
    0.5,
    "arXiv:1902.02041 (location fooling); arXiv:2001.07437 (PxAP)",
)


def fooling_answer(study: StudySpec, record: Record, places: Sequence[FooledPlace], pictures: int) -> SuiteAnswer:
    """Judge every method at every place.

    Args:
        study: which has run.
        record: of the run.
        places: data sets and layers.
        pictures: rows of the sheet; it is of the first place.
    """
    names = shown_names(record.info)
    verdicts: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    drawn: tuple[SuitePicture, ...] = ()
    for place in places:
        shown = {method.label: fooled_maps(record, place, method) for method in study.methods}
        blind = {m.label for m in study.methods if is_control(m) and shown[m.label].ignores_network}
        control = reference({label: shown[label].scores[1] for label in blind}, place.fooled.pairs)
        here = [_verdict(record, place, m, shown[m.label], control, names, study.seed) for m in study.methods]
        verdicts += here
        rows += [
            row for label, each in shown.items() if each.fooled for row in accuracy_rows(place, label, each, names)
        ]
        drawn = drawn or _sheet(place, shown, here, names, pictures)
    table = accuracy_table(rows)
    return SuiteAnswer(
        sentence(places[0], verdicts, names),
        (KEEPS,),
        pd.DataFrame(verdicts),
        findings(places[0], verdicts, names, study.seed),
        (*_warnings(places, names, study.seed), *NOTES),
        (networks_table(places, study.seed), table),
        (accuracy_chart(table),) if rows else (),
        drawn,
    )


def _verdict(
    record: Record,
    place: FooledPlace,
    method: MethodChoice,
    shown: FooledMaps,
    control: Reference,
    names: ShownNames,
    seed: int,
) -> dict[str, Any]:
    for side, maps in ((place.honest, shown.honest), (place.fooled, shown.fooled)):
        if not maps:
            status, reason = why_no_map(record, side.plan.model.name, place.dataset, method.label)
            return absent_row(KEEPS, method.label, reason, status=status, **place.setting)
    if is_control(method) and not shown.ignores_network:
        return absent_row(KEEPS, method.label, READS, **place.setting)
    honest, fooled = shown.scores
    titled = replace(control, name=names.methods.get(control.name, control.name))
    return retained_row(KEEPS, method.label, honest, fooled, titled, seed, **place.setting)


def _warnings(places: Sequence[FooledPlace], names: ShownNames, seed: int) -> list[str]:
    data = {each.dataset: each for each in places}
    return [
        warning
        for name, place in data.items()
        for warning in warnings_of(place.honest.usage, place.fooled.usage, seed, names.datasets[name])
    ]


def _sheet(
    place: FooledPlace,
    shown: Mapping[str, FooledMaps],
    verdicts: Sequence[Mapping[str, Any]],
    names: ShownNames,
    count: int,
) -> tuple[SuitePicture, ...]:
    """For the methods with the lowest and the highest scores: the honest map and the fooled one."""
    judged = [v for v in verdicts if v["status"] == "ok" and v["method"] not in names.controls]
    judged = [v for v in judged if not v["reason"].startswith(IDLE)] or judged
    order = [str(v["method"]) for v in sorted(judged, key=lambda v: float(v["score"]))]
    maps = {
        f"{names.methods[label]}, {side}": each
        for label in ends(order, COLUMNS)
        for side, each in (("honest", shown[label].honest), ("manipulated", shown[label].fooled))
    }
    honest, fooled = (names.models[side.plan.model.name] for side in (place.honest, place.fooled))
    caption = (
        f"A row for each image, with its object outlined. For each method, the map on the honest network, {honest}, "
        f"and on the manipulated one, {fooled}: first the methods that lost most, then those that kept most."
    )
    preprocess = place.fooled.plan.model.preprocess
    return truth_sheet("Maps on both networks", caption, maps, place.fooled.pairs, preprocess, count)
