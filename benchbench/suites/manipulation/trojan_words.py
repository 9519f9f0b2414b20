"""The sentences of ``trojan``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from ...formatting import join_words, plural
from ...results.suite_answer import Question
from ..shown_names import ShownNames
from .trojan_place import TrojanPlace

NOTES = (
    "The trigger is the truth only where it alone decides. Images that are not of the attack's class with it, or that "
    "are of this class without it, are left out.",
    "A trigger is a simple, local cue. A method that finds it may still be wrong where the evidence is spread out.",
    "A network may use more than the trigger, as reviewers of arXiv:2405.02344 object. The table of the attack says "
    "how often the class goes away with the trigger.",
)


def sentence(
    place: TrojanPlace, verdicts: Sequence[Mapping[str, Any]], questions: Sequence[Question], names: ShownNames
) -> str:
    """On how many images the trigger decides, and which methods find it."""
    here = [v for v in names.judged(verdicts) if all(v[key] == value for key, value in place.setting.items())]
    asked = list(dict.fromkeys(v["method"] for v in here))
    passed = {q.name: {v["method"] for v in here if v["question"] == q.name and v["passes"] is True} for q in questions}
    whole = [label for label in asked if all(label in passed[q.name] for q in questions)]
    finds, undoes, quiet = (len(passed[q.name]) for q in questions)
    attack = place.attack
    return (
        f"On {names.models[place.model]}, the trigger decides the answer on {len(attack.units)} of "
        f"{plural(len(attack.pairs), 'image')} of {names.datasets[place.dataset]}. "
        f"Of {plural(len(asked), 'method')} at {place.layer}, {finds} find the trigger, {undoes} undo the attack when "
        f"their highest pixels are restored, and {quiet} are quiet without the trigger; "
        f"all three hold for {names.shortest(whole, asked)}."
    )


def findings(verdicts: Sequence[Mapping[str, Any]], questions: Sequence[Question], names: ShownNames) -> Iterator[str]:
    """Per question, the methods that fail it and those that are not clear."""
    judged = names.judged(verdicts)
    for question in questions:
        rows = [v for v in judged if v["question"] == question.name]
        failed = list(dict.fromkeys(v["method"] for v in rows if v["passes"] is False))
        open_ = list(dict.fromkeys(v["method"] for v in rows if pd.isna(v["passes"])))
        parts = [f"failed by {names.listed(failed)}"] if failed else []
        parts += [f"not clear for {names.listed(open_)}"] if open_ else []
        if parts:
            yield f"{question.title}: {join_words(parts)}."
