"""The two tables of a run: their columns, types and what makes them valid."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..errors import BenchError

FloatArray: TypeAlias = npt.NDArray[np.float32]

MISSING = "missing"  # the status of what an unfinished run has not computed
STATUSES = ("ok", "failed", "not_applicable", MISSING)

KEYS = ["model", "dataset", "sample", "label", "target", "layer", "method", "metric", "protocol"]
RESULTS = {
    "model": "string",
    "dataset": "string",
    "sample": "string",  # missing for cost metrics
    "label": "Int64",
    "target": "Int64",
    "layer": "string",
    "method": "string",
    "metric": "string",  # further values of a metric are rows "metric.part"
    "protocol": "string",
    "value": "float64",  # missing unless status is ok
    "status": "string",
    "reason": "string",  # empty where status is ok
}
CURVES = {
    "model": "string",
    "dataset": "string",
    "sample": "string",
    "layer": "string",
    "method": "string",
    "metric": "string",
    "protocol": "string",
    "x": "float64",
    "y": "float64",
}
MAPS = {
    "model": "string",
    "dataset": "string",
    "sample": "string",
    "target": "Int64",
    "layer": "string",
    "method": "string",
    "file": "string",  # PACK.zip/PART in cells/: a .npy of (n, h, w)
    "row": "Int64",  # the map's place in the file
    "cells": "Int64",
    "distinct": "Int64",  # values; a map of one is dead
    "ties": "float64",  # the share of cells whose value another cell has too
}
PHOTOS = {
    "model": "string",
    "dataset": "string",
    "sample": "string",
    "target": "Int64",
    "target_name": "string",
    "label": "Int64",
    "label_name": "string",
    "probability": "float64",
    "file": "string",  # PACK.zip/PART in cells/: a JPEG
    "object_share": "float64",  # of the picture that its mask covers, or its boxes without one; else missing
}
POOLED = {
    "model": "string",
    "dataset": "string",
    "layer": "string",
    "method": "string",
    "metric": "string",
    "protocol": "string",
    "n": "Int64",  # images
    "value": "float64",  # of all of them together; missing where n is 0
    "low": "float64",
    "high": "float64",
    "images": "string",  # a digest of their ids: equal digests, equal images
    "reason": "string",  # why there is no value
}
SEEDS = {  # of weakly supervised segmentation
    "model": "string",
    "dataset": "string",
    "layer": "string",
    "method": "string",
    "scaling": "string",  # of the maps: minmax, or relu-max as IRN divides
    "class": "string",  # mean (over the classes), background, or a class
    "n": "Int64",  # images
    "left_out": "Int64",  # images that have no seeds
    "reason": "string",  # why, of the first of them
    "value": "float64",  # IoU, each half of the images at the background score that is best on the other half
    "low": "float64",
    "high": "float64",
    "background": "string",  # the background scores of both halves
    "best": "float64",  # IoU at the score that is best on these very images, as papers report it
    "best_background": "float64",
}


def typed(rows: pd.DataFrame, columns: dict[str, str]) -> pd.DataFrame:
    """The rows with exactly these columns, in order, in their types.

    Raises:
        BenchError: a column is missing.
    """
    if rows.empty and not len(rows.columns):
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in columns.items()})
    missing = [name for name in columns if name not in rows.columns]
    if missing:
        raise BenchError(
            f"the table lacks the columns {missing}", hint="It was not written by benchbench, or by another version"
        )
    chosen = rows[list(columns)]
    types = zip(columns.items(), chosen.dtypes, strict=True)
    others = {name: kind for (name, kind), dtype in types if dtype != pd.api.types.pandas_dtype(kind)}
    return chosen.astype(others) if others else chosen  # astype of all takes longer than reading the table


def validate(results: pd.DataFrame) -> pd.DataFrame:
    """The results, if every row says what a row must: a finite value, or a status with its reason.

    Raises:
        BenchError: the first rule that is broken, with the row.
    """
    ok = results["status"] == "ok"
    rules = {
        f"status is one of {', '.join(STATUSES)}": results["status"].isin(STATUSES),
        "an ok row has a finite value": ~ok | results["value"].abs().lt(float("inf")),
        "a row without a value has a reason": ok | results["reason"].str.len().gt(0),
        "a row that is not ok has no value": ok | results["value"].isna(),
        "rows are unique": ~results.duplicated(KEYS, keep=False),
    }
    for rule, holds in rules.items():
        if not holds.fillna(False).all():
            row = results[~holds.fillna(False)].iloc[0]
            place = ", ".join(f"{key}={row[key]}" for key in KEYS)
            raise BenchError(f"the results table is broken ({rule}) at {place}", hint="Please report this")
    return results
