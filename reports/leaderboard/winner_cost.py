"""What the best method costs against the next one."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd

from ...formatting import plural
from ...stats import COST
from .board import Board, Metric

Setting: TypeAlias = tuple[str, ...]
_SETTING = ["model", "dataset", "layer"]
_EQUAL = 1e-9  # two costs that are counted are the same up to here


@dataclass(frozen=True)
class WinnerCost:
    """The cost of a method divided by that of another one, at the same settings.

    Attributes:
        metric: runtime, or the first cost of the run where runtime was not measured.
        method, other: the best method and the next one.
        ratio: the geometric mean over the settings of the method's cost divided by the other's.
        low, high: the same of the range from quartile to quartile: the method's lower quartile divided by the other's
            upper one, and the other way round; NaN for what is counted and not timed.
        lowest, highest: the smallest and the largest ratio of a setting.
        settings: how many networks x data x layers have both costs.
        wanted: of how many.
        cheaper, dearer: in how many settings the method's whole range is below, or above, the other's.
    """

    metric: Metric
    method: str
    other: str
    ratio: float
    low: float
    high: float
    lowest: float
    highest: float
    settings: int
    wanted: int
    cheaper: int
    dearer: int

    @classmethod
    def of(cls, board: Board, method: str, other: str, settings: Collection[Setting]) -> WinnerCost | None:
        """The ratio at some settings (network, data, layer); None where no cost of both is known.

        Args:
            method: a name of the board; so is ``other``.
        """
        metric = next((each for each in board.of(COST) if each.name == "runtime"), next(iter(board.of(COST)), None))
        if metric is None:
            return None
        rows = board.tidy[(board.tidy["metric"] == metric.name) & (board.tidy["protocol"] == metric.protocol)]
        rows = rows[rows["method"].isin([method, other]) & (rows["mean"] > 0)]
        wanted = set(settings)
        here = [key in wanted for key in rows[_SETTING].astype(str).itertuples(index=False, name=None)]
        ratios = [
            _ratio(part.set_index("method"), method, other)
            for _, part in rows[here].groupby(_SETTING, sort=False)
            if len(part) == 2
        ]
        if not ratios:
            return None
        spans = np.array(ratios)
        logs = np.log(spans)
        ratio, low, high = (float(value) for value in np.exp(logs.mean(0)))
        spread = (math.exp(logs[:, 0].min()), math.exp(logs[:, 0].max()))
        lowest, highest = (np.where(np.isnan(spans[:, side]), spans[:, 0], spans[:, side]) for side in (1, 2))
        cheaper, dearer = int((highest < 1 - _EQUAL).sum()), int((lowest > 1 + _EQUAL).sum())
        return cls(metric, method, other, ratio, low, high, *spread, len(ratios), len(wanted), cheaper, dearer)

    @property
    def same(self) -> bool:
        """Whether the quartiles of the two overlap over the settings, and settings do not contradict each other.

        Without quartiles: whether the costs are equal.
        """
        if math.isnan(self.low) or math.isnan(self.high):
            return math.isclose(self.ratio, 1, rel_tol=_EQUAL) and not self.mixed
        return self.low <= 1 <= self.high and not self.mixed

    @property
    def mixed(self) -> bool:
        """Whether the method is clearly cheaper in one setting and clearly dearer in another."""
        return self.cheaper > 0 and self.dearer > 0

    @property
    def text(self) -> str:
        """One sentence, such as ``Score-CAM takes 11.3 times the runtime of Grad-CAM (quartiles 10.6 to 12.0).``"""
        timed = not (math.isnan(self.low) or math.isnan(self.high))
        notes = [f"quartiles {times(self.low)} to {times(self.high)}"] if timed else []
        over = plural(self.settings, "setting")
        over = over if self.settings == self.wanted else f"{self.settings} of {plural(self.wanted, 'setting')}"
        if self.settings > 1:
            notes.append(f"{times(self.lowest)} to {times(self.highest)} over {over}")
        elif self.wanted > 1:
            notes.append(f"in {over}")
        if self.mixed:
            less, more = plural(self.cheaper, "setting"), plural(self.dearer, "setting")
            text = f"{self.method} takes less {self.metric.title} than {self.other} in {less}, and more in {more}"
            return f"{text} (ratio {times(self.lowest)} to {times(self.highest)})."
        if not self.same and times(self.ratio) != times(1):
            after = f" ({'; '.join(notes)})" if notes else ""
            return f"{self.method} takes {times(self.ratio)} times the {self.metric.title} of {self.other}{after}."
        numbers = f" ({'; '.join([f'ratio {times(self.ratio)}', *notes])})"
        if self.same:
            within = " within noise" if timed else ""
            return f"{self.method} and {self.other} have the same {self.metric.title}{within}{numbers}."
        return f"The {self.metric.title} of {self.method} and {self.other} differs by less than 1 %{numbers}."


def _ratio(rows: pd.DataFrame, method: str, other: str) -> tuple[float, float, float]:
    """The ratio of the means, and its range from quartile to quartile."""
    costs = rows[["mean", "low", "high"]].astype("float64")
    costs = costs.where(costs > 0)
    first, second = costs.loc[method], costs.loc[other]
    spans = [first["mean"] / second["mean"], first["low"] / second["high"], first["high"] / second["low"]]
    mean, low, high = np.array(spans, dtype=np.float64).tolist()
    return mean, low, high


def times(ratio: float) -> str:
    """A ratio as text, with about three digits."""
    decimals = 0 if ratio >= 100 else 1 if ratio >= 10 else 2 if ratio >= 0.1 else 3
    return f"{ratio:,.{decimals}f}"
