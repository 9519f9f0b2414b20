"""How alike the metrics order the methods: a matrix per block."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import pandas as pd

from ..leaderboard.board import Block, Metric

Key: TypeAlias = tuple[str, str]


@dataclass(frozen=True)
class Agreement:
    """Kendall's tau of every two quality metrics of a block.

    Attributes:
        tau: by the keys of two metrics, in both orders; NaN where nothing is ordered.
        methods: the fewest and the most that a pair orders.
        within, across: the mean tau of two metrics of one family, and of two families, with the number of pairs.
    """

    block: Block
    metrics: tuple[Metric, ...]
    tau: Mapping[tuple[Key, Key], float]
    methods: tuple[int, int]
    within: tuple[float, int] = (math.nan, 0)
    across: tuple[float, int] = (math.nan, 0)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the metrics: with the protocol where two have one title."""
        titles = [metric.title for metric in self.metrics]
        return tuple(f"{m.title} {m.protocol}" if titles.count(m.title) > 1 else m.title for m in self.metrics)

    @property
    def matrix(self) -> list[list[float]]:
        """Rows and columns in the order of ``metrics``; 1 on the diagonal."""
        keys = [_key(metric) for metric in self.metrics]
        return [[1.0 if key == other else self.tau.get((key, other), math.nan) for other in keys] for key in keys]


def agreements(blocks: tuple[Block, ...], taus: pd.DataFrame) -> tuple[Agreement, ...]:
    """Of each block with two quality metrics or more; ``taus`` is what ``stats.agreement`` gave."""
    return tuple(agreement for block in blocks if (agreement := _agreement(block, taus)) is not None)


def _agreement(block: Block, taus: pd.DataFrame) -> Agreement | None:
    here = taus[(taus["model"] == block.model) & (taus["dataset"] == block.dataset) & (taus["layer"] == block.layer)]
    if here.empty:
        return None
    tau: dict[tuple[Key, Key], float] = {}
    for row in here.to_dict("records"):
        first, second = (row["metric"], row["protocol"]), (row["other_metric"], row["other_protocol"])
        tau[first, second] = tau[second, first] = float(row["tau"])
    known = {key for pair in tau for key in pair}
    metrics = tuple(metric for metric in block.quality if _key(metric) in known)
    kin = here["family"] == here["other_family"]
    means = [(float(part.mean()), int(part.notna().sum())) for part in (here["tau"][kin], here["tau"][~kin])]
    return Agreement(block, metrics, tau, (int(here["methods"].min()), int(here["methods"].max())), *means)


def _key(metric: Metric) -> Key:
    return metric.name, metric.protocol
