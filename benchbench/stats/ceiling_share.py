"""Scores as a share of what is possible: between a random map and a control that is made to win the metric."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from .leaderboards import CELL
from .metric_scale import Scales
from .overall_ranking import FEWEST
from .resampling import CONFIDENCE, Array, draws, mean
from .score_matrix import Scores, scores, tied
from .units import by_unit, numbered

FLOOR = "random"  # the plugin whose maps are the lower end
COLUMNS = [*CELL, "share_of_ceiling", "share_low", "share_high", "ceiling"]


@dataclass(frozen=True)
class ScaleEnds:
    """Which rows of a run are the ends of the scale.

    Attributes:
        floor: the control ``random``; empty where the run has none.
        ceilings: by (metric, protocol), the controls that are made to win it.
    """

    floor: str
    ceilings: Mapping[tuple[str, str], tuple[str, ...]]

    @classmethod
    def of(cls, info: Mapping[str, Any]) -> ScaleEnds:
        """What run.json says: a control is made to win a metric that it names, where their parameters agree.

        They agree where the control and the protocol have the same value of every parameter that both have: of ``fill``
        and ``answer``, say.
        """
        floor = next((str(m["name"]) for m in info["methods"] if m.get("plugin", m["name"]) == FLOOR), "")
        goals = [m for m in info["methods"] if m.get("optimises")]
        ceilings = {
            (str(metric["name"]), str(metric["protocol"])): tuple(
                str(m["name"]) for m in goals if metric["name"] in m["optimises"] and _agree(m, metric)
            )
            for metric in info.get("metrics", ())
        }
        return cls(floor, {key: names for key, names in ceilings.items() if names})


def _agree(method: Mapping[str, Any], metric: Mapping[str, Any]) -> bool:
    of_method, of_metric = method["parameters"], metric.get("parameters", {})
    return all(of_method[key] == of_metric[key] for key in set(of_method) & set(of_metric))


def ceiling_shares(results: pd.DataFrame, scales: Scales, ends: ScaleEnds, seed: int = 0) -> pd.DataFrame:
    """(mean - random's) / (ceiling's - random's) of every method, where the run has both controls.

    Of several ceilings the one with the best mean. All three means are over the images on which all three have a value;
    independent images count, see ``units``. A share may leave 0 .. 1: a map may be worse than a random one, and a
    greedy ceiling is not always the best map there is.

    Returns:
        One row per ``CELL`` with a share: ``share_of_ceiling``; ``share_low`` and ``share_high``, its 95 % percentile
        interval over resamples of the images, which draw all three together (NaN with fewer than 20 independent images,
        or where the ceiling is no better than random in some resample); and ``ceiling``, that control. No row where the
        ceiling is no better than random.
    """
    if not (ends.floor and ends.ceilings):
        return pd.DataFrame(columns=COLUMNS)
    rows = [row for contest in scores(results, scales) for row in _rows(contest, ends, seed)]
    return pd.DataFrame(rows, columns=COLUMNS)


def _rows(contest: Scores, ends: ScaleEnds, seed: int) -> Iterator[tuple[object, ...]]:
    """The rows of one comparison."""
    known = ends.ceilings.get((contest.key[3], contest.key[4]), ())
    column = {name: place for place, name in enumerate(contest.methods)}
    present = [name for name in known if name in column]
    if not present or ends.floor not in column:
        return
    oriented = contest.values if contest.scale.higher else -contest.values
    ceiling = max(present, key=lambda name: _mean(oriented[:, column[name]]))
    for method, place in column.items():
        three = oriented[:, [place, column[ends.floor], column[ceiling]]]
        complete = np.asarray(~np.isnan(three).any(1))
        belongs = [name for name, there in zip(contest.belongs, complete, strict=True) if there]
        share = _share(by_unit(three[complete], numbered(belongs)), contest.scale.floor, seed)
        if share is not None:
            yield (*contest.key[:3], method, *contest.key[3:], *share, ceiling)


def _mean(values: Array) -> float:
    """Of what is known; minus infinity where nothing is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else -math.inf


def _share(units: Array, floor: float, seed: int) -> tuple[float, float, float] | None:
    """The share and its interval, from (n, 3): the method, the lower and the upper end; None without a scale."""
    if not len(units):
        return None
    method, low, high = mean(units)
    if high <= low or bool(tied(np.array(high), np.array(low), floor)):
        return None
    share = float((method - low) / (high - low))
    if len(units) < FEWEST:
        return share, math.nan, math.nan
    drawn = np.concatenate([counts @ units for counts in draws(len(units), seed)])
    span = drawn[:, 2] - drawn[:, 1]
    if bool((span <= 0).any()):
        return share, math.nan, math.nan
    tails = [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]
    bounds = np.quantile((drawn[:, 0] - drawn[:, 1]) / span, tails)
    return share, float(bounds[0]), float(bounds[1])
