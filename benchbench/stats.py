"""From one row per image to one row per method: means with bootstrap intervals, and who may be called best.

The unit is the image. All methods that were scored on the same number of images are resampled with the same draws,
so their intervals are paired. Nothing here tests a hypothesis.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import kendalltau, norm

Array: TypeAlias = npt.NDArray[np.float64]

RESAMPLES = 10_000
CONFIDENCE = 0.95
CELL = ["model", "dataset", "layer", "method", "metric", "protocol"]
CONTEST = ["model", "dataset", "layer", "metric", "protocol"]
QUALITY, COST = "quality", "cost"
_DRAWS_AT_ONCE = 4_000_000
_GROUPS_AT_ONCE = 1_000


def bootstrap(values: Array, seed: int = 0, resamples: int = RESAMPLES) -> Array:
    """The 95 % percentile bootstrap interval of each column's mean.

    Args:
        values: (n, m): n images, m quantities that are resampled together.
        seed: the same seed and n give the same draws, whatever m is.
        resamples: how many.

    Returns:
        (2, m): low and high; NaN where n < 2. Equal to ``scipy.stats.bootstrap(method="percentile", paired=True)``
        with ``numpy.random.default_rng(seed)``.
    """
    images, columns = values.shape
    if images < 2:
        return np.full((2, columns), np.nan)
    anchor = values[0]  # deviations from it, so that equal values have an interval of width 0, exactly
    deviations = values - anchor
    draw = np.random.default_rng(seed)
    means = np.empty((resamples, columns))
    step = max(1, _DRAWS_AT_ONCE // images)
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        drawn = draw.integers(0, images, (rows, images)) + images * np.arange(rows)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=rows * images).reshape(rows, images)
        means[start : start + rows] = counts @ deviations / images
    tail = (1 - CONFIDENCE) / 2
    return np.asarray(anchor + np.quantile(means, [tail, 1 - tail], axis=0))


def mean(values: Array) -> Array:
    """The mean of each column (n, m) -> (m,); exact where all values of a column are equal, NaN where n is 0."""
    if not len(values):
        return np.full(values.shape[1], np.nan)
    return np.asarray(values[0] + (values - values[0]).mean(0))


def _summaries(groups: Sequence[Array], seed: int) -> Array:
    """(g, 3): mean, low and high of each group of values; groups of one length have the same draws."""
    found = np.full((len(groups), 3), np.nan)
    lengths = np.array([len(group) for group in groups], dtype=np.int64)
    for length in np.unique(lengths[lengths > 0]):
        places = np.flatnonzero(lengths == length)
        for start in range(0, len(places), _GROUPS_AT_ONCE):
            some = places[start : start + _GROUPS_AT_ONCE]
            values = np.column_stack([groups[int(place)] for place in some])
            found[some, 0] = mean(values)
            found[some, 1:] = bootstrap(values, seed).T
    return found


def leaderboard(results: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """One row per model, dataset, layer, method, metric and protocol, in the order of the results.

    Returns:
        The key, and

        - ``kind``: ``quality`` (a mean over images) or ``cost`` (one measurement, without images);
        - ``n``: ok rows; ``mean``: their mean, or the measurement;
        - ``low``, ``high``: the 95 % percentile bootstrap interval (NaN where n < 2), or, for a cost, the quartiles
          from the rows ``metric.q1`` and ``metric.q3`` (NaN where there are none);
        - ``images``: a digest of the ok rows' samples: equal digests, equal images; empty for a cost or where n is 0;
        - ``failed``, ``not_applicable``: rows of that status; ``reason``: their most frequent reason, else empty.
    """
    whole = results[~_is_part(results["metric"])]
    cells = whole.groupby(CELL, sort=False, dropna=False)
    keys = [key for key, _ in cells]
    ok = [_by_image(rows) for _, rows in cells]
    board = pd.DataFrame(keys, columns=CELL)
    board["kind"] = _kinds(whole, board)
    board["n"] = [len(values) for values in ok]
    board[["mean", "low", "high"]] = _summaries(ok, seed)
    board["images"] = [_images(rows) for _, rows in cells]
    board["failed"] = [int((rows["status"] == "failed").sum()) for _, rows in cells]
    board["not_applicable"] = [int((rows["status"] == "not_applicable").sum()) for _, rows in cells]
    board["reason"] = [_reason(rows) for _, rows in cells]
    return _with_quartiles(board, results)


def health(maps: pd.DataFrame, results: pd.DataFrame) -> pd.DataFrame:
    """One row per model, dataset, layer and method that was asked for maps, in the order of the results.

    Returns:
        ``maps``: how many there are; ``failed``: images of which every quality row failed, so that there is none;
        ``dead``: maps that are the same everywhere; ``distinct`` and ``ties``: the medians over the maps (NaN without).
    """
    place = ["model", "dataset", "layer", "method"]
    quality = results[results["sample"].notna()]
    failing = (quality["status"] == "failed").groupby([quality[key] for key in [*place, "sample"]], sort=False).all()
    board = failing.groupby(level=place, sort=False).sum().rename("failed").astype(int).reset_index()
    groups = maps.assign(dead=(maps["distinct"] == 1).astype(int)).groupby(place, sort=False)
    found = groups.agg(
        maps=("file", "size"), dead=("dead", "sum"), distinct=("distinct", "median"), ties=("ties", "median")
    )
    board = board.merge(found.reset_index(), how="left", on=place)
    for name in ("maps", "dead"):
        board[name] = board[name].fillna(0).astype(int)
    for name in ("distinct", "ties"):
        board[name] = board[name].astype("float64")
    return board[[*place, "maps", "failed", "dead", "distinct", "ties"]]


def agreement(
    board: pd.DataFrame, higher_is_better: Mapping[tuple[str, str], bool], controls: Collection[str] = ()
) -> pd.DataFrame:
    """How alike two metrics, or two protocols of one, order the methods: Kendall's tau-b of the methods' means.

    Args:
        board: what ``leaderboard`` gave.
        higher_is_better: by (metric, protocol), those to be compared.
        controls: methods that are left out.

    Returns:
        One row per model, dataset, layer and pair: ``metric``, ``protocol``, ``other_metric``, ``other_protocol``,
        ``methods`` (how many have a mean under both) and ``tau``, in [-1, 1], 1 where both order them alike; NaN with
        fewer than two methods, or where all means are equal under one.
    """
    rows = board[~board["method"].isin(list(controls)) & (board["n"] > 0)]
    found = []
    for place, here in rows.groupby(["model", "dataset", "layer"], sort=False):
        columns = {
            (str(m), str(p)): part.set_index("method")["mean"] * (1 if higher_is_better[str(m), str(p)] else -1)
            for (m, p), part in here.groupby(["metric", "protocol"], sort=False)
            if (str(m), str(p)) in higher_is_better
        }
        for (one, first), (other, second) in itertools.combinations(columns.items(), 2):
            both = pd.concat([first, second], axis=1, join="inner").to_numpy(dtype=np.float64)
            tau = float(kendalltau(both[:, 0], both[:, 1]).statistic) if len(both) > 1 else math.nan
            found.append((*place, *one, *other, len(both), tau))
    names = ["model", "dataset", "layer", "metric", "protocol", "other_metric", "other_protocol", "methods", "tau"]
    return pd.DataFrame(found, columns=names)


def _is_part(metric: pd.Series[str]) -> pd.Series[bool]:
    """Which rows are a further value (``runtime.q1``) of a metric that is itself in the table."""
    parent = metric.str.split(".").str[0]
    return (parent != metric) & parent.isin(set(metric))


def _by_image(rows: pd.DataFrame) -> Array:
    """The ok values, ordered by image: row i of every method is the same image."""
    ok = rows[rows["status"] == "ok"].sort_values("sample", kind="stable")
    return ok["value"].to_numpy(dtype=np.float64)


def _images(rows: pd.DataFrame) -> str:
    samples = rows.loc[(rows["status"] == "ok") & rows["sample"].notna(), "sample"]
    return sha256("\n".join(sorted(samples)).encode()).hexdigest()[:8] if len(samples) else ""


def _kinds(whole: pd.DataFrame, board: pd.DataFrame) -> list[str]:
    with_images = whole[whole["sample"].notna()]
    quality = set(zip(with_images["metric"], with_images["protocol"], strict=True))
    return [QUALITY if pair in quality else COST for pair in zip(board["metric"], board["protocol"], strict=True)]


def _reason(rows: pd.DataFrame) -> str:
    reasons = rows.loc[rows["status"] != "ok", "reason"]
    return str(reasons.value_counts().index[0]) if len(reasons) else ""


def _with_quartiles(board: pd.DataFrame, results: pd.DataFrame) -> pd.DataFrame:
    for side, part in (("low", "q1"), ("high", "q3")):
        given = measured(results, part)
        for place in board.index[board["kind"] == COST]:
            board.loc[place, side] = given.get(tuple(board.loc[place, CELL]), math.nan)
    return board


def measured(results: pd.DataFrame, part: str) -> dict[tuple[Any, ...], float]:
    """The values of the rows ``metric.part``, by the key of the metric they belong to (see ``CELL``)."""
    rows = results[results["metric"].str.endswith(f".{part}") & (results["status"] == "ok")]
    owner = rows["metric"].str.removesuffix(f".{part}")
    keys = rows.assign(metric=owner)[CELL].itertuples(index=False, name=None)
    return dict(zip(keys, rows["value"].astype(float), strict=True))


def curve_bands(curves: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """One row per curve and x: ``n`` images, ``mean``, and the pointwise 95 % bootstrap band ``low`` to ``high``."""
    ordered = curves.sort_values("sample", kind="stable")
    cells = ordered.groupby([*CELL, "x"], sort=False, dropna=False)["y"]
    values = [y.to_numpy(dtype=np.float64) for _, y in cells]
    bands = pd.DataFrame([key for key, _ in cells], columns=[*CELL, "x"])
    bands["n"] = [len(group) for group in values]
    bands[["mean", "low", "high"]] = _summaries(values, seed)
    return bands.sort_values([*CELL, "x"], kind="stable", ignore_index=True)


@dataclass(frozen=True)
class Contest:
    """Who is best at one metric on one model, dataset and layer.

    Attributes:
        key: model, dataset, layer, metric, protocol.
        best: rows of the leaderboard with the best mean, controls apart; several when they tie; none when fewer
            than two methods can be compared.
        overlapping: rows of comparable methods whose interval overlaps that of the best.
        above: rows of comparable controls with a better mean than the best.
        incomparable: rows with a mean over other images than the fullest: neither best nor compared. All of them,
            where two rows are the fullest with different images.
    """

    key: tuple[Any, ...]
    best: tuple[int, ...]
    overlapping: tuple[int, ...]
    above: tuple[int, ...]
    incomparable: tuple[int, ...]


def contests(
    board: pd.DataFrame,
    higher_is_better: Mapping[tuple[str, str], bool],
    controls: Collection[str] = (),
    decimals: Mapping[tuple[Any, ...], int] | None = None,
) -> list[Contest]:
    """Who is best, for each model, dataset, layer, metric and protocol of a leaderboard.

    Args:
        board: what ``leaderboard`` gave.
        higher_is_better: by (metric, protocol).
        controls: methods that are never best.
        decimals: by the contest's key; means that are equal when rounded so tie. Without it, only equal means do.

    Raises:
        KeyError: a metric of the board has no direction.
    """
    found = []
    for key, rows in board.groupby(CONTEST, sort=False, dropna=False):
        assert isinstance(key, tuple)
        higher = higher_is_better[str(key[3]), str(key[4])]
        digits = 12 if decimals is None else decimals[key]
        found.append(_contest(key, rows, higher, controls, digits))
    return found


def _contest(key: tuple[Any, ...], rows: pd.DataFrame, higher: bool, controls: Collection[str], digits: int) -> Contest:
    scored, fullest = rows[rows["n"] > 0], rows[(rows["n"] > 0) & (rows["n"] == rows["n"].max())]
    same = (scored["images"] == fullest["images"].iloc[0]) if fullest["images"].nunique() == 1 else scored["n"] < 0
    is_control = scored["method"].isin(list(controls))
    fair, guards, incomparable = scored[same & ~is_control], scored[same & is_control], tuple(scored.index[~same])
    if len(fair) < 2:
        return Contest(key, (), (), (), incomparable)
    top = float(fair["mean"].max() if higher else fair["mean"].min())
    is_best = np.isclose(fair["mean"], top, rtol=1e-9, atol=1e-12) | (fair["mean"].round(digits) == round(top, digits))
    best, others = fair[is_best], fair[~is_best]
    overlaps = (others["low"] <= best["high"].max()) & (others["high"] >= best["low"].min())
    ahead = guards["mean"].round(digits) - round(top, digits)
    above = guards.index[ahead > 0 if higher else ahead < 0]
    return Contest(key, tuple(best.index), tuple(others.index[overlaps]), tuple(above), incomparable)


def _power_factor(methods: int, power: float) -> float:
    pairs = methods * (methods - 1) / 2
    z = norm.ppf(1 - 0.05 / pairs / 2) + norm.ppf(power)
    return float(z) ** 2 * math.pi / 3  # pi / 3: the Wilcoxon signed-rank test against the t test, normal differences


def images_needed(methods: int, effect: float, power: float = 0.8) -> int:
    """Images for a paired Wilcoxon test at Holm's strictest step, all pairs of ``methods``, to see d_z = ``effect``."""
    return math.ceil(_power_factor(methods, power) / effect**2 - 1e-9)


def smallest_visible_effect(methods: int, images: int, power: float = 0.8) -> float:
    """The smallest standardised paired difference d_z that the test of ``images_needed`` sees with so many images."""
    return math.sqrt(_power_factor(methods, power) / images)
