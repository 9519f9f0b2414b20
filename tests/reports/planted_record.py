"""Records with planted scores, beside the costs of a fake run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from benchbench.reports.leaderboard.marks import Marked
from benchbench.results.record import Record

from ..stats.planted import Values, results


@dataclass(frozen=True)
class Planted:
    """A metric at one network and dataset.

    Attributes:
        values: by method, a value per image, or ``failed`` or ``not_applicable``.
        family: of the metric; higher is better, in [0, 1].
    """

    metric: str
    values: Values
    family: str = "faithfulness"
    model: str = "net"
    dataset: str = "photos"


def marked(base: Record, planted: Iterable[Planted], warnings: Mapping[str, str] | None = None) -> Marked:
    """The fake record ``base`` with these scores in place of its scores.

    Args:
        warnings: by network.
    """
    metrics = list(planted)
    layer = str(base.results["layer"].iloc[0])
    scores = [results(each.values, each.metric, "plain", each.model, each.dataset, layer) for each in metrics]
    costs = base.results[base.results["sample"].isna()]
    models = [{**model, "warning": (warnings or {}).get(model["name"], "")} for model in base.info["models"]]
    families = {each.metric: each.family for each in metrics}
    entries = [_metric(metric, family) for metric, family in families.items()]
    kept = [entry for entry in base.info["metrics"] if entry["family"] == "cost"]
    table = pd.concat([*scores, costs], ignore_index=True).astype(base.results.dtypes.to_dict())
    counts = {status: int((table["status"] == status).sum()) for status in ("ok", "failed", "not_applicable")}
    info = {**base.info, "models": models, "metrics": [*entries, *kept], "counts": counts}
    return Marked.of(replace(base, results=table, info=info))


def _metric(name: str, family: str) -> dict[str, Any]:
    return {
        "name": name,
        "protocol": "plain",
        "title": name,
        "summary": f"What {name} is.",
        "paper": "",
        "higher_is_better": True,
        "unit": "",
        "family": family,
        "range": [0.0, 1.0],
        "parameters": {},
        "needs": ["map"],
        "code": "",
    }
