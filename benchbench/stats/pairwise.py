"""Every two methods against each other: by how much, how surely, and whether it matters.

The rules:

- The unit is the image, or the images that belong together (see ``units``): two methods are compared on the images
  where both were to be scored, and each unit counts by the mean of its images' differences.
- A failure loses to any value (the worst rank, Lachin 1999); two failures tie. A method never wins by failing.
- An image where the metric does not apply to one of the two is left out for both, and counted.
- Two values tie by the precision of these two values (``scores.tied``).
- Holm's correction is over all pairs of methods of one model, dataset, layer, metric and protocol; pairs with a control
  are a family of their own, and controls are not tested against each other.
- The column ``verdict`` is the only source of letters, daggers, counts and sentences on significance.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .intervals import TAIL, fewest_equivalent, limits_at
from .leaderboards import CONTEST
from .metric_scale import Scales
from .paired_tests import holm, mcnemar, median_intervals, signed_rank
from .resampling import Array, mean
from .score_matrix import Scores, alike_columns, differences, scores
from .units import by_unit, gaps_by_unit

ALPHA = 0.05
_VALUES_AT_ONCE = 2_000_000  # of pairs that are tested together
BETTER, WORSE, EQUIVALENT, INCONCLUSIVE, INCOMPARABLE = "better", "worse", "equivalent", "inconclusive", "incomparable"
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
    "equivalent",
    "verdict",
]
SPANS = ["low", "high", "median_difference", "median_low", "median_high"]  # what takes most of the time


def pairs(
    results: pd.DataFrame, scales: Scales, controls: Collection[str] = (), margin: float | None = None, seed: int = 0
) -> pd.DataFrame:
    """One row per model, dataset, layer, metric, protocol and pair of methods, or of a method and a control.

    Args:
        results: rows as in results.parquet.
        scales: by (metric, protocol); metrics without one are left out.
        margin: the equivalence margin, in the metric's unit; None for 1 % of the metric's range.
        seed: of the intervals' weights.

    Returns:
        The contest's key; ``method``, ``other``, ``against_control``; ``n``, independent units where both have a value;
        ``left_out``, images where the metric applies to one only; ``failed``, ``other_failed``, images;
        ``mean_difference`` of method - other in the metric's unit, with its 95 % interval ``low``, ``high`` (exact
        where the metric has a range, see ``intervals``); ``median_difference`` with its distribution-free interval
        ``median_low``, ``median_high``; ``test``: ``wilcoxon`` or ``mcnemar`` (metrics of 0 and 1); ``p`` and
        ``p_holm``; ``effect``: the rank-biserial correlation in [-1, 1], positive where ``method`` is better;
        ``p_better``: the share of units where it is, ties counting half; ``margin``; ``equivalent``: the 90 % interval
        of the mean difference lies within the margin, and neither failed (two one-sided tests at 5 %, of this pair
        alone; never for a metric without bounds); and ``verdict`` of ``method``:

        - ``better``, ``worse``: p_holm < 0.05, by the sign of the effect;
        - ``equivalent``: not significantly different, and ``equivalent``;
        - ``inconclusive``: neither; ``incomparable``: no image where both could be compared.
    """
    return pairs_of(scores(results, scales, controls), margin, seed)


def pairs_of(
    comparisons: Iterable[Scores], margin: float | None = None, seed: int = 0, spans: bool = True
) -> pd.DataFrame:
    """``pairs`` of the values of comparisons, as ``scores`` gives them.

    Args:
        spans: whether the table has ``SPANS``. Without them only the intervals are computed that a verdict needs.
    """
    columns = [name for name in COLUMNS if spans or name not in SPANS]
    tables = [_contest(contest, margin, seed, spans) for contest in comparisons]
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True)[columns] if filled else pd.DataFrame(columns=columns)


@dataclass(frozen=True)
class Pair:
    """Two columns of a comparison's matrices."""

    method: int
    other: int
    against_control: bool = False


def _contest(contest: Scores, margin: float | None, seed: int, spans: bool) -> pd.DataFrame:
    compared_pairs = list(_chosen_pairs(contest))
    if not compared_pairs:
        return pd.DataFrame(columns=COLUMNS)
    table = measured_pairs(contest, compared_pairs, margin, seed, spans)
    table.insert(0, "against_control", [pair.against_control for pair in compared_pairs])
    table["p_holm"] = np.nan
    for family in (True, False):
        rows = table["against_control"] == family
        table.loc[rows, "p_holm"] = holm(table.loc[rows, "p"].to_numpy())
    table["equivalent"] = equivalent(table)
    table["verdict"] = verdicts(table)
    table[CONTEST] = [contest.key] * len(table)
    return table


def measured_pairs(
    contest: Scores, compared_pairs: Sequence[Pair], margin: float | None, seed: int, spans: bool = True
) -> pd.DataFrame:
    """One row per pair: the columns of ``pairs`` without the key, Holm's correction and the verdicts, and what
    equivalence needs: ``_low90``, ``_high90`` and ``_exact``; ``spans``: see ``pairs_of``.
    """
    values = contest.values
    methods, others = [pair.method for pair in compared_pairs], [pair.other for pair in compared_pairs]
    table = pd.DataFrame({"method": [contest.methods[place] for place in methods]})
    table["other"] = [contest.methods[place] for place in others]
    plain = values[:, methods]
    plain -= values[:, others]
    plain = by_unit(plain, contest.units)
    table["n"] = (~np.isnan(plain)).sum(0)
    table["failed"], table["other_failed"] = contest.failed[:, methods].sum(0), contest.failed[:, others].sum(0)
    table["margin"] = contest.scale.margin if margin is None else margin
    intervals = ["mean_difference", "low", "high", "_low90", "_high90"]
    if spans:
        table[intervals] = mean_differences(plain, contest.scale.width, seed)
        table[["median_difference", "median_low", "median_high"]] = _medians(plain)
    else:
        table[intervals] = _near_differences(plain, contest.scale.width, seed, float(table["margin"].iloc[0]))
    table["test"] = "mcnemar" if contest.binary else "wilcoxon"
    step = max(1, _VALUES_AT_ONCE // max(1, len(values)))
    starts = range(0, len(methods), step)
    tested = [_tested(contest, methods[start : start + step], others[start : start + step]) for start in starts]
    table[["left_out", "p", "effect", "p_better"]] = pd.concat(tested, ignore_index=True)
    table["_exact"] = math.isfinite(contest.scale.width)
    return table


def _tested(contest: Scores, methods: list[int], others: list[int]) -> pd.DataFrame:
    """``left_out``, ``p``, ``effect`` and ``p_better`` of each of some pairs, given by their places."""
    gains, other_gains = contest.gain[:, methods], contest.gain[:, others]
    gap = gaps_by_unit(differences(gains, other_gains, contest.scale.floor), contest.units)
    p, effect = (mcnemar if contest.binary else signed_rank)(gap)
    seen = ~np.isnan(gap)
    counted = seen.sum(0)
    wins = (gap > 0).sum(0) + (seen & (gap == 0)).sum(0) / 2
    better = np.divide(wins, counted, out=np.full(len(methods), np.nan), where=counted > 0)
    left_out = (np.isnan(gains) != np.isnan(other_gains)).sum(0)
    known = {"p": np.where(counted > 0, p, np.nan), "effect": np.where(counted > 0, effect, np.nan)}
    return pd.DataFrame({"left_out": left_out, **known, "p_better": better})


def _chosen_pairs(contest: Scores) -> Iterator[Pair]:
    """Every two methods, and every method with every control."""
    for first, second in itertools.combinations(range(len(contest.methods)), 2):
        first_is_control, second_is_control = contest.controls[[first, second]]
        if not first_is_control and not second_is_control:
            yield Pair(first, second, False)
        elif not (first_is_control and second_is_control):
            yield Pair(*((second, first) if first_is_control else (first, second)), True)


def mean_differences(plain: Array, width: float, seed: int) -> Array:
    """(k, 5): of each column of (n, k) differences, NaN left out: mean, its 95 % interval, its 90 % interval.

    Args:
        width: of the metric's range: a difference lies in -width to width.
    """
    summary = np.full((plain.shape[1], 5), np.nan)
    for columns, rows in alike_columns(~np.isnan(plain)):
        values = plain if len(rows) == len(plain) else plain[rows]
        values = values if len(columns) == plain.shape[1] else values[:, columns]
        summary[columns, 0] = mean(values)
        both = limits_at(values, [TAIL, ALPHA], -width, width, seed)
        summary[columns, 1:] = both.transpose(2, 0, 1).reshape(len(columns), 4)
    return summary


def _near_differences(plain: Array, width: float, seed: int, margin: float) -> Array:
    """``mean_differences``, with intervals only of the columns that may lie within the margin: an interval holds its
    mean, and with too few units none is that narrow.
    """
    summary = np.full((plain.shape[1], 5), np.nan)
    for columns, rows in alike_columns(~np.isnan(plain)):
        summary[columns, 0] = mean(plain[rows][:, columns])
    share = margin / width if math.isfinite(width) else 0.0
    enough = fewest_equivalent(share) if 0 < share < 1 else math.inf if share <= 0 else 0
    near = np.flatnonzero((np.abs(summary[:, 0]) <= margin) & ((~np.isnan(plain)).sum(0) >= enough))
    if len(near):
        summary[near] = mean_differences(plain[:, near], width, seed)
    return summary


def _medians(plain: Array) -> Array:
    """(k, 3): of each column of (n, k) differences, NaN left out: the median and its interval."""
    summary = np.full((plain.shape[1], 3), np.nan)
    for columns, rows in alike_columns(~np.isnan(plain)):
        summary[columns] = median_intervals(plain[rows][:, columns])
    return summary


def equivalent(table: pd.DataFrame) -> pd.Series[bool]:
    """Whether each row's 90 % interval lies within its margin, where that interval is exact and neither failed."""
    inside = (table["_low90"] >= -table["margin"]) & (table["_high90"] <= table["margin"])
    return inside & table["_exact"] & (table["failed"] == 0) & (table["other_failed"] == 0)


def verdicts(table: pd.DataFrame) -> list[str]:
    """The verdict of each row that has its corrected p and ``equivalent``."""
    columns = ["p_holm", "effect", "equivalent"]
    return [_verdict(*row) for row in table[columns].itertuples(index=False, name=None)]


def _verdict(p: float, effect: float, equivalent: bool) -> str:
    if math.isnan(p):
        return INCOMPARABLE
    if p < ALPHA and effect:
        return BETTER if effect > 0 else WORSE
    return EQUIVALENT if equivalent else INCONCLUSIVE


def significant(table: pd.DataFrame) -> pd.Series[bool]:
    """Which pairs differ significantly, as their verdict says."""
    return table["verdict"].isin([BETTER, WORSE])


def seen_from(table: pd.DataFrame, method: str) -> pd.DataFrame:
    """The pairs of ``method``, each with it as ``method``; in the order of the table."""
    rows = table[(table["method"] == method) | (table["other"] == method)].copy()
    turn = rows["other"] == method
    for column, other_column in (("method", "other"), ("failed", "other_failed")):
        rows.loc[turn, [column, other_column]] = rows.loc[turn, [other_column, column]].to_numpy()
    for name in ("mean_difference", "median_difference", "effect"):
        rows.loc[turn, name] = 0.0 - rows.loc[turn, name]
    for low, high in (("low", "high"), ("median_low", "median_high")):
        rows.loc[turn, [low, high]] = 0.0 - rows.loc[turn, [high, low]].to_numpy()
    rows.loc[turn, "p_better"] = 1 - rows.loc[turn, "p_better"]
    rows.loc[turn, "verdict"] = rows.loc[turn, "verdict"].replace({BETTER: WORSE, WORSE: BETTER})
    return rows
