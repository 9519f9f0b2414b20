"""Is a metric to be trusted? What it says of maps that get worse, and under disturbances that matter or do not.

Noise resilience and adversary reactivity after MetaQuantus: Hedstroem et al. 2023, arXiv:2302.07265, section 4; every
definition, and where it differs, stands in docs/reliability.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..formatting import with_score
from .intervals import limits, summaries
from .leaderboards import CONTEST, is_part
from .metric_scale import RESOLUTION, Scale, Scales, trusted
from .resampling import Array, mean
from .score_matrix import differences, image_ranks
from .units import Places, by_unit, numbered, units_of

FEWEST = 6  # independent images: with fewer, no two-sided signed-rank test falls below 0.05 whatever the scores are
INTRA, INTER = ("iac_nr", "iac_ar"), ("iec_nr", "iec_ar")
STRENGTHS = ("minor", "disruptive")


def decay(
    results: pd.DataFrame, levels: Mapping[str, tuple[str, float]], scales: Scales, seed: int = 0
) -> pd.DataFrame:
    """Whether a metric falls as maps are blended with noise.

    Args:
        results: a run's table.
        levels: by method's name, the method that it blends with noise and the share of noise.
        scales: what the run says of each (metric, protocol).

    Returns:
        One row per model, dataset, layer, metric, protocol and ``of``, the method blended; then one with ``of`` empty
        for all of them together (the mean over methods of each image):

        - ``images``: independent ones with a score at every level; ``levels``: how many;
        - ``tau``: the mean over images of Kendall's tau-b between the share of noise and how bad the score is: 1 where
          each level is worse than the one before, 0 for an image whose scores are all equal; ``low``, ``high``: its
          95 % interval (``limits``, in [-1, 1]);
        - ``monotone``: the share of images whose score never gets better from one level to the next, and is worse at
          the last than at the first.
    """
    blends = results[results["method"].isin(levels) & results["sample"].notna() & ~is_part(results["metric"])]
    entries = []
    for key, rows in blends.groupby(CONTEST, sort=False):
        assert isinstance(key, tuple)
        entries += list(_decays(key, rows, levels, scales, seed))
    return pd.DataFrame(entries, columns=[*CONTEST, "of", "levels", "images", "tau", "low", "high", "monotone"])


def _decays(
    key: tuple[Any, ...], rows: pd.DataFrame, levels: Mapping[str, tuple[str, float]], scales: Scales, seed: int
) -> Iterator[tuple[Any, ...]]:
    scale = trusted(scales, rows)[str(key[3]), str(key[4])]
    scores = _goodness(_matrix(rows), scale)
    unit = _units(rows)
    by_method: dict[str, pd.DataFrame] = {}
    for of in dict.fromkeys(levels[str(name)][0] for name in scores.columns):
        blends = sorted(
            (name for name in scores.columns if levels[str(name)][0] == of), key=lambda name: levels[name][1]
        )
        shares = np.array([levels[name][1] for name in blends])
        complete = _rounded(scores[blends].dropna().to_numpy(dtype=np.float64), scale)
        by_method[of] = pd.DataFrame(
            {"tau": [_tau(shares, row) for row in complete], "monotone": [_monotone(row) for row in complete]},
            index=scores[blends].dropna().index,
            dtype=np.float64,
        )
        by_method[of] = by_method[of].groupby(unit.reindex(by_method[of].index), sort=False).mean()
        yield (*key, of, len(blends), *_summary(by_method[of], seed))
    together = pd.concat(list(by_method.values())).groupby(level=0).mean()
    yield (*key, "", len({share for _, share in levels.values()}), *_summary(together, seed))


def _summary(images: pd.DataFrame, seed: int) -> tuple[Any, ...]:
    tau = images["tau"].to_numpy(dtype=np.float64)
    (average, low, high) = summaries([tau], [(-1.0, 1.0)], seed)[0]
    return len(tau), average, low, high, images["monotone"].mean() if len(tau) else math.nan


def _tau(shares: Array, goodness: Array) -> float:
    from scipy.stats import kendalltau  # takes most of a second to import, and few commands need it

    tau = float(kendalltau(shares, -goodness).statistic) if len(shares) > 1 else math.nan
    return tau if math.isfinite(tau) else 0.0


def _monotone(goodness: Array) -> float:
    return float(bool((np.diff(goodness) <= 0).all() and goodness[-1] < goodness[0]))


def consistency(results: pd.DataFrame, trials: pd.DataFrame, scales: Scales, seed: int = 0) -> pd.DataFrame:
    """Noise resilience and adversary reactivity of every metric, after MetaQuantus.

    Args:
        results: a run's table.
        trials: the same rows under disturbances, with ``on`` (input or weights), ``strength`` (minor or disruptive),
            ``draw`` (0, 1, ...) and ``kept``: whether the network's prediction stayed that of the image undisturbed.
        scales: what the run says of each (metric, protocol).

    Returns:
        One row per model, dataset, layer, metric, protocol and ``on``:

        - ``iac_nr``: the mean over methods and draws of the p value of Wilcoxon's signed-rank test between the scores
          before and after a minor disturbance, on images whose prediction stayed; ``iac_ar``: of 1 - p after a
          disruptive one, on images whose prediction changed;
        - ``iec_nr``: the share of (image, method) whose rank among the methods stayed; ``iec_ar``: whose score fell;
        - ``mc``: the mean of the four; ``low``, ``high``: its 95 % interval over draws (``limits``, in [0, 1]);
        - ``methods``, ``draws``, ``images_nr``, ``images_ar``: how many, the images on average over draws;
        - ``reason``: why there is no ``mc``, or empty.
    """
    entries = []
    for key, rows in trials[~is_part(trials["metric"])].groupby([*CONTEST, "on"], sort=False):
        assert isinstance(key, tuple)
        here = results["method"].isin(set(rows["method"]))
        for name, value in zip(CONTEST, key, strict=False):
            here &= results[name] == value
        entries.append({**dict(zip([*CONTEST, "on"], key, strict=True)), **_meta(results[here], rows, scales, seed)})
    columns = ["methods", "draws", "images_nr", "images_ar", *INTRA, *INTER, "mc", "low", "high", "reason"]
    return pd.DataFrame(entries, columns=[*CONTEST, "on", *columns])


def _meta(before: pd.DataFrame, after: pd.DataFrame, scales: Scales, seed: int) -> dict[str, Any]:
    both = pd.concat([before, after])
    scale = trusted(scales, both)[str(after["metric"].iloc[0]), str(after["protocol"].iloc[0])]
    unit = _units(both)
    first, draws = _goodness(_matrix(before), scale), sorted(after["draw"].unique())
    parts = np.full((len(draws), 4), math.nan)  # iac_nr, iac_ar, iec_nr, iec_ar
    images = np.zeros((len(draws), 2))
    for d, draw in enumerate(draws):
        for s, strength in enumerate(STRENGTHS):
            rows = after[(after["draw"] == draw) & (after["strength"] == strength)]
            wanted = rows[rows["kept"].eq(strength == "minor").fillna(False).astype(bool)]
            scores_before, scores_after = first.align(_goodness(_matrix(wanted), scale), join="inner")
            units = numbered(unit.reindex(scores_before.index).tolist())
            images[d, s] = len(np.unique(units[scores_before.notna().any(axis=1)]))
            if images[d, s] >= FEWEST:
                parts[d, s], parts[d, 2 + s] = _Trial(scores_before, scores_after, units, scale).consistent(strength)
    scored = parts[np.isfinite(parts).all(1)].mean(1)
    low, high = limits(scored[:, None], 0.0, 1.0, seed)[:, 0]
    means = [float(mean(column[np.isfinite(column)][:, None])[0]) for column in parts.T]
    return {
        **dict(zip([*INTRA, *INTER], means, strict=True)),
        "mc": float(mean(scored[:, None])[0]),
        "low": float(low),
        "high": float(high),
        "methods": first.shape[1],
        "draws": len(draws),
        **dict(zip(("images_nr", "images_ar"), images.mean(0).tolist(), strict=True)),
        "reason": "" if len(scored) else _why(first.shape[1], images, after),
    }


def _why(methods: int, images: Array, after: pd.DataFrame) -> str:
    if methods < 2:
        return "a rank needs two methods: give two or more"
    if not (after["status"] == "ok").any():
        return str(after["reason"].value_counts().index[0])
    short = [("kept", "smaller"), ("changed", "larger")]
    reasons = [
        f"the prediction is {word} on {most:g} images at most under the {name} disturbance, and {FEWEST} are needed: "
        f"give more images, or a {way} disturbance"
        for (word, way), name, most in zip(short, STRENGTHS, images.max(0), strict=True)
        if most < FEWEST
    ]
    return "; ".join(reasons) or "no draw has enough images under both disturbances: give more images"


@dataclass(frozen=True, eq=False)
class _Trial:
    """Scores (images x methods), higher is better, before and after one disturbance."""

    before: pd.DataFrame
    after: pd.DataFrame
    units: Places
    scale: Scale

    def consistent(self, strength: str) -> tuple[float, float]:
        """IAC and IEC of one draw."""
        before, after = (side.to_numpy(dtype=np.float64) for side in (self.before, self.after))
        change = differences(after, before, self.scale.floor)
        of_units = by_unit(change, self.units)
        enough = (~np.isnan(of_units)).sum(0) >= FEWEST
        p = [_unchanged(column[~np.isnan(column)]) for column in of_units.T[enough]]
        intra = float(np.mean(p)) if p else math.nan
        if strength == "minor":
            return intra, self._mean(self._stayed(before, after))
        return 1 - intra, self._mean(np.where(np.isnan(change), np.nan, change < 0))

    def _stayed(self, before: Array, after: Array) -> Array:
        """(n, m): whether a method's rank on an image stayed; NaN where it has none, and where it has no rival."""
        known = np.isfinite(before) & np.isfinite(after)
        ranks = [image_ranks(np.where(known, side, np.nan), self.scale.floor) for side in (before, after)]
        return np.where(known & (known.sum(1) > 1)[:, None], ranks[0] == ranks[1], np.nan)

    def _mean(self, values: Array) -> float:
        """Over all known (image, method) of a unit, then over units."""
        flat = values.reshape(len(values), -1)
        if np.isnan(flat).all():
            return math.nan
        if len(np.unique(self.units)) == len(self.units):
            return float(np.nanmean(flat))
        places = np.repeat(self.units, flat.shape[1])
        return float(np.nanmean(by_unit(flat.reshape(-1, 1), places)))


def _unchanged(change: Array) -> float:
    """The p value that scores did not move; 1 where none did."""
    from scipy.stats import wilcoxon  # takes most of a second to import, and few commands need it

    return float(wilcoxon(change, zero_method="zsplit").pvalue) if change.any() else 1.0


def overview(
    decays: pd.DataFrame, consistencies: pd.DataFrame, gamed: Mapping[tuple[Any, ...], Sequence[str]]
) -> pd.DataFrame:
    """One row per model, dataset, layer, metric and protocol: what ``decay`` and ``consistency`` found.

    Args:
        gamed: by model, dataset, layer, metric and protocol the controls that win it.

    Returns:
        ``mc_input``, ``mc_weights`` with ``_low`` and ``_high``; ``tau`` with ``tau_low`` and ``tau_high``, and
        ``monotone``, of all methods together; ``gamed_by``: names, separated by commas; ``reason``: why an mc is none.
    """
    table = pd.concat([decays[CONTEST], consistencies[CONTEST]]).drop_duplicates(ignore_index=True)
    together = decays[decays["of"] == ""].drop(columns=["of", "levels", "images"])
    table = table.merge(together.rename(columns={"low": "tau_low", "high": "tau_high"}), on=CONTEST, how="left")
    for on in ("input", "weights"):
        rows = consistencies[consistencies["on"] == on]
        names = {"mc": f"mc_{on}", "low": f"mc_{on}_low", "high": f"mc_{on}_high", "reason": f"reason_{on}"}
        table = table.merge(rows[[*CONTEST, *names]].rename(columns=names), on=CONTEST, how="left")
    reasons = {on: table.pop(f"reason_{on}").fillna("") for on in ("input", "weights")}
    table["gamed_by"] = [", ".join(gamed.get(key, ())) for key in table[CONTEST].itertuples(index=False, name=None)]
    texts = [reasons[on].where(reasons[on] == "", f"{on}: " + reasons[on]) for on in reasons]
    table["reason"] = ["; ".join(filter(None, pair)) for pair in zip(*texts, strict=True)]
    return table


def _matrix(rows: pd.DataFrame) -> pd.DataFrame:
    """Images down, methods across; NaN where there is no score."""
    wide = rows.pivot(index="sample", columns="method", values="value")
    return wide.astype(np.float64)


def _goodness(scores: pd.DataFrame, scale: Scale) -> pd.DataFrame:
    return scores if scale.higher else -scores


def _units(rows: pd.DataFrame) -> pd.Series[str]:
    """By sample, the unit that it belongs to."""
    return pd.Series(units_of(rows).to_numpy(), index=rows["sample"].to_numpy()).groupby(level=0).first()


def _rounded(scores: Array, scale: Scale) -> Array:
    """Each image's scores (n, m) in whole steps of their own precision, so that what differs by less is equal."""
    step = np.maximum(RESOLUTION * np.abs(scores).max(1, initial=0.0), scale.floor)[:, None]
    return np.where(step > 0, np.round(scores / np.where(step > 0, step, 1.0)) * step, scores)


def levels_of(info: Mapping[str, Any]) -> dict[str, tuple[str, float]]:
    """By the name of each method of a run that blends a map with noise: the method blended, and the share of noise."""
    blends = (m for m in info["methods"] if m.get("plugin") == "noised")
    return {
        m["name"]: (
            with_score(str(m["parameters"]["of"]), m["parameters"].get("score")),
            float(m["parameters"]["share"]),
        )
        for m in blends
    }
