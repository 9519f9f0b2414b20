"""What could not be computed, grouped by reason: a list for readers shows exceptions, not every row."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ...formatting import join_words

_MOST = 6  # names in a line


@dataclass(frozen=True)
class Missing:
    """Values that have the same status and reason.

    Attributes:
        methods: as text; the first six by name, the others counted.
        settings: networks x data x layers.
        values: how many.
    """

    status: str
    reason: str
    methods: str
    settings: int
    values: int


def grouped_missing(lost: pd.DataFrame) -> tuple[Missing, ...]:
    """Failed values first, then those that are not applicable, each with the most frequent reason first.

    Args:
        lost: a row per model, dataset, layer, method, status and reason, with the number of ``values``.
    """
    groups = [
        Missing(
            str(status),
            str(reason),
            listed(list(dict.fromkeys(map(str, rows["method"])))),
            len(rows[["model", "dataset", "layer"]].drop_duplicates()),
            int(rows["values"].sum()),
        )
        for (status, reason), rows in lost.groupby(["status", "reason"], sort=False, dropna=False)
    ]
    return tuple(sorted(groups, key=lambda group: (group.status != "failed", -group.values)))


def listed(names: list[str]) -> str:
    """``Grad-CAM, Layer-CAM and 12 others``."""
    if len(names) <= _MOST + 1:
        return join_words(names)
    return join_words([*names[:_MOST], f"{len(names) - _MOST} others"])


@dataclass(frozen=True)
class SickMaps:
    """A method with maps that failed, or that are the same everywhere.

    Attributes:
        maps, failed, dead: over all settings.
        settings: in how many networks x data x layers some failed or are dead.
    """

    method: str
    maps: int
    failed: int
    dead: int
    settings: int


def sick_maps(health: pd.DataFrame) -> tuple[SickMaps, ...]:
    """The methods with a failed or a dead map, in the study's order; see ``benchbench.stats.health``."""
    groups = []
    for method, rows in health.groupby("method", sort=False):
        sick = rows[(rows["failed"] > 0) | (rows["dead"] > 0)]
        if not sick.empty:
            maps, failed, dead = (int(rows[name].sum()) for name in ("maps", "failed", "dead"))
            groups.append(SickMaps(str(method), maps, failed, dead, len(sick)))
    return tuple(groups)
