"""Every two methods against each other: by how much, how surely, and whether it matters.

The rules:

- The unit is the image: two methods are compared on the images where both were to be scored.
- A failure loses to any value (the worst rank, Lachin 1999); two failures tie. A method never wins by failing.
- An image where the metric does not apply to one of the two is left out for both, and counted.
- Values that differ by less than a millionth of the largest are equal: float32 carries no more.
- Holm's correction is over all pairs of methods of one model, dataset, layer, metric and protocol; pairs with a control
  are a family of their own, and controls are not tested against each other.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from .means import CONTEST
from .resampling import CONFIDENCE, Array, resampled
from .scores import Flags, Scales, Scores, scores
from .signed_rank import holm, mcnemar, median_interval, signed_rank

Places: TypeAlias = npt.NDArray[np.int64]
ALPHA = 0.05
FEWEST_EQUIVALENT = 5  # images: 1 / 2^4 is above 5 %, 1 / 2^5 is not, and the bootstrap of fewer is too sure
BETTER, WORSE, EQUIVALENT, UNDECIDED, INCOMPARABLE = "better", "worse", "equivalent", "undecided", "incomparable"
COLUMNS = [
    *CONTEST,
    "method",
    "other",
    "against_control",
    "n",
    "left_out",
    "failed",
    "other_failed",
    "mean_difference",
    "low",
    "high",
    "median_difference",
    "median_low",
    "median_high",
    "test",
    "p",
    "p_holm",
    "effect",
    "p_better",
    "margin",
    "verdict",
]


def pairs(
    results: pd.DataFrame, scales: Scales, controls: Collection[str] = (), margin: float | None = None, seed: int = 0
) -> pd.DataFrame:
    """One row per model, dataset, layer, metric, protocol and pair of methods, or of a method and a control.

    Args:
        results: rows as in results.parquet.
        scales: by (metric, protocol); metrics without one are left out.
        margin: the difference that matters to nobody, in the metric's unit; None for 1 % of the metric's range.
        seed: of the bootstrap.

    Returns:
        The contest's key; ``method``, ``other``, ``against_control``; ``n``, images where both have a value;
        ``left_out``, images where the metric applies to one only; ``failed``, ``other_failed``, images;
        ``mean_difference`` of method - other in the metric's unit, with its 95 % percentile bootstrap interval ``low``,
        ``high``; ``median_difference`` with its distribution-free interval ``median_low``, ``median_high``; ``test``:
        ``wilcoxon`` or ``mcnemar`` (metrics of 0 and 1); ``p`` and ``p_holm``; ``effect``: the rank-biserial
        correlation in [-1, 1], positive where ``method`` is better; ``p_better``: the share of images where it is,
        ties counting half; ``margin``; and ``verdict`` of ``method``:

        - ``equivalent``: the 90 % bootstrap interval of the mean difference lies within the margin, neither failed,
          and there are five images or more, as a one-sided sign test at 5 % needs
          (two one-sided tests at 5 %, of this pair alone; whatever p says);
        - ``better``, ``worse``: p_holm < 0.05, by the sign of the effect;
        - ``undecided``: neither; ``incomparable``: no image where both could be compared.
    """
    found = [_contest(one, margin, seed) for one in scores(results, scales, controls)]
    filled = [table for table in found if len(table)]
    return pd.concat(filled, ignore_index=True)[COLUMNS] if filled else pd.DataFrame(columns=COLUMNS)


@dataclass(frozen=True)
class Pair:
    """Two columns of a contest's matrices."""

    method: int
    other: int
    against_control: bool = False


def _contest(contest: Scores, margin: float | None, seed: int) -> pd.DataFrame:
    asked = list(_asked(contest))
    if not asked:
        return pd.DataFrame(columns=COLUMNS)
    table = measured_pairs(contest, asked, margin, seed)
    table.insert(0, "against_control", [pair.against_control for pair in asked])
    table["p_holm"] = np.nan
    for family in (True, False):
        rows = table["against_control"] == family
        table.loc[rows, "p_holm"] = holm(table.loc[rows, "p"].to_numpy())
    table["verdict"] = verdicts(table)
    table[CONTEST] = [contest.key] * len(table)
    return table


def measured_pairs(contest: Scores, asked: Sequence[Pair], margin: float | None, seed: int) -> pd.DataFrame:
    """One row per pair: the columns of ``pairs`` without the key, Holm's correction and the verdict, and the limits
    ``_low90`` and ``_high90`` that the verdict needs.
    """
    gain, values = contest.gain, contest.values
    one, two = [pair.method for pair in asked], [pair.other for pair in asked]
    gap = differences(gain[:, one], gain[:, two], contest.resolution)
    test = mcnemar if contest.binary else signed_rank
    p, effect = test(gap)
    seen = ~np.isnan(gap)
    counted = seen.sum(0)
    p = np.where(counted > 0, p, np.nan)
    table = pd.DataFrame({"method": [contest.methods[place] for place in one]})
    table["other"] = [contest.methods[place] for place in two]
    plain = values[:, one] - values[:, two]
    table["n"] = (~np.isnan(plain)).sum(0)
    table["left_out"] = (np.isnan(gain[:, one]) != np.isnan(gain[:, two])).sum(0)
    table["failed"], table["other_failed"] = contest.failed[:, one].sum(0), contest.failed[:, two].sum(0)
    table[["mean_difference", "low", "high", "_low90", "_high90"]] = mean_differences(plain, seed)
    medians = [median_interval(column[~np.isnan(column)]) for column in plain.T]
    table[["median_difference", "median_low", "median_high"]] = medians
    table["test"] = "mcnemar" if contest.binary else "wilcoxon"
    table["p"] = p
    table["effect"] = np.where(counted > 0, effect, np.nan)
    wins = (gap > 0).sum(0) + (seen & (gap == 0)).sum(0) / 2
    table["p_better"] = np.divide(wins, counted, out=np.full(len(asked), np.nan), where=counted > 0)
    table["margin"] = contest.scale.margin if margin is None else margin
    return table


def _asked(contest: Scores) -> Iterator[Pair]:
    """Every two methods, and every method with every control."""
    for one, two in itertools.combinations(range(len(contest.methods)), 2):
        first, second = contest.controls[[one, two]]
        if not first and not second:
            yield Pair(one, two, False)
        elif not (first and second):
            yield Pair(*((two, one) if first else (one, two)), True)


def differences(one: Array, two: Array, resolution: float) -> Array:
    """one - two, where a failure is below any value, two failures are equal, and so is what differs by no more than
    ``resolution``."""
    both = np.isneginf(one) & np.isneginf(two)
    found = np.where(both, 0.0, one - np.where(both, 0.0, two))
    return np.where(np.abs(found) <= resolution, 0.0, found)


def mean_differences(plain: Array, seed: int) -> Array:
    """(k, 5): of each column of (n, k) differences, NaN left out: mean, its 95 % interval, its 90 % interval."""
    found = np.full((plain.shape[1], 5), np.nan)
    for columns, rows in _alike(~np.isnan(plain)):
        values = plain[rows][:, columns]
        found[columns, 0] = values[0] + (values - values[0]).mean(0)
        if len(rows) > 1:
            tail = (1 - CONFIDENCE) / 2
            found[columns, 1:] = np.quantile(resampled(values, seed), [tail, 1 - tail, 0.05, 0.95], axis=0).T
    return found


def _alike(known: Flags) -> Iterator[tuple[list[int], Places]]:
    """The columns that know the same rows, and these rows; columns without any are left out."""
    groups: dict[bytes, list[int]] = {}
    for place, column in enumerate(known.T):
        groups.setdefault(column.tobytes(), []).append(place)
    for places in groups.values():
        rows = np.flatnonzero(known[:, places[0]])
        if len(rows):
            yield places, rows


def verdicts(table: pd.DataFrame) -> list[str]:
    """The verdict of each row that has its interval, test and margin."""
    columns = ["n", "_low90", "_high90", "margin", "failed", "other_failed", "p_holm", "effect"]
    return [_verdict(*row) for row in table[columns].itertuples(index=False, name=None)]


def _verdict(
    n: int, low: float, high: float, margin: float, failed: int, other_failed: int, p: float, effect: float
) -> str:
    if math.isnan(p):
        return INCOMPARABLE
    if n >= FEWEST_EQUIVALENT and not failed and not other_failed and -margin <= low and high <= margin:
        return EQUIVALENT
    if p < ALPHA and effect:
        return BETTER if effect > 0 else WORSE
    return UNDECIDED


def seen_from(table: pd.DataFrame, method: str) -> pd.DataFrame:
    """The pairs of ``method``, each with it as ``method``; in the order of the table."""
    mine = table[(table["method"] == method) | (table["other"] == method)].copy()
    turn = mine["other"] == method
    for one, other in (("method", "other"), ("failed", "other_failed")):
        mine.loc[turn, [one, other]] = mine.loc[turn, [other, one]].to_numpy()
    for name in ("mean_difference", "median_difference", "effect"):
        mine.loc[turn, name] = 0.0 - mine.loc[turn, name]
    for low, high in (("low", "high"), ("median_low", "median_high")):
        mine.loc[turn, [low, high]] = 0.0 - mine.loc[turn, [high, low]].to_numpy()
    mine.loc[turn, "p_better"] = 1 - mine.loc[turn, "p_better"]
    mine.loc[turn, "verdict"] = mine.loc[turn, "verdict"].replace({BETTER: WORSE, WORSE: BETTER})
    return mine
