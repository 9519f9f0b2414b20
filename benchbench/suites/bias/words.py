"""The sentences of the suite ``bias``, made of its verdicts."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pandas as pd

from ...results.suite_answer import Question
from .cue_shares import TRUTH
from .verdicts import ALARM, MAIN, TRACKS

NOTES = (
    "The cue of the bundled data is a synthetic tag with hard edges beside the object. Natural cues may overlap the "
    "object, and a share of pixels then cannot tell them apart.",
    "The interval over networks takes each network as independent; the bundled twelve share one architecture and their "
    "scenes, so that it speaks of such networks only.",
    "Reliance is of the swap of two cues. A network that reads the presence of a cue and not its kind shows none.",
    "A share on the cue that is larger for biased networks does not mean that a person would notice the bias.",
)


def sentence(
    verdicts: pd.DataFrame, means: pd.DataFrame, data: str, titles: Mapping[str, str], controls: Collection[str]
) -> str:
    """The answer: how many methods pass, the best of them with its interval, and what the networks were.

    Args:
        verdicts: a row per question and method.
        means: a row per network and method, with reliance.
        data: the data's name in reports.
        titles: by label, the method's name in reports.
        controls: labels of controls.
    """
    networks = means.drop_duplicates(["dataset", "layer", "model"])
    count, images = means["model"].nunique(), int(means["n"].max())
    reliance = f"{networks['reliance'].min():.2f} to {networks['reliance'].max():.2f}"
    where = f"{count} networks with a reliance of {reliance} on a planted cue and {images} images of {data}"
    ranked = _of_methods(verdicts, TRACKS, controls)
    if ranked.empty:
        return f"On {where}, no method has a rank correlation with reliance: {_why(verdicts)}."
    best = ranked.sort_values("score", ascending=False, kind="stable").iloc[0]
    passing = [titles[m] for m in ranked["method"].unique() if passes_all(verdicts, m)]
    interval = f"95 % interval {best['low']:.2f} to {best['high']:.2f}" if pd.notna(best["low"]) else "no interval"
    which = f": {', '.join(passing)}" if passing else ""
    return (
        f"On {where}, {len(passing)} of {ranked['method'].nunique()} methods uncover the biased networks{which}. "
        f"The share of {titles[best['method']]} on the cue follows reliance best, Spearman {best['score']:.2f} "
        f"({interval})."
    )


def findings(verdicts: pd.DataFrame, titles: Mapping[str, str], controls: Collection[str]) -> tuple[str, ...]:
    """What fails, what raises false alarms, and what the controls and the oracle do."""
    methods = _of_methods(verdicts, TRACKS, controls)["method"].unique()
    failing = [titles[m] for m in methods if _any(verdicts, m, passes=False)]
    unclear = [titles[m] for m in methods if titles[m] not in failing and not passes_all(verdicts, m)]
    alarms = _of_methods(verdicts, ALARM, controls).sort_values("score", kind="stable")
    lines = [f"Fail at least one of the questions {_names()}: {', '.join(failing)}."] if failing else []
    lines += [f"Not clear for so few networks or images: {', '.join(unclear)}."] if unclear else []
    for row in alarms[alarms["passes"].eq(False).fillna(False)].to_dict("records"):
        rate = 1 - row["score"]
        lines.append(f"{titles[row['method']]} raises a false alarm on {rate:.0%} of the images of unbiased networks.")
    return (*lines, *_controls(verdicts, titles, controls))


def _controls(verdicts: pd.DataFrame, titles: Mapping[str, str], controls: Collection[str]) -> list[str]:
    known = [m for m in verdicts["method"].unique() if m in controls]
    passing = [titles[m] for m in known if passes_all(verdicts, m)]
    lines = [f"None of the {len(known)} controls passes the questions {_names()}."] if known and not passing else []
    if passing:
        lines.append(
            f"A control passes too: {', '.join(passing)}. A method that does no better shows where the network "
            "responds, not what the class depends on."
        )
    if passes_all(verdicts, TRUTH):
        lines.append(f"{titles[TRUTH]}, a map made of the true effects of cue and object, passes them.")
    return lines


def passes_all(verdicts: pd.DataFrame, method: str) -> bool:
    """Whether a method passes every main question that could be asked, and one at least, in every setting."""
    rows = verdicts[(verdicts["method"] == method) & verdicts["question"].isin([q.name for q in MAIN])]
    asked = rows[rows["status"] == "ok"]
    return not asked.empty and bool(asked["passes"].eq(True).fillna(False).all())


def _any(verdicts: pd.DataFrame, method: str, *, passes: bool) -> bool:
    rows = verdicts[(verdicts["method"] == method) & verdicts["question"].isin([q.name for q in MAIN])]
    return bool(rows["passes"].eq(passes).fillna(False).any())


def _of_methods(verdicts: pd.DataFrame, question: Question, controls: Collection[str]) -> pd.DataFrame:
    """The rows with a score, without controls and the oracle."""
    rows = verdicts[(verdicts["question"] == question.name) & (verdicts["status"] == "ok")]
    return rows[~rows["method"].isin([*controls, TRUTH])]


def _names() -> str:
    return ", ".join(question.title.lower() for question in MAIN)


def _why(verdicts: pd.DataFrame) -> str:
    reasons = verdicts[(verdicts["question"] == TRACKS.name) & (verdicts["reason"] != "")]["reason"]
    return str(reasons.iloc[0]) if len(reasons) else "no method made a map"
