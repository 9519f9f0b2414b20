"""The answer of the suite ``fooling``: verdicts per method, both networks' facts, and the sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeAlias

import numpy as np
import pandas as pd
import torch
from pydantic import Field
from torch import Tensor

from ...engine.setup import ModelPlan
from ...results.record import Record
from ...results.suite_answer import Question, SuiteAnswer, SuiteChart, SuitePicture, SuiteTable
from ...study.spec import MethodChoice, StudySpec
from ..verdict_rows import absent_row
from .counterfactuals import Counterfactual
from .map_sheet import SheetRow, sheet
from .masked_truth import (
    READS,
    Reference,
    Scores,
    heights,
    ignores_network,
    is_control,
    place_maps,
    precisions,
    reference,
    share_in,
    why_none,
)
from .retained import NOTHING, retained_row
from .usage import ObjectUse, difference_of_accuracy, usage_row, warnings_of

Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]
Region: TypeAlias = tuple[Share, Share, Share, Share]
COLUMNS = 4  # methods on the sheet
KEEPS = Question(
    "shows-the-object",
    "still shows the object",
    "The share of a map's accuracy that is left on the manipulated network: its average precision for the object's "
    "pixels (PxAP per image) less that of the best control, summed over images, divided by the same on the honest "
    "network. 1: nothing was lost. 0: not better than a map that ignores the network, on either.",
    0.5,
    "arXiv:1902.02041 (location fooling); arXiv:2001.07437 (PxAP)",
)
NOTES = (
    "One lie, one pair of networks: a method that is fooled here is fooled by a change of weights that keeps the "
    "answers; a method that is not fooled may be by another change, if it is made for that method.",
    "A lie that is the same for all classes changes no difference of logits, so that the probabilities stay. Maps of "
    "one logit show it; maps of what the probability depends on need not (arXiv:2506.08514).",
)


@dataclass(frozen=True, eq=False)
class Side:
    """One of the two networks: its plan, the samples with and without the object, and its answers to both."""

    plan: ModelPlan
    pairs: tuple[Counterfactual, ...]
    usage: ObjectUse


@dataclass(frozen=True, eq=False)
class FooledPlace:
    """A data set and a layer of each network; ``region`` is where the lie points, if that is known."""

    dataset: str
    honest: Side
    fooled: Side
    layers: tuple[str, str]
    region: Region | None

    @property
    def setting(self) -> dict[str, str]:
        return {"model": self.fooled.plan.model.name, "dataset": self.dataset, "layer": self.layers[1]}

    def regions(self) -> dict[str, Tensor]:
        """By sample, where the lie points, bool (H, W); empty where that is not known."""
        if self.region is None:
            return {}
        left, top, right, bottom = self.region
        masks = {}
        for pair in self.fooled.pairs:
            height, width = pair.mask.shape
            rows = slice(round(top * height), round(bottom * height))
            mask = torch.zeros_like(pair.mask)
            mask[rows, round(left * width) : round(right * width)] = True
            masks[pair.sample] = mask
        return masks


@dataclass(frozen=True, eq=False)
class _Shown:
    """One method's maps on both networks, as metrics see them, and how well they show the object; by sample."""

    honest: Mapping[str, Tensor]
    fooled: Mapping[str, Tensor]
    scores: tuple[Scores, Scores]
    shares: tuple[Scores, Scores]


@dataclass(eq=False)
class _Parts:
    verdicts: list[dict[str, Any]] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    pictures: list[SuitePicture] = field(default_factory=list)


def fooling_answer(study: StudySpec, record: Record, places: Sequence[FooledPlace], pictures: int) -> SuiteAnswer:
    """Judge every method at every place.

    Args:
        study: which has run.
        record: of the run.
        places: data sets and layers.
        pictures: rows of the sheet; it is of the first place.
    """
    parts = _Parts()
    for place in places:
        shown = {method.label: _shown(record, place, method) for method in study.methods}
        blind = {m.label for m in study.methods if is_control(m) and _is_blind(shown[m.label])}
        control = reference({label: shown[label].scores[1] for label in blind}, place.fooled.pairs)
        here = [_verdict(study, record, place, method, shown[method.label], control) for method in study.methods]
        parts.verdicts += here
        parts.rows += [row for label, each in shown.items() if each.fooled for row in _rows(place, label, each)]
        if pictures and not parts.pictures:
            parts.pictures += _sheet(study, place, shown, here, pictures)
    networks, warnings = _networks(study, places)
    table = SuiteTable("accuracy", "Accuracy of maps on both networks", _TABLE, pd.DataFrame(parts.rows), _HEADINGS)
    chart = SuiteChart("bars", table.title, _CHART, "accuracy", "bars", "method", "pxap", "network", "panel")
    return SuiteAnswer(
        _sentence(study, places[0], parts),
        (KEEPS,),
        pd.DataFrame(parts.verdicts),
        tuple(_findings(study, parts.verdicts)),
        (*warnings, *NOTES),
        (networks, table),
        (chart,) if parts.rows else (),
        tuple(parts.pictures),
    )


def _shown(record: Record, place: FooledPlace, method: MethodChoice) -> _Shown:
    pair = []
    for side, layer in zip((place.honest, place.fooled), place.layers, strict=True):
        maps = place_maps(record, side.plan.model.name, place.dataset, layer, method)
        pair.append(heights(maps, side.pairs))
    honest, fooled = pair
    pairs, regions = place.fooled.pairs, place.regions()
    scores = precisions(honest, pairs), precisions(fooled, pairs)
    shares = (share_in(honest, regions), share_in(fooled, regions)) if regions else ({}, {})
    return _Shown(honest, fooled, scores, shares)


def _is_blind(shown: _Shown) -> bool:
    return ignores_network(shown.honest, shown.fooled)


def _verdict(
    study: StudySpec, record: Record, place: FooledPlace, method: MethodChoice, shown: _Shown, control: Reference
) -> dict[str, Any]:
    for side, maps in ((place.honest, shown.honest), (place.fooled, shown.fooled)):
        if not maps:
            status, reason = why_none(record, side.plan.model.name, place.dataset, method)
            return absent_row(KEEPS, method.label, reason, status=status, **place.setting)
    if is_control(method) and not _is_blind(shown):
        return absent_row(KEEPS, method.label, READS, **place.setting)
    honest, fooled = shown.scores
    return retained_row(KEEPS, method.label, honest, fooled, control, study.seed, **place.setting)


def _rows(place: FooledPlace, method: str, shown: _Shown) -> list[dict[str, Any]]:
    """A row for each network."""
    rows = []
    for k, side in enumerate((place.honest, place.fooled)):
        scores, shares = list(shown.scores[k].values()), list(shown.shares[k].values())
        row: dict[str, Any] = {"dataset": place.dataset, "layer": place.layers[1]}
        row |= {"panel": f"{place.dataset}, {place.layers[1]}"}
        row |= {"method": method, "network": side.plan.model.name, "n": len(scores)}
        row |= {"pxap": float(np.mean(scores)) if scores else float("nan")}
        rows.append(row | {"region_share": float(np.mean(shares)) if shares else float("nan")})
    return rows


def _networks(study: StudySpec, places: Sequence[FooledPlace]) -> tuple[SuiteTable, list[str]]:
    rows, warnings = [], []
    for place in {each.dataset: each for each in places}.values():
        honest, fooled = place.honest.usage, place.fooled.usage
        alike = float(np.mean([a == b for a, b in zip(honest.predicted, fooled.predicted, strict=True)]))
        change, low, high = difference_of_accuracy(honest, fooled, study.seed)
        for side, extra in ((place.honest, (float("nan"),) * 4), (place.fooled, (change, low, high, alike))):
            row = usage_row(side.plan.model.name, place.dataset, side.usage, study.seed)
            rows.append(row | dict(zip(("change", "change_low", "change_high", "agreement"), extra, strict=True)))
        warnings += warnings_of(honest, fooled, study.seed, place.dataset)
    headings = {"network": "network", "dataset": "data", "n": "images", "accuracy": "accuracy", "change": "less honest"}
    headings |= {"change_low": "from", "change_high": "to", "agreement": "same class as honest"}
    headings |= {"probability": "probability of the class", "drop": "falls without the object by"}
    return SuiteTable("networks", "The two networks", _NETWORKS, pd.DataFrame(rows), headings), warnings


def _sheet(
    study: StudySpec,
    place: FooledPlace,
    shown: Mapping[str, _Shown],
    verdicts: Sequence[Mapping[str, Any]],
    count: int,
) -> list[SuitePicture]:
    """For the methods with the lowest and the highest scores: the honest map and the fooled one."""
    controls = {method.label for method in study.methods if method.plugin.control}
    judged = [v for v in verdicts if v["status"] == "ok" and v["method"] not in controls]
    judged = [v for v in judged if not v["reason"].startswith(NOTHING)] or judged
    order = [str(v["method"]) for v in sorted(judged, key=lambda v: float(v["score"]))]
    chosen = order if len(order) <= COLUMNS else [*order[: COLUMNS // 2], *order[-(COLUMNS // 2) :]]
    rows: list[SheetRow] = []
    for pair in place.fooled.pairs:
        maps: dict[str, Tensor] = {}
        for label in chosen:
            both = shown[label].honest.get(pair.sample), shown[label].fooled.get(pair.sample)
            if both[0] is not None and both[1] is not None:
                maps |= {f"{label}, honest": both[0], f"{label}, manipulated": both[1]}
        if chosen and len(maps) == 2 * len(chosen) and len(rows) < count:
            rows.append(SheetRow(pair.image, pair.mask, maps, pair.sample))
    if not rows:
        return []
    title = f"Maps of {place.honest.plan.model.name} and of {place.fooled.plan.model.name}"
    caption = "Each row an image with its object outlined, and for each method the map of the honest network and that "
    caption += "of the manipulated one: the methods that lost most, then those that kept most."
    return [sheet("maps", title, caption, rows, place.fooled.plan.model.preprocess)]


def _sentence(study: StudySpec, place: FooledPlace, parts: _Parts) -> str:
    controls = {method.label for method in study.methods if method.plugin.control}
    here = [v for v in parts.verdicts if v["method"] not in controls and v["status"] == "ok"]
    here = [v for v in here if (v["dataset"], v["layer"]) == (place.dataset, place.layers[1])]
    kept, lost = ([v["method"] for v in here if v["passes"] is want] for want in (True, False))
    honest, fooled = place.honest.usage, place.fooled.usage
    names = place.honest.plan.model.name, place.fooled.plan.model.name
    change, low, high = difference_of_accuracy(honest, fooled, study.seed)
    same = f"{change:+.3f} accuracy, {low:+.3f} to {high:+.3f}, " if np.isfinite(change) else ""
    unclear = [v["method"] for v in here if pd.isna(v["passes"])]
    return (
        f"{names[1]} answers like {names[0]} ({same}on {len(place.fooled.pairs)} images of {place.dataset}), and the "
        f"probability of the class falls by {np.mean(fooled.drop):.2f} without the object (honest: "
        f"{np.mean(honest.drop):.2f}). Of {len(here)} methods at {place.layers[1]}, {len(kept)} still show the object: "
        f"{_listed(kept)}; {len(lost)} do not: {_listed(lost)}; not clear: {_listed(unclear)}."
    )


def _listed(labels: Sequence[str]) -> str:
    return ", ".join(labels) or "none"


def _findings(study: StudySpec, verdicts: Sequence[Mapping[str, Any]]) -> list[str]:
    controls = {method.label for method in study.methods if method.plugin.control}
    ok = [v for v in verdicts if v["status"] == "ok" and v["method"] not in controls]
    ok = [v for v in ok if not v["reason"].startswith(NOTHING)]
    if len(ok) < 2:
        return []
    best, worst = max(ok, key=lambda v: float(v["score"])), min(ok, key=lambda v: float(v["score"]))
    return [f"{v['method']} keeps {v['score']:.0%} of its accuracy ({v['reason']})." for v in (best, worst)]


_TABLE = "Mean average precision for the object's pixels (PxAP per image), and the mean share of the map's mass in the "
_TABLE += "region at which the manipulated network's maps were made to point, where that region is known."
_HEADINGS = {
    "method": "method",
    "network": "network",
    "n": "images",
    "pxap": "PxAP",
    "region_share": "mass in the region",
}
_CHART = "For each method a bar for the honest network and one for the manipulated one: the mean PxAP."
_NETWORKS = "The manipulation is a lie only if the answers and their reasons are the same: accuracy with the paired "
_NETWORKS += "difference and its 95 % interval, and by how much the class's probability falls without the object."
