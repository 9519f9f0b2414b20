"""How alike the metrics order the methods: a heat map per block, and the same numbers as a table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from ..leaderboard.board import Block, Metric
from .style import STYLE, Picture, picture, short

FEWEST, MOST = 3, 18  # metrics of a heat map whose numbers can be read
SHADES = mpl.colors.LinearSegmentedColormap.from_list("tau", ["#b35806", "#f1a340", "#f7f7f7", "#998ec3", "#542788"])

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

    @property
    def readable(self) -> bool:
        return FEWEST <= len(self.metrics) <= MOST


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


def drawn(agreement: Agreement) -> Picture:
    """The matrix with its numbers written in the cells; the half below the diagonal, as both halves say the same."""
    matrix, names = np.array(agreement.matrix), [short(name, 28) for name in agreement.names]
    size = len(names) - 1
    side = 0.62 * size
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(side + 2.6, 0.42 * size + 1.9), layout=ConstrainedLayoutEngine())
        axis = figure.add_subplot()
        sns.heatmap(
            matrix[1:, :-1],
            ax=axis,
            mask=np.triu(np.ones((size, size), dtype=bool), k=1) | np.isnan(matrix[1:, :-1]),
            vmin=-1,
            vmax=1,
            cmap=SHADES,
            annot=True,
            fmt=".2f",
            annot_kws={"fontsize": 8.5},
            linewidths=0,
            cbar_kws={"label": "Kendall's tau", "shrink": 0.8},
            xticklabels=names[:-1],
            yticklabels=names[1:],
        )
        axis.tick_params(left=False, bottom=False)
        for text in axis.get_xticklabels():
            text.set(rotation=35, ha="right", rotation_mode="anchor")
        pairs = [
            f"{names[row]} and {names[column]} {matrix[row, column]:.2f}"
            for row in range(len(names))
            for column in range(row)
            if not math.isnan(matrix[row, column])
        ]
        return picture(figure, f"Kendall's tau of all pairs of metrics, {agreement.block.title}: {', '.join(pairs)}.")


def _key(metric: Metric) -> Key:
    return metric.name, metric.protocol
