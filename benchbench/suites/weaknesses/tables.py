"""The tables of the suite ``weaknesses``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ...results.suite_answer import SuiteTable
from ...vocabulary import INPUT
from .questions import DISTRACTORS, INSTANCES, PLANTED
from .weakness_findings import WeaknessVerdicts

PLACE = {"method": "method", "model": "network", "dataset": "data", "layer": "layer"}


def repairs_table(verdicts: WeaknessVerdicts) -> SuiteTable:
    """A row for each planted test: Grad-CAM's score, the threshold, and who passes and who fails."""
    rows = [
        {
            "case": PLANTED[name].title,
            "gradcam": round(score, 4),
            "threshold": PLANTED[name].threshold,
            "gradcam_passes": "no" if name in verdicts.weaknesses else "yes",
            "passes": verdicts.named(verdicts.repaired_by(name)) or "none",
            "fails": verdicts.named(verdicts.failing(name, verdicts.methods)) or "none",
        }
        for name, score in verdicts.base.items()
    ]
    headings = {
        "case": "planted test",
        "gradcam": "Grad-CAM",
        "threshold": "passes above",
        "gradcam_passes": "Grad-CAM passes",
        "passes": "others that pass",
        "fails": "others that fail",
    }
    note = (
        "For each planted test, Grad-CAM's score and which other methods of the run pass and fail. A method that does "
        "not apply, or whose verdict is not clear, is in neither column."
    )
    return SuiteTable("repairs", "Repairs", note, pd.DataFrame(rows), headings)


def chance_table(rows: Sequence[Mapping[str, Any]], last: Mapping[str, str]) -> SuiteTable:
    """Per method, network and layer the score of both questions beside the chance level, last layers first.

    Args:
        rows: verdicts with a score, each with its ``chance``.
        last: by network, the study's last layer.
    """
    frame, keys = pd.DataFrame(rows), list(PLACE)
    wide = frame[keys].drop_duplicates()
    headings = _places(frame)
    for question, column in ((INSTANCES, "instances"), (DISTRACTORS, "distractors")):
        names = {"score": column, "chance": f"{column}_chance", "n": f"{column}_images"}
        part = frame[frame["question"] == question.name][[*keys, *names]].rename(columns=names)
        wide = wide.merge(part, on=keys, how="left")
        word = question.title.removesuffix(", trained").lower()
        headings |= {column: word, f"{column}_chance": f"{word}: chance"} if len(part) else {}
    deep = (wide["layer"] == wide["model"].map(last)) | (wide["layer"] == INPUT)
    note = (
        "The mean score of each method, and the score of the same maps on the scenes of other images: what a map "
        "scores that depends on the data set and not on the image. The last layer of each network comes first."
    )
    shown = pd.concat([wide[deep], wide[~deep]], ignore_index=True)
    return SuiteTable("trained", "In trained networks, against chance", note, shown, headings)


def stages_table(rows: Sequence[Mapping[str, Any]]) -> SuiteTable:
    """Per method and network the score of each layer, and of all layers fused."""
    columns = [*PLACE, "n", "score", "gain", "gain_low", "gain_high"]
    frame = pd.DataFrame(rows).reindex(columns=columns)
    note = (
        "The mean of (PxAP - a) / (1 - a) at each layer, and of all layers fused as Layer-CAM does. The gain is the "
        "difference of the fused map from the layer that is best on the same images, which favours that layer."
    )
    headings = {**_places(frame), "score": "score", "gain": "gain", "gain_low": "gain, low", "gain_high": "gain, high"}
    return SuiteTable("stages", "Layers and their fusion", note, frame, headings)


def heads_table(rows: Sequence[Mapping[str, Any]]) -> SuiteTable:
    """Per method and network the score without and with the saturating head."""
    frame = pd.DataFrame(rows)
    note = (
        "The mean of (PxAP - a) / (1 - a) at the last layer on the same images: of the run's own map, and of the map "
        "of the network with the saturating head."
    )
    headings = {**_places(frame), "n": "images", "without": "without head", "saturated": "with head"}
    return SuiteTable("saturating-head", "Without and with a saturating head", note, frame, headings)


def _places(rows: pd.DataFrame) -> dict[str, str]:
    """The headings of the columns that tell rows apart; the data are left out where there is one data set."""
    return {key: word for key, word in PLACE.items() if key != "dataset" or rows["dataset"].nunique() > 1}
