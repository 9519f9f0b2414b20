"""By how much a method's score is better than that of its own inverted, blurred, ... map.

A metric that does not fall when a map is turned upside down does not measure where the map is high. The control that is
made of a method's map (``inverted``, ``blurred``) is scored on the same images, so the gap is a paired difference, with
the tests and intervals of all pairs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..formatting import with_score
from .leaderboards import CONTEST
from .metric_scale import Scales

COLUMNS = [*CONTEST, "method", "kind", "twin", "n", "gap", "low", "high", "p_holm", "effect", "verdict"]


def twins_of(info: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """By the names of a method and of a control that is made of its map, the control's plugin, such as ``inverted``.

    Args:
        info: run.json, or run.json under display names.
    """
    names = {_spelling(entry): str(entry["name"]) for entry in info["methods"] if not entry["control"]}
    controls = [entry for entry in info["methods"] if entry["control"] and "of" in entry["parameters"]]
    bases = [names.get(_base_of(entry["parameters"]), "") for entry in controls]
    known = zip(bases, controls, strict=True)
    return {(base, str(entry["name"])): str(entry["plugin"]) for base, entry in known if base}


def twin_gaps(pairs: pd.DataFrame, info: Mapping[str, Any], scales: Scales) -> pd.DataFrame:
    """One row per comparison, method and control that is made of its map.

    Args:
        pairs: what ``benchbench.stats.pairs`` gave, with the controls.
        info: run.json of the same run, under the same names.
        scales: by (metric, protocol).

    Returns:
        The comparison's key; ``method``; ``kind``: ``inverted``, ``blurred``, ...; ``twin``: the control's name; ``n``
        independent images; ``gap``: the mean of the method's value minus the twin's, so that more is better for the
        method, with its 95 % interval ``low``, ``high``; ``p_holm`` and ``effect`` of the paired test; and ``verdict``:
        ``better`` where the method's own map is significantly better, as it must be, ``worse``, ``equivalent``,
        ``inconclusive`` or ``incomparable``.
    """
    known = twins_of(info)
    kinds = [known.get(pair, "") for pair in zip(pairs["method"], pairs["other"], strict=True)]
    rows = pairs.assign(kind=pd.Series(kinds, index=pairs.index, dtype="string"))
    rows = rows[rows["kind"] != ""].rename(columns={"other": "twin"})
    keys = zip(rows["metric"], rows["protocol"], strict=True)
    higher = np.array([scales[key].higher for key in keys], dtype=np.bool_)
    gap, low, high = (rows[name].to_numpy(dtype=np.float64) for name in ("mean_difference", "low", "high"))
    rows = rows.assign(
        gap=np.where(higher, gap, 0.0 - gap),
        low=np.where(higher, low, 0.0 - high),
        high=np.where(higher, high, 0.0 - low),
    )
    return rows[COLUMNS].reset_index(drop=True)


def _base_of(parameters: Mapping[str, Any]) -> str:
    """The method that a control is made of, as it is spelled: the control's score is that of the method inside."""
    return with_score(str(parameters["of"]), parameters.get("score"))


def _spelling(entry: Mapping[str, Any]) -> str:
    """A method as the parameter ``of`` of another spells it: without a name that the user gave."""
    return str(entry.get("spelling") or entry.get("id", entry["name"]))
