"""What a second run's methods cost beside the first's: ratios of measurements, without a test."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..results.record import Record
from .leaderboards import CELL, COST, leaderboard
from .run_comparison import matched

DEVICE = ("kind", "name", "threads")
COLUMNS = [*CELL, "other_model", "cost", "other_cost", "ratio", "low", "high", "reason"]


def cost_ratios(first: Record, second: Record, models: Mapping[str, str] | None = None) -> pd.DataFrame:
    """One row per model, dataset, layer, method, cost metric and protocol of either run.

    Args:
        models: as in ``versus``.

    Returns:
        The key as in the first run, ``other_model``; ``cost`` in the first run, ``other_cost`` in the second;
        ``ratio``, second / first, and its range from quartile to quartile: ``low`` is the second's lower quartile over
        the first's upper one, ``high`` the other way round (NaN for what is counted and not timed). ``ratio`` is NaN
        where it says nothing, with the ``reason``: the runs name different devices, or only one has the cost.

    Raises:
        BenchError: no model, or no dataset, of the first run is in the second.
    """
    names = matched(first, second, models)
    back = {new: old for old, new in names.items()}
    first_costs, second_costs = _costs(first, set(names)), _costs(second, set(back))
    second_costs["model"] = second_costs["model"].map(back).astype("string")
    both = first_costs.merge(second_costs, how="outer", on=CELL, suffixes=("", "_other"), sort=False)
    all_keys = pd.concat([second_costs, first_costs])[CELL]  # the first's place is the one that stays
    keys = all_keys.itertuples(index=False, name=None)
    order = {key: place for place, key in enumerate(keys)}
    places = [order[key] for key in both[CELL].itertuples(index=False, name=None)]
    both = both.iloc[np.argsort(places, kind="stable")].reset_index(drop=True)
    device = _devices(first.info, second.info)
    table = pd.DataFrame(both[CELL])
    table["other_model"] = both["model"].map(names)
    table["cost"], table["other_cost"] = both["mean"], both["mean_other"]
    table["ratio"] = _over(both["mean_other"], both["mean"])
    table["low"], table["high"] = _over(both["low_other"], both["high"]), _over(both["high_other"], both["low"])
    missing = np.where(both["mean"].isna(), "the first run has no such cost", "")
    missing = np.where(both["mean_other"].isna() & (missing == ""), "the second run has no such cost", missing)
    table["reason"] = [why or device for why in missing]
    table.loc[table["reason"] != "", ["ratio", "low", "high"]] = math.nan
    return table[COLUMNS]


def _costs(record: Record, models: set[str]) -> pd.DataFrame:
    board = leaderboard(record.results, seed=int(record.info["seed"]))
    board = board[(board["kind"] == COST) & board["model"].isin(list(models))]
    return board[[*CELL, "mean", "low", "high"]].reset_index(drop=True)


def _over(above: pd.Series[float], below: pd.Series[float]) -> pd.Series[float]:
    return above / below.where(below > 0)


def _devices(first: Mapping[str, Any], second: Mapping[str, Any]) -> str:
    """Why the costs of two runs cannot be compared; empty where they can."""
    first_device, second_device = ([run["device"].get(key) for key in DEVICE] for run in (first, second))
    if first_device == second_device:
        return ""
    names = [", ".join(f"{part}" for part in device if part is not None) for device in (first_device, second_device)]
    return f"the devices differ: {names[0]}; {names[1]}" if names[0] != names[1] else "the devices differ"
