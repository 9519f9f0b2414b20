"""The answer of the suite ``trojan``: verdicts per method, the attack's facts, the curve of recovery, and the sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from ...engine.setup import ModelPlan
from ...results.record import Record
from ...results.suite_answer import Question, SuiteAnswer, SuiteChart, SuitePicture, SuiteTable
from ...stats.intervals import limits
from ...study.spec import MethodChoice, StudySpec
from ..verdict_rows import absent_row, interval_row, mean_row
from .counterfactuals import Counterfactual
from .map_sheet import SheetRow, sheet
from .masked_truth import READS, Reference, Scores, is_control, precision, precisions, reference, why_none

COLUMNS = 6  # methods on the sheet
MARGIN = 0.1
FINDS = Question(
    "finds-the-trigger",
    "finds the trigger",
    "The map's average precision for the trigger's pixels (PxAP per image) less that of the best control on the same "
    "image: how much better than a map that ignores the network. The class explained is that of the attack.",
    MARGIN,
    "arXiv:2405.02344, arXiv:2009.10639 (triggers as truth); arXiv:2001.07437 (PxAP)",
    (-1.0, 1.0),
)
UNDOES = Question(
    "undoes-the-attack",
    "undoes the attack",
    "The share of images that are no longer of the attack's class once the map's highest pixels have their values "
    "without the trigger: as many pixels as the trigger has and multiples of it, the mean over these sizes.",
    0.5,
    "arXiv:2009.10639 (recovering rate); arXiv:2405.02344",
)
QUIET = Question(
    "quiet-without-it",
    "quiet without it",
    "The map's average precision for the trigger's pixels less that of the same class's map on the picture without "
    "the trigger: does the map point there because of the trigger, and not at that place anyway.",
    MARGIN,
    "arXiv:2405.02344 (explanations with and without the trigger)",
    (-1.0, 1.0),
)
NOTES = (
    "The trigger is the truth for the attack's class on images on which the trigger alone decides: those that are of "
    "the attack's class with it and of another class without it. The others are left out.",
    "A trigger is a simple, local cue. A method that finds it may still be wrong on evidence that is spread out.",
    "Reviewers of arXiv:2405.02344 object that a network may use more than the trigger: the table of the attack says "
    "how often the class goes with the trigger.",
)


@dataclass(frozen=True, eq=False)
class Attack:
    """What the trigger does to the answers of a network.

    Attributes:
        pairs: images with and without the trigger; the label is the attack's class.
        triggered, clean: the most likely class of each image with the trigger, and without.
        twins: whether the data set gives the pictures without the trigger; else they are interpolated.
    """

    pairs: tuple[Counterfactual, ...]
    triggered: tuple[int, ...]
    clean: tuple[int, ...]
    twins: bool

    @cached_property
    def units(self) -> tuple[Counterfactual, ...]:
        """The images on which the trigger decides: of the attack's class with it, of another without it."""
        answers = zip(self.pairs, self.triggered, self.clean, strict=True)
        return tuple(pair for pair, with_it, without in answers if with_it == pair.label and without != pair.label)


@dataclass(frozen=True, eq=False)
class TrojanShown:
    """One method: maps (H, W) with and without the trigger, and per size whether the attack is undone; by sample.

    ``why``: why there are no maps without the trigger, or empty.
    """

    triggered: Mapping[str, Tensor]
    clean: Mapping[str, Tensor]
    undone: Mapping[str, Sequence[float]]
    why: str


@dataclass(frozen=True, eq=False)
class TrojanPlace:
    """A network, a data set and a layer, with what every method shows there; ``blind``: controls that ignore it."""

    model: str
    dataset: str
    layer: str
    plan: ModelPlan
    attack: Attack
    shown: Mapping[str, TrojanShown]
    blind: frozenset[str]

    @property
    def setting(self) -> dict[str, str]:
        return {"model": self.model, "dataset": self.dataset, "layer": self.layer}

    def scores(self, label: str) -> Scores:
        return precisions(self.shown[label].triggered, self.attack.units)


@dataclass(eq=False)
class _Parts:
    verdicts: list[dict[str, Any]] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    curve: list[dict[str, Any]] = field(default_factory=list)
    attacks: list[dict[str, Any]] = field(default_factory=list)


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
    parts = _Parts()
    for place in places:
        scores = {method.label: place.scores(method.label) for method in study.methods}
        control = reference({label: scores[label] for label in place.blind}, place.attack.units)
        parts.attacks.append(_attack_row(place, study.seed))
        for method in study.methods:
            parts.verdicts += _verdicts(study, record, place, method, scores[method.label], control)
            if place.shown[method.label].triggered:
                parts.rows.append(_row(place, method.label, scores[method.label]))
                parts.curve += _curve(place, method.label, sizes)
    attacks = SuiteTable("attack", "The attack", _ATTACK, pd.DataFrame(parts.attacks), _ATTACK_HEADINGS)
    numbers = SuiteTable("methods", "Maps of the attack's class", _METHODS, pd.DataFrame(parts.rows), _HEADINGS)
    curve = SuiteTable("recovery", "Recovery by size", _RECOVERY, pd.DataFrame(parts.curve), _CURVE_HEADINGS)
    chart = SuiteChart("curve", curve.title, _CHART, "recovery", "lines", "size", "undone", "method", "panel")
    return SuiteAnswer(
        _sentence(study, places[0], parts),
        (FINDS, UNDOES, QUIET),
        pd.DataFrame(parts.verdicts),
        (),
        NOTES,
        (attacks, numbers, curve),
        (chart,) if parts.curve else (),
        tuple(_sheet(study, places[0], pictures)) if pictures else (),
    )


def _verdicts(
    study: StudySpec, record: Record, place: TrojanPlace, method: MethodChoice, scores: Scores, control: Reference
) -> list[dict[str, Any]]:
    label, shown = method.label, place.shown[method.label]
    if not scores:
        status, reason = why_none(record, place.model, place.dataset, method)
        return [absent_row(q, label, reason, status=status, **place.setting) for q in (FINDS, UNDOES, QUIET)]
    if is_control(method) and label not in place.blind:
        return [absent_row(q, label, READS, **place.setting) for q in (FINDS, UNDOES, QUIET)]
    reason = f"PxAP {np.mean(list(scores.values())):.2f}, control {control.name} {control.mean:.2f}"
    better = [value - control.scores[sample] for sample, value in scores.items()]
    rows = [_found(study, place, label, better, reason, itself=label == control.name)]
    rows.append(
        mean_row(UNDOES, label, [float(np.mean(u)) for u in shown.undone.values()], study.seed, **place.setting)
    )
    if shown.why:
        return [*rows, absent_row(QUIET, label, shown.why, **place.setting)]
    anyway = _anyway(place, shown)
    changes = [scores[sample] - anyway[sample] for sample in scores]
    reason = f"PxAP at the same place without the trigger {np.mean(list(anyway.values())):.2f}"
    return [*rows, mean_row(QUIET, label, changes, study.seed, reason=reason, **place.setting)]


def _found(
    study: StudySpec, place: TrojanPlace, label: str, better: Sequence[float], reason: str, *, itself: bool
) -> dict[str, Any]:
    """The best control is not better than itself, on any image."""
    if itself:
        return interval_row(FINDS, label, 0.0, (0.0, 0.0), len(better), reason=reason, **place.setting)
    return mean_row(FINDS, label, better, study.seed, reason=reason, **place.setting)


def _anyway(place: TrojanPlace, shown: TrojanShown) -> Scores:
    """How well the maps without the trigger show its place."""
    return {
        pair.sample: precision(shown.clean[pair.sample], pair.mask)
        for pair in place.attack.units
        if pair.sample in shown.clean
    }


def _row(place: TrojanPlace, label: str, scores: Scores) -> dict[str, Any]:
    shown = place.shown[label]
    share = {
        p.sample: float((shown.triggered[p.sample] * p.mask).sum()) for p in place.attack.units if p.sample in scores
    }
    mass = [value / max(float(shown.triggered[sample].sum()), 1e-12) for sample, value in share.items()]
    anyway = list(_anyway(place, shown).values())
    row = {**place.setting, "method": label, "n": len(scores), "pxap": float(np.mean(list(scores.values())))}
    row |= {"pxap_without": float(np.mean(anyway)) if anyway else float("nan"), "mass": float(np.mean(mass))}
    return row | {"area": float(np.mean([float(pair.mask.float().mean()) for pair in place.attack.units]))}


def _curve(place: TrojanPlace, label: str, sizes: Sequence[float]) -> list[dict[str, Any]]:
    undone = np.array(list(place.shown[label].undone.values()))
    base = {**place.setting, "panel": f"{place.model}, {place.dataset}, {place.layer}", "method": label}
    return [{**base, "size": size, "undone": float(undone[:, k].mean())} for k, size in enumerate(sizes)]


def _attack_row(place: TrojanPlace, seed: int) -> dict[str, Any]:
    attack = place.attack
    rows = list(zip(attack.pairs, attack.triggered, attack.clean, strict=True))
    success = np.array([float(with_it == pair.label) for pair, with_it, _ in rows])
    gone = np.array([float(without != pair.label) for pair, _, without in rows])
    known = [float(without == pair.own_label) for pair, _, without in rows if pair.own_label is not None]
    low, high = limits(success[:, None], 0.0, 1.0, seed)[:, 0]
    row: dict[str, Any] = {**place.setting, "n": len(rows), "success": float(success.mean())}
    row |= {"success_low": float(low), "success_high": float(high), "gone": float(gone.mean())}
    row |= {"right": float(np.mean(known)) if known else float("nan"), "units": len(attack.units)}
    return row | {"without": "twins of the data set" if attack.twins else "the mask's pixels interpolated"}


def _sentence(study: StudySpec, place: TrojanPlace, parts: _Parts) -> str:
    controls = {method.label for method in study.methods if method.plugin.control}
    here = [v for v in parts.verdicts if all(v[key] == value for key, value in place.setting.items())]
    here = [v for v in here if v["method"] not in controls and v["status"] == "ok"]
    passed = {q.name: [v["method"] for v in here if v["question"] == q.name and v["passes"] is True] for q in _ALL}
    asked = len({v["method"] for v in here})
    every = [label for label in passed[FINDS.name] if all(label in passed[q.name] for q in _ALL)]
    attack = parts.attacks[0]
    return (
        f"On {place.model} the trigger makes {attack['success']:.0%} of {attack['n']} images of {place.dataset} the "
        f"attack's class, and without it {attack['gone']:.0%} are of another. Of {asked} methods at {place.layer}, "
        f"{len(passed[FINDS.name])} find the trigger, "
        f"{len(passed[UNDOES.name])} undo the attack by what they show, and {len(passed[QUIET.name])} are quiet "
        f"without it; all three: {', '.join(every) or 'none'}."
    )


def _sheet(study: StudySpec, place: TrojanPlace, count: int) -> list[SuitePicture]:
    """The methods with the lowest and the highest precision, on the first images."""
    labels = [method.label for method in study.methods if not method.plugin.control]
    means = {label: list(place.scores(label).values()) for label in labels}
    order = sorted((label for label in labels if means[label]), key=lambda label: float(np.mean(means[label])))
    chosen = order if len(order) <= COLUMNS else [*order[: COLUMNS // 2], *order[-(COLUMNS // 2) :]]
    rows: list[SheetRow] = []
    for pair in place.attack.units:
        maps = {label: place.shown[label].triggered.get(pair.sample) for label in chosen}
        drawn = {label: each for label, each in maps.items() if each is not None}
        if chosen and len(drawn) == len(chosen) and len(rows) < count:
            rows.append(SheetRow(pair.image, pair.mask, drawn, pair.sample))
    if not rows:
        return []
    caption = "Each row an image with the trigger outlined, and maps of the attack's class: the methods that show the "
    caption += "trigger worst, then those that show it best."
    return [sheet("maps", f"Maps of {place.model} with the trigger", caption, rows, place.plan.model.preprocess)]


_ALL = (FINDS, UNDOES, QUIET)
_ATTACK = (
    "How often the trigger makes the network answer the attack's class, how often it answers another class without "
)
_ATTACK += "the trigger, and on how many images both hold: the images of all verdicts."
_ATTACK_HEADINGS = {
    "model": "network",
    "dataset": "data",
    "n": "images",
    "success": "attack's class with the trigger",
    "success_low": "from",
    "success_high": "to",
    "gone": "another class without it",
    "right": "right without it",
    "units": "images judged",
    "without": "pictures without",
}
_METHODS = (
    "Means over images: PxAP for the trigger's pixels with the trigger and at the same place without it; the share "
)
_METHODS += "of the map's mass on the trigger, beside the trigger's share of the picture."
_HEADINGS = {
    "method": "method",
    "n": "images",
    "pxap": "PxAP",
    "pxap_without": "without the trigger",
    "mass": "mass on the trigger",
    "area": "trigger's area",
}
_RECOVERY = (
    "The share of images that are no longer of the attack's class once the map's highest pixels are restored, by "
)
_RECOVERY += "how many, as a multiple of the trigger's pixels."
_CURVE_HEADINGS = {"method": "method", "size": "restored, in triggers", "undone": "no longer the attack's class"}
_CHART = "For each method a line: how often restoring its highest pixels undoes the attack, over how many are restored."
