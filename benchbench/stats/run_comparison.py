"""Two runs against each other: other weights, other code, or another machine, on the same images."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..errors import BenchError
from ..results.record import Record, with_units
from .leaderboards import CELL, CONTEST
from .metric_scale import scales
from .paired_tests import holm
from .pairwise import INCOMPARABLE, Pair, equivalent, measured_pairs, verdicts
from .resampling import mean
from .score_matrix import Scores, scores
from .units import by_unit, numbered

FIRST, SECOND = "first", "second"
QUALITY = [
    "n",
    "left_out",
    "failed",
    "other_failed",
    "other_targets",
    "mean",
    "other_mean",
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
    "reason",
]
COLUMNS = [*CELL, "other_model", *QUALITY]


def versus(
    first: Record, second: Record, models: Mapping[str, str] | None = None, margin: float | None = None
) -> pd.DataFrame:
    """One row per model, dataset, layer, method, quality metric and protocol of either run.

    Images are the same where their id and the fingerprint of their content are; others are left out. What differs in
    the parameters of a method or a metric is incomparable.

    Args:
        models: by a model's name in the first run, its name in the second; None: equal names, or the only ones.
        margin: as in ``pairs``.

    Returns:
        The key as in the first run, ``other_model``; ``mean`` of the first and ``other_mean`` of the second run over
        the ``n`` common independent images; ``mean_difference``, second - first, with its 95 % interval ``low``,
        ``high``;
        ``failed`` in the second, ``other_failed`` in the first; ``other_targets``: common images on which the second
        explains another class; ``effect``, ``p_better`` and ``verdict`` of the second run; ``reason``
        where it is incomparable. Holm's correction is over all rows of one metric and protocol. The rest as in
        ``pairs``.

    Raises:
        BenchError: no model, or no dataset, of the first run is in the second.
    """
    names = matched(first, second, models)
    rows = [_rows(first, names, FIRST, second), _rows(second, {name: name for name in names.values()}, SECOND, first)]
    back = {new: old for old, new in names.items()}
    rows[1]["model"] = rows[1]["model"].map(back).astype("string")
    both = with_units(pd.concat(rows, ignore_index=True), first.info)
    odd = _odd(first.info, second.info)
    known = {**scales(second.info), **scales(first.info)}
    contests = scores(both, known, by=[*CONTEST, "method"], across="run")
    tables = [_row(contest, margin, int(first.info["seed"])) for contest in contests]
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=COLUMNS)
    if tables:
        table = _judged(table, odd).merge(_targets(both), how="left", on=["model", "dataset", "layer", "method"])
        table["other_targets"] = table["other_targets"].fillna(0).astype("int64")
        table["other_model"] = table["model"].map(names)
    return table[COLUMNS]


def matched(first: Record, second: Record, models: Mapping[str, str] | None) -> dict[str, str]:
    """By model of the first run, that of the second."""
    first_names, second_names = ([str(model["name"]) for model in run.info["models"]] for run in (first, second))
    if models is not None:
        for name, side in [
            *((name, first_names) for name in models),
            *((name, second_names) for name in models.values()),
        ]:
            if name not in side:
                raise BenchError(f"no model is called {name}", where="models", hint=f"There are: {', '.join(side)}")
        return dict(models)
    names = {name: name for name in first_names if name in second_names}
    if not names and len(first_names) == len(second_names) == 1:
        names = {first_names[0]: second_names[0]}
    if not names:
        raise BenchError(
            f"the runs have no model in common: {', '.join(first_names)}; {', '.join(second_names)}",
            where=str(second.folder),
            hint="Pair the models: --models NAME_IN_A=NAME_IN_B",
        )
    if not {d["name"] for d in first.info["datasets"]} & {d["name"] for d in second.info["datasets"]}:
        raise BenchError("the runs have no dataset in common", where=str(second.folder), hint="Use the same data")
    return names


def _rows(record: Record, names: Mapping[str, str], run: str, other: Record) -> pd.DataFrame:
    """The quality rows of the models that are compared, on images that the other run has with the same content."""
    rows = record.results[record.results["sample"].notna() & record.results["model"].isin(list(names))]
    marks, other_marks = (_marks(each.info) for each in (record, other))
    common = {key for key, mark in marks.items() if other_marks.get(key) == mark}
    same = [key in common for key in zip(rows["dataset"], rows["sample"], strict=True)]
    return rows[np.array(same, dtype=np.bool_)].assign(run=run)


def _marks(info: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """By dataset and sample, the fingerprint of its content."""
    return {(d["name"], sample): mark for d in info["datasets"] for sample, mark in d["samples"].items()}


def _row(contest: Scores, margin: float | None, seed: int) -> pd.DataFrame:
    """One cell of both runs; of one run alone, with the reason."""
    table = pd.DataFrame([contest.key], columns=[*CONTEST, "method"])
    if set(contest.methods) != {FIRST, SECOND}:
        return table.assign(reason=f"only the {contest.methods[0]} run has it")
    second, first = contest.methods.index(SECOND), contest.methods.index(FIRST)
    comparison = measured_pairs(contest, [Pair(second, first)], margin, seed).drop(columns=["method", "other"])
    both = np.asarray(~np.isnan(contest.values).any(1))
    units = numbered([name for name, known in zip(contest.belongs, both, strict=True) if known])
    comparison["mean"], comparison["other_mean"] = mean(by_unit(contest.values[both], units))[[first, second]]
    return pd.concat([table, comparison], axis=1).assign(reason="")


def _judged(table: pd.DataFrame, odd: Mapping[tuple[str, ...], str]) -> pd.DataFrame:
    """With Holm's correction, the verdict, and why there is none."""
    wanted = dict.fromkeys([*table, *QUALITY, "_low90", "_high90", "_exact"])
    table = table.reindex(columns=[name for name in wanted if name != "other_targets"])
    for name in ("n", "left_out", "failed", "other_failed"):
        table[name] = table[name].fillna(0).astype("int64")
    for name in ("p", "effect", "margin", "_low90", "_high90"):
        table[name] = table[name].astype("float64")
    table["test"] = table["test"].astype("string").fillna("")
    measures = table[["metric", "protocol"]].itertuples(index=False, name=None)
    strange = [
        odd.get(("metric", *m)) or odd.get(("method", a)) for m, a in zip(measures, table["method"], strict=True)
    ]
    table["reason"] = [reason or difference or "" for reason, difference in zip(table["reason"], strange, strict=True)]
    table.loc[table["reason"] != "", "p"] = math.nan
    table["p_holm"] = table.groupby(["metric", "protocol"], sort=False)["p"].transform(lambda p: holm(p.to_numpy()))
    table["_exact"] = table["_exact"].eq(True)
    table["equivalent"] = equivalent(table) & table["p"].notna()
    table["verdict"] = verdicts(table)
    empty = (table["verdict"] == INCOMPARABLE) & (table["reason"] == "")
    table.loc[empty, "reason"] = "no image can be compared"
    return table


def _odd(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[tuple[str, ...], str]:
    """By metric and protocol, or method: what was asked otherwise."""
    reasons: dict[tuple[str, ...], str] = {}
    for kind, names in (("metric", ("name", "protocol")), ("method", ("name",))):
        first_settings, second_settings = (_settings(info[f"{kind}s"], names) for info in (first, second))
        for key, settings in first_settings.items():
            if second_settings.get(key, settings) != settings:
                reasons[kind, *key] = f"the {kind}'s parameters differ: {_differ(settings, second_settings[key])}"
    return reasons


def _settings(entries: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dict[tuple[str, ...], dict[str, Any]]:
    return {tuple(entry[name] for name in names): entry["parameters"] for entry in entries}


def _differ(first: Mapping[str, Any], second: Mapping[str, Any]) -> str:
    keys = [key for key in {**first, **second} if first.get(key) != second.get(key)]
    return ", ".join(f"{key} {first.get(key)!r}, {second.get(key)!r}" for key in keys)


def _targets(both: pd.DataFrame) -> pd.DataFrame:
    """Per model, dataset, layer and method: images on which the runs explain different classes."""
    place = ["model", "dataset", "layer", "method"]
    once = both.drop_duplicates([*place, "sample", "run"])
    wide = once.pivot(index=[*place, "sample"], columns="run", values="target")
    if not {FIRST, SECOND} <= set(wide):
        return pd.DataFrame(columns=[*place, "other_targets"])
    differ = wide[FIRST].notna() & wide[SECOND].notna() & (wide[FIRST] != wide[SECOND])
    return differ.groupby(level=place, sort=False).sum().rename("other_targets").reset_index()
