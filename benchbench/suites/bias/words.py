"""The sentences of the suite ``bias``, made of its verdicts."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from ...formatting import join_some, plural
from ...results.suite_answer import Question
from ..shown_names import ShownNames
from .cue_shares import TRUTH
from .verdicts import ALARM, MAIN, TRACKS

NAMED = 3  # networks whose names are in the sentence
NOTES = (
    "The cue of the bundled data is a synthetic tag with hard edges beside the object. A natural cue may overlap the "
    "object: then a share of pixels cannot separate the two.",
    "The interval over networks takes the networks as independent. The bundled twelve share one architecture and their "
    "scenes, so the interval holds for such networks only.",
    "Reliance is measured by swapping two cues. A network that reads only whether there is a cue has no reliance.",
    "Maps of biased networks that show the cue do not prove that a person would notice the bias.",
)


def sentence(verdicts: pd.DataFrame, means: pd.DataFrame, names: ShownNames, data: str) -> str:
    """The answer: how many methods pass, the best of them with its interval, and what the networks were.

    Args:
        verdicts: a row per question and method.
        means: a row per network and method, with reliance.
        names: of the study.
        data: the data's name in reports.
    """
    networks = means.drop_duplicates(["dataset", "layer", "model"])
    models = [names.models[model] for model in means["model"].unique()]
    which = plural(len(models), "network") if len(models) > NAMED else join_some(models)
    where = f"On {plural(int(means['n'].max()), 'image')} of {data} and {which}"
    reliance = f"{networks['reliance'].min():.2f} to {networks['reliance'].max():.2f}"
    ranked = _of_methods(verdicts, TRACKS, names)
    if ranked.empty:
        return f"{where} (reliance on the cue {reliance}), no method has a rank correlation: {_why(verdicts)}."
    asked = list(dict.fromkeys(ranked["method"]))
    passing = [method for method in asked if passes_all(verdicts, method)]
    best = ranked.sort_values("score", ascending=False, kind="stable").iloc[0]
    interval = f"95 % interval {best['low']:.2f} to {best['high']:.2f}" if pd.notna(best["low"]) else "no interval"
    listed = f": {names.listed(passing)}" if passing else ""
    return (
        f"{where}, {len(passing)} of {plural(len(asked), 'method')} uncover how much the networks rely on a planted "
        f"cue{listed}. The networks' reliance is {reliance}, and the share of the map on the cue follows it best with "
        f"{names.methods[best['method']]}: Spearman's correlation is {best['score']:.2f} ({interval})."
    )


def findings(verdicts: pd.DataFrame, names: ShownNames) -> tuple[str, ...]:
    """What fails, what is not clear, what raises false alarms, and what the controls and the oracle do."""
    return (
        *_questions(verdicts, names, "fail", passes=False),
        *_questions(verdicts, names, "are not clear on", passes=None),
        *_alarms(verdicts, names),
        *_controls(verdicts, names),
    )


def _questions(verdicts: pd.DataFrame, names: ShownNames, verb: str, *, passes: bool | None) -> Iterator[str]:
    """By question, the methods with this verdict on it."""
    for question in MAIN:
        rows = _of_methods(verdicts, question, names)
        chosen = rows[rows["passes"].isna() if passes is None else rows["passes"].eq(passes).fillna(False)]
        if len(chosen):
            methods = list(dict.fromkeys(chosen["method"]))
            ending = "." if passes is False else ": the 95 % interval contains the threshold."
            verb_form = verb.replace("fail", "fails").replace("are", "is") if len(methods) == 1 else verb
            yield f"{names.listed(methods)} {verb_form} “{question.title}”{ending}"


def _alarms(verdicts: pd.DataFrame, names: ShownNames) -> Iterator[str]:
    rows = _of_methods(verdicts, ALARM, names).sort_values("score", kind="stable")
    rates = [
        f"{names.methods[row['method']]} on {1 - row['score']:.0%}"
        for row in rows[rows["passes"].eq(False).fillna(False)].to_dict("records")
    ]
    if rates:
        yield f"False alarms on images of unbiased networks: {join_some(rates)}."


def _controls(verdicts: pd.DataFrame, names: ShownNames) -> Iterator[str]:
    known = [method for method in verdicts["method"].unique() if method in names.controls]
    passing = [method for method in known if passes_all(verdicts, method)]
    if known and not passing:
        yield f"None of the {plural(len(known), 'control')} passes all of {_names()}."
    if passing:
        yield (
            f"A control passes too: {names.listed(passing)}. A method that does no better shows where the network "
            "responds, and not what the class depends on."
        )
    if passes_all(verdicts, TRUTH):
        yield f"{TRUTH} passes all of them: a map made of the true effects of cue and object."


def passes_all(verdicts: pd.DataFrame, method: str) -> bool:
    """Whether a method passes every main question that could be asked, and one at least, in every setting."""
    rows = verdicts[(verdicts["method"] == method) & verdicts["question"].isin([q.name for q in MAIN])]
    asked = rows[rows["status"] == "ok"]
    return not asked.empty and bool(asked["passes"].eq(True).fillna(False).all())


def _of_methods(verdicts: pd.DataFrame, question: Question, names: ShownNames) -> pd.DataFrame:
    """The rows with a score, without controls and the oracle."""
    rows = verdicts[(verdicts["question"] == question.name) & (verdicts["status"] == "ok")]
    return rows[~rows["method"].isin([*names.controls, TRUTH])]


def _names() -> str:
    return join_some(f"“{question.title}”" for question in MAIN)


def _why(verdicts: pd.DataFrame) -> str:
    reasons = verdicts[(verdicts["question"] == TRACKS.name) & (verdicts["reason"] != "")]["reason"]
    return str(reasons.iloc[0]) if len(reasons) else "no method made a map"
