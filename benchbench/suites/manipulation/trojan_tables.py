"""The tables and the chart of ``trojan``: the attack, the maps, and how restoring pixels undoes the attack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ...results.suite_answer import SuiteChart, SuiteTable
from ...stats.intervals import limits
from ..shown_names import ShownNames
from .masked_truth import Scores
from .trojan_place import TrojanPlace

_SETTING = {"model": "Network", "dataset": "Data", "layer": "Layer"}
_ATTACK = (
    "How often the network answers the attack's class with the trigger, and another class without it. The verdicts are "
    "over the images on which both hold."
)
_ATTACK_HEADINGS = {
    "model": "Network",
    "n": "Images",
    "success": "Attack's class with the trigger",
    "success_low": "95 % from",
    "success_high": "to",
    "gone": "Another class without it",
    "right": "Right without it",
    "units": "Images judged",
    "without": "Pictures without",
}
_METHODS = (
    "Means over images. PxAP: average precision of the map for the trigger's pixels, on images with the trigger, and "
    "at the same place without it. Mass: the share of the map's mass on the trigger. Area: its share of the picture."
)
_HEADINGS = {
    "method": "Method",
    "n": "Images",
    "pxap": "PxAP",
    "pxap_without": "PxAP without the trigger",
    "mass": "Mass on the trigger",
    "area": "Area of the trigger",
}
_RECOVERY = (
    "The map's highest pixels take their values without the trigger. Undone: the share of images that are no longer of "
    "the attack's class. The number of pixels is a multiple of the trigger's."
)
_RECOVERY_HEADINGS = {"method": "Method", "size": "Pixels restored, in triggers", "undone": "Attacks undone"}
_CHART = (
    "A line for each method. Along x: how many of its highest pixels are restored, as a multiple of the trigger's. "
    "Along y: the share of attacks that this undoes."
)


def attack_table(places: Sequence[TrojanPlace], seed: int) -> SuiteTable:
    """A row per place."""
    return _table("attack", "The attack", _ATTACK, [attack_row(place, seed) for place in places], _ATTACK_HEADINGS)


def methods_table(rows: Sequence[Mapping[str, Any]]) -> SuiteTable:
    """A row per place and method."""
    return _table("methods", "Maps of the attack's class", _METHODS, rows, _HEADINGS)


def recovery_table(rows: Sequence[Mapping[str, Any]]) -> SuiteTable:
    """A row per place, method and number of pixels."""
    return _table("recovery", "Attacks undone, by pixels restored", _RECOVERY, rows, _RECOVERY_HEADINGS)


def recovery_chart(table: SuiteTable) -> SuiteChart:
    """A line per method; a panel for each place where there are several."""
    panels = "panel" if table.rows["panel"].nunique() > 1 else ""
    return SuiteChart("curve", table.title, _CHART, table.name, "lines", "size", "undone", "method", panels)


def _table(
    name: str, title: str, note: str, rows: Sequence[Mapping[str, Any]], headings: Mapping[str, str]
) -> SuiteTable:
    table = pd.DataFrame(rows)
    several = {key: head for key, head in _SETTING.items() if len(table) and table[key].nunique() > 1}
    return SuiteTable(name, title, note, table, {**several, **headings})


def method_row(place: TrojanPlace, label: str, scores: Scores) -> dict[str, Any]:
    """The means of one method."""
    shown = place.shown[label]
    share = {
        p.sample: float((shown.triggered[p.sample] * p.mask).sum()) for p in place.attack.units if p.sample in scores
    }
    mass = [value / max(float(shown.triggered[sample].sum()), 1e-12) for sample, value in share.items()]
    anyway = list(place.without(label).values())
    row = {**place.setting, "method": label, "n": len(scores), "pxap": float(np.mean(list(scores.values())))}
    row |= {"pxap_without": float(np.mean(anyway)) if anyway else float("nan"), "mass": float(np.mean(mass))}
    return row | {"area": float(np.mean([float(pair.mask.float().mean()) for pair in place.attack.units]))}


def recovery_rows(place: TrojanPlace, label: str, sizes: Sequence[float], names: ShownNames) -> list[dict[str, Any]]:
    """A row per size."""
    undone = np.array(list(place.shown[label].undone.values()))
    panel = f"{names.models[place.model]}, {names.datasets[place.dataset]}, {place.layer}"
    base = {**place.setting, "panel": panel, "method": label}
    return [{**base, "size": size, "undone": float(undone[:, k].mean())} for k, size in enumerate(sizes)]


def attack_row(place: TrojanPlace, seed: int) -> dict[str, Any]:
    """How often the attack succeeds."""
    attack = place.attack
    rows = list(zip(attack.pairs, attack.triggered, attack.clean, strict=True))
    success = np.array([float(with_it == pair.label) for pair, with_it, _ in rows])
    gone = np.array([float(without != pair.label) for pair, _, without in rows])
    known = [float(without == pair.own_label) for pair, _, without in rows if pair.own_label is not None]
    low, high = limits(success[:, None], 0.0, 1.0, seed)[:, 0]
    row: dict[str, Any] = {**place.setting, "n": len(rows), "success": float(success.mean())}
    row |= {"success_low": float(low), "success_high": float(high), "gone": float(gone.mean())}
    row |= {"right": float(np.mean(known)) if known else float("nan"), "units": len(attack.units)}
    return row | {"without": "the data set's own" if attack.twins else "the mask's pixels interpolated"}
