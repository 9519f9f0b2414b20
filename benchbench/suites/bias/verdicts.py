"""The questions of the suite ``bias``, and each method's verdicts: over networks, and on pairs of networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ...results.suite_answer import Question
from ...stats.rank_association import roc_area, spearman
from ..verdict_rows import absent_row, exact_row, interval_row, mean_row

MATTERS = 0.2  # a difference of two changes of probability by which the cue speaks for one class
EQUAL = 1e-6  # shares whose difference is smaller are equal: rounding orders no networks

TRACKS = Question(
    "tracks-reliance",
    "Tracks reliance",
    "The networks differ in how much they rely on a planted cue. Reliance is the mean absolute change of the explained "
    "class's probability when the cue is swapped in a counterfactual twin. The score is Spearman's correlation over "
    "networks of reliance and of the mean share of the map's mass on the cue.",
    0.5,
    "Selvaraju et al. 2017, arXiv:1610.02391, on bias in data sets; interval: Bonett and Wright 2000",
    (-1.0, 1.0),
)
FINDS = Question(
    "finds-biased",
    "Finds biased networks",
    "The score is the probability that a biased network has a larger mean share on the cue than an unbiased one "
    "(AUROC). Reliance decides which networks are biased, not the training data.",
    0.5,
    "Selvaraju et al. 2017, arXiv:1610.02391, on bias in data sets; interval: Newcombe 2006, method 5",
)
REPAIR = Question(
    "sees-repair",
    "Sees the repair",
    "Per image, the share on the cue of the network that relies on it most, less that of the network that relies on it "
    "least. The score is the mean over images.",
    0.0,
    "Selvaraju et al. 2017, arXiv:1610.02391, on bias in data sets",
    (-1.0, 1.0),
)
SPECIFIC = Question(
    "depends-on-the-class",
    "Depends on the class",
    "On biased networks, each image is explained for two classes. The score is the cue's share in the map of the class "
    "for which the cue speaks, less its share in the other map; the mean over the images on which the swap of the cue "
    "changes the two probabilities by amounts that differ by more than 0.2. A map that does not depend on the class "
    "has 0.",
    0.0,
    "Adebayo et al. 2020, arXiv:2011.05429, on spurious correlation",
    (-1.0, 1.0),
)
ALARM = Question(
    "no-false-alarm",
    "No false alarm",
    "An image of an unbiased network raises a false alarm if its map gives the cue more mass than 95 % of maps of "
    "uniform noise. The score is the share of images without one. Images on which the cue counts for the network are "
    "left out. A control that never looks at the cue passes: read it with the other questions.",
    0.9,
)
QUESTIONS = (TRACKS, FINDS, REPAIR, SPECIFIC, ALARM)
MAIN = (TRACKS, FINDS, REPAIR, SPECIFIC)  # what no control may pass


@dataclass(frozen=True)
class Cuts:
    """Which networks are biased, by their reliance.

    Attributes:
        biased: a network is biased if its reliance is at least this.
        unbiased: a network is unbiased if its reliance is at most this; those between count as neither.
    """

    biased: float
    unbiased: float


def network_rows(maps: pd.DataFrame) -> pd.DataFrame:
    """The means of every network, data set, layer and method.

    Args:
        maps: the rows of ``Readings``, a row per map.

    Returns:
        A row per network and method: dataset, layer, method, model, n (images), reliance, signed, share, excess.
    """
    work = maps.assign(reliance=maps["change"].abs(), excess=maps["share"] - maps["area"])
    grouped = work.groupby(["dataset", "layer", "method", "model"], sort=False)
    columns = {"reliance": "reliance", "signed": "change", "share": "share", "excess": "excess"}
    means = grouped.agg(n=("share", "size"), **{name: (column, "mean") for name, column in columns.items()})
    return means.reset_index()


def verdict_rows(
    maps: pd.DataFrame,
    both: pd.DataFrame,
    methods: Mapping[str, str],
    titles: Mapping[str, str],
    cuts: Cuts,
    seed: int,
) -> Iterator[dict[str, Any]]:
    """A row for each question, data set, layer and method.

    Args:
        maps: a row per map of the study's first target.
        both: a row per map of all targets, with the columns ``data`` and ``target``.
        methods: by label, why a method has no map, or empty.
        titles: of the networks, by label.
        cuts: which networks are biased.
        seed: of the intervals' resamples.
    """
    for (dataset, layer), here in maps.groupby(["dataset", "layer"], sort=False):
        networks = network_rows(here)
        setting = {"dataset": str(dataset), "layer": str(layer)}
        for method, reason in methods.items():
            rows, means = here[here["method"] == method], networks[networks["method"] == method]
            if means.empty:
                yield from (absent_row(q, method, reason or "no map was made", **setting) for q in QUESTIONS)
                continue
            yield _tracks(method, means, setting)
            yield _finds(method, means, cuts, setting)
            yield _repair(method, rows, means, titles, seed, setting)
            wide = both[(both["data"] == here["data"].iloc[0]) & (both["layer"] == layer)]
            yield _specific(method, wide[wide["method"] == method], means, cuts, seed, setting)
            yield _no_alarm(method, rows, means, cuts, seed, setting)


def _tracks(method: str, means: pd.DataFrame, setting: Mapping[str, str]) -> dict[str, Any]:
    if len(means) < 2:
        return absent_row(TRACKS, method, "a single network: give two or more", **setting)
    if np.ptp(means["reliance"]) < EQUAL:
        return absent_row(TRACKS, method, "all networks rely on the cue equally", **setting)
    if np.ptp(means["excess"]) < EQUAL:
        return exact_row(TRACKS, method, 0.0, reason="the same share on every network", **setting)
    score, low, high = spearman(_rounded(means["excess"]), _rounded(means["reliance"]))
    few = f"{len(means)} networks are too few for an interval" if len(means) < 4 else ""
    return interval_row(TRACKS, method, score, (low, high), len(means), reason=few, **setting)


def _finds(method: str, means: pd.DataFrame, cuts: Cuts, setting: Mapping[str, str]) -> dict[str, Any]:
    biased = means[means["reliance"] >= cuts.biased]["excess"]
    unbiased = means[means["reliance"] <= cuts.unbiased]["excess"]
    if biased.empty or unbiased.empty:
        which = f"biased network (reliance of {cuts.biased:g} or more)"
        if not biased.empty:
            which = f"unbiased network (reliance of {cuts.unbiased:g} or less)"
        return absent_row(FINDS, method, f"no {which}", **setting)
    together = pd.concat([biased, unbiased])
    if np.ptp(together) < EQUAL:
        return exact_row(FINDS, method, 0.5, reason="the same share on every network", **setting)
    score, low, high = roc_area(_rounded(biased), _rounded(unbiased))
    few = f"{len(together)} networks are too few for an interval" if len(together) < 4 else ""
    return interval_row(FINDS, method, score, (low, high), len(together), reason=few, **setting)


def _repair(
    method: str,
    rows: pd.DataFrame,
    means: pd.DataFrame,
    titles: Mapping[str, str],
    seed: int,
    setting: Mapping[str, str],
) -> dict[str, Any]:
    if len(means) < 2:
        return absent_row(REPAIR, method, "a single network: give two or more", **setting)
    biased, repaired = extremes(means)
    shares = rows.assign(excess=rows["share"] - rows["area"]).pivot(index="sample", columns="model", values="excess")
    differences = (shares[biased] - shares[repaired]).dropna().to_numpy()
    words = f"{titles[biased]} less {titles[repaired]}"
    if not len(differences):
        return absent_row(
            REPAIR, method, f"no image has a map of both {titles[biased]} and {titles[repaired]}", **setting
        )
    if np.abs(differences).max() < EQUAL:
        return exact_row(REPAIR, method, 0.0, reason=f"{words}: the same share on every image", **setting)
    return mean_row(REPAIR, method, differences.tolist(), seed, reason=words, **setting)


def _specific(
    method: str, both: pd.DataFrame, means: pd.DataFrame, cuts: Cuts, seed: int, setting: Mapping[str, str]
) -> dict[str, Any]:
    targets = list(both["target"].unique())[:2]
    if len(targets) < 2:
        return absent_row(SPECIFIC, method, "the run explains one class: set target: [predicted, top-2]", **setting)
    biased = means[means["reliance"] >= cuts.biased]["model"]
    if biased.empty:
        return absent_row(SPECIFIC, method, f"no biased network (reliance of {cuts.biased:g} or more)", **setting)
    here, keys = both[both["model"].isin(biased)], ["sample", "model"]
    changes = here.pivot(index=keys, columns="target", values="change").reindex(columns=targets)
    shares = here.pivot(index=keys, columns="target", values="share").reindex(columns=targets)
    gap, difference = (each[targets[0]] - each[targets[1]] for each in (changes, shares))
    values = (np.sign(gap) * difference)[gap.abs() > MATTERS].dropna()
    if values.empty:
        return absent_row(SPECIFIC, method, "on no image does the cue speak for one of the two classes", **setting)
    if values.abs().max() < EQUAL:
        return exact_row(SPECIFIC, method, 0.0, reason="the same share in the maps of both classes", **setting)
    per_image = values.groupby(level="sample").mean()  # an image is the unit
    return mean_row(SPECIFIC, method, per_image.tolist(), seed, **setting)


def _no_alarm(
    method: str, rows: pd.DataFrame, means: pd.DataFrame, cuts: Cuts, seed: int, setting: Mapping[str, str]
) -> dict[str, Any]:
    unbiased = means[means["reliance"] <= cuts.unbiased]["model"]
    if unbiased.empty:
        return absent_row(ALARM, method, f"no unbiased network (reliance of {cuts.unbiased:g} or less)", **setting)
    quiet = rows[rows["model"].isin(unbiased) & (rows["change"].abs() < rows["area"])]
    if quiet.empty:
        return absent_row(ALARM, method, "on every image the cue counts for the network", **setting)
    calm = (quiet["share"] <= quiet["chance"]).astype(float).groupby(quiet["sample"]).mean()  # an image is the unit
    return mean_row(ALARM, method, calm.tolist(), seed, **setting)


def extremes(means: pd.DataFrame) -> tuple[str, str]:
    """The networks that rely on the cue most and least.

    Args:
        means: a row per network, with reliance.
    """
    order = means.sort_values("reliance", kind="stable")["model"]
    return str(order.iloc[-1]), str(order.iloc[0])


def _rounded(values: pd.Series[float]) -> list[float]:
    """Values by which rounding orders nothing."""
    return [float(value) for value in np.round(values.to_numpy(dtype=np.float64) / EQUAL)]
