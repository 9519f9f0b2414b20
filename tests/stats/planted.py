"""Results tables with planted values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import pandas as pd

from benchbench.results.schema import RESULTS, typed
from benchbench.stats import Scale

FAILED, NOT_APPLICABLE = "failed", "not_applicable"
Values: TypeAlias = Mapping[str, "Sequence[float | str] | np.ndarray"]
SCALES = {("score", "plain"): Scale(True, 0.0, 1.0, "faithfulness"), ("loss", "plain"): Scale(False)}


def results(
    values: Values,
    metric: str = "score",
    protocol: str = "plain",
    model: str = "net",
    dataset: str = "photos",
    layer: str = "last",
) -> pd.DataFrame:
    """Rows of one contest: by method, a value per image, or ``failed`` or ``not_applicable``."""
    return of_models({model: values}, metric, protocol, dataset, layer)


def of_models(
    contests: Mapping[str, Values],
    metric: str = "score",
    protocol: str = "plain",
    dataset: str = "photos",
    layer: str = "last",
) -> pd.DataFrame:
    """Rows of a contest of each model; one table, as it takes longer to make a table than to make its rows."""
    places = [
        (model, method, f"{image:04d}", value)
        for model, values in contests.items()
        for method, row in values.items()
        for image, value in enumerate(row)
    ]
    models, methods, samples, entries = zip(*places, strict=True) if places else ((),) * 4
    statuses = [entry if isinstance(entry, str) else "ok" for entry in entries]
    columns = {
        "model": models,
        "dataset": dataset,
        "sample": samples,
        "label": None,
        "target": 1,
        "layer": layer,
        "method": methods,
        "metric": metric,
        "protocol": protocol,
        "value": [None if isinstance(entry, str) else entry for entry in entries],
        "status": statuses,
        "reason": ["" if status == "ok" else "planted" for status in statuses],
    }
    return typed(pd.DataFrame(columns), RESULTS)
