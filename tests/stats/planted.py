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
    rows = []
    for method, row in values.items():
        for image, value in enumerate(row):
            status = value if isinstance(value, str) else "ok"
            rows.append(
                {
                    "model": model,
                    "dataset": dataset,
                    "sample": f"{image:04d}",
                    "label": None,
                    "target": 1,
                    "layer": layer,
                    "method": method,
                    "metric": metric,
                    "protocol": protocol,
                    "value": value if status == "ok" else None,
                    "status": status,
                    "reason": "" if status == "ok" else "planted",
                }
            )
    return typed(pd.DataFrame(rows), RESULTS)
