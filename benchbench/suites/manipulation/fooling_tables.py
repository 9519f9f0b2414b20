"""The tables and the chart of ``fooling``: both networks' answers, and the accuracy of the maps on both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ...results.suite_answer import SuiteChart, SuiteTable
from ..shown_names import ShownNames
from .fooling_place import FooledMaps, FooledPlace
from .usage import difference_of_accuracy, usage_row

_NETWORKS = (
    "The maps of the manipulated network are wrong only if it still answers as before, for the same reasons. Change: "
    "of its accuracy on the same images, with the 95 % interval. Fall: of the class's probability without the object."
)
_NETWORK_HEADINGS = {
    "model": "Network",
    "n": "Images",
    "accuracy": "Accuracy",
    "change": "Change",
    "change_low": "95 % from",
    "change_high": "to",
    "agreement": "Same class as the honest one",
    "drop": "Fall without the object",
}
_ACCURACY = (
    "PxAP: average precision of the map for the object's pixels, the mean over images. Mass in the region: the mean "
    "share of the map's mass in the region to which the manipulated network's maps were drawn, where it is known."
)
_CHART = "Two bars for each method: the mean PxAP of its maps on the honest network, and on the manipulated one."


def networks_table(places: Sequence[FooledPlace], seed: int) -> SuiteTable:
    """A row per network and data set."""
    rows = []
    for place in {each.dataset: each for each in places}.values():
        honest, fooled = place.honest.usage, place.fooled.usage
        changes = (*difference_of_accuracy(honest, fooled, seed), place.agreement)
        for side, extra in ((place.honest, (float("nan"),) * 4), (place.fooled, changes)):
            row = usage_row(side.plan.model.name, place.dataset, side.usage, seed)
            rows.append(row | dict(zip(("change", "change_low", "change_high", "agreement"), extra, strict=True)))
    table = pd.DataFrame(rows)
    data = {"dataset": "Data"} if table["dataset"].nunique() > 1 else {}
    return SuiteTable("networks", "The two networks", _NETWORKS, table, {**_NETWORK_HEADINGS, **data})


def accuracy_rows(place: FooledPlace, method: str, maps: FooledMaps, names: ShownNames) -> list[dict[str, Any]]:
    """A row for each network."""
    rows = []
    for k, side in enumerate((place.honest, place.fooled)):
        scores, shares = list(maps.scores[k].values()), list(maps.shares[k].values())
        row: dict[str, Any] = {"dataset": place.dataset, "layer": place.layers[1]}
        row |= {"panel": f"{names.datasets[place.dataset]}, {place.layers[1]}"}
        row |= {"method": method, "model": side.plan.model.name, "network": names.models[side.plan.model.name]}
        row |= {"n": len(scores), "pxap": float(np.mean(scores)) if scores else float("nan")}
        rows.append(row | {"region_share": float(np.mean(shares)) if shares else float("nan")})
    return rows


def accuracy_table(rows: Sequence[Mapping[str, Any]]) -> SuiteTable:
    """A row per place, method and network."""
    table = pd.DataFrame(rows)
    headings = {"method": "Method", "model": "Network", "n": "Images", "pxap": "PxAP"}
    if len(table) and table["region_share"].notna().any():
        headings["region_share"] = "Mass in the region"
    if len(table) and table["panel"].nunique() > 1:
        headings = {"dataset": "Data", "layer": "Layer", **headings}
    return SuiteTable("accuracy", "Accuracy of the maps on both networks", _ACCURACY, table, headings)


def accuracy_chart(table: SuiteTable) -> SuiteChart:
    """Bars by method and network; a panel for each place where there are several."""
    panels = "panel" if table.rows["panel"].nunique() > 1 else ""
    return SuiteChart("bars", table.title, _CHART, table.name, "bars", "method", "pxap", "network", panels)
